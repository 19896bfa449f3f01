"""Labels for the inputs of tabular inlines, which Django leaves without one."""

from typing import Any

from django.forms.models import BaseInlineFormSet


class LabelledFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # not generic at run time
    """The formset of tabular inlines: every visible input is named after its column and row."""

    def add_fields(self, form: Any, index: Any) -> None:
        """Add the formset's own fields, then name all inputs for screen readers."""
        super().add_fields(form, index)
        row = "new row" if index is None else f"row {index + 1}"
        for name, field in form.fields.items():
            if not field.widget.is_hidden:
                label = field.label or name.replace("_", " ").capitalize()
                field.widget.attrs.setdefault("aria-label", f"{label}, {row}")

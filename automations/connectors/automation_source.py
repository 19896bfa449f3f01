"""Source: what another automation has made, each output taken once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.apps import apps

from automations.connectors.base import Item, Source
from automations.errors import Problem
from automations.text import one_line

USUAL_FIRST = 10
LARGEST_FIRST = 1_000
PAGE = 1_000


class MappingField(forms.Field):
    """Lines `input field = output field` in the form, an object in the settings."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        """Show a stored mapping as lines."""
        if not isinstance(value, Mapping):
            return value
        return "\n".join(f"{name} = {source}" for name, source in value.items())

    def to_python(self, value: Any) -> dict[str, str]:
        """Read lines or a stored mapping. Raises `ValidationError` naming the line."""
        if isinstance(value, Mapping):
            return {str(name): str(source) for name, source in value.items()}
        pairs = {}
        for line in filter(str.strip, str(value or "").splitlines()):
            name, equals, source = (part.strip() for part in line.partition("="))
            if not (name and equals and source):
                shown = one_line(line, limit=40)
                message = f"`{shown}` is no pair; write one per line, like `content = summary`."
                raise forms.ValidationError(message)
            pairs[name] = source
        return pairs


class AutomationSourceForm(forms.Form):
    """Whose outputs are taken, and what of them."""

    automation = forms.SlugField(
        label="Automation",
        help_text="Whose outputs are taken.",
    )
    mapping = MappingField(
        label="Fields",
        required=False,
        help_text="Empty: the whole text. Else one per line, input field = field of its data, for "
        "example content = summary.",
    )
    first_take = forms.IntegerField(
        label="At the first time",
        min_value=1,
        max_value=LARGEST_FIRST,
        initial=USUAL_FIRST,
        required=False,
        help_text=f"How many of the newest outputs the first run takes; {USUAL_FIRST} when empty.",
    )

    def clean_automation(self) -> str:
        """Refuse a name that nobody has."""
        slug: str = self.cleaned_data["automation"]
        if not _automations().filter(slug=slug).exists():
            known = ", ".join(_automations().values_list("slug", flat=True)[:20])
            raise forms.ValidationError(f"There is no automation {slug}; known: {known or 'none'}.")
        return slug

    def clean_first_take(self) -> int:
        """Fill in the usual number."""
        return self.cleaned_data["first_take"] or USUAL_FIRST


class AutomationSource(Source):
    """Outputs of another automation's successful runs, those of samples and tries left out."""

    kind = "automation"
    label = "Another automation"
    help = (
        "Takes what another automation has made, each output once: of its successful runs, "
        "oldest first. Add a schedule to look for new ones."
    )
    settings_form = AutomationSourceForm

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return f"takes new outputs of {settings['automation']}"

    @property
    def remembers(self) -> bool:
        return True

    @property
    def first_take(self) -> int | None:
        return self.settings.get("first_take") or USUAL_FIRST

    def items(self) -> list[Item]:
        """Return the newest outputs; a chain that is too deep ends here."""
        return self.filled(next(self.pages(), []))

    def pages(self) -> Iterator[list[Item]]:
        """Yield all outputs, the newest first, without their data: most were taken before."""
        self._require_upstream()
        runs = _successes(self.settings["automation"])
        while page := list(runs.values_list("pk", "depth")[:PAGE]):
            yield [_item(pk, depth) for pk, depth in page]
            runs = runs.filter(pk__lt=page[-1][0])

    def filled(self, items: Sequence[Item]) -> list[Item]:
        """Read the outputs of items; those whose run was removed meanwhile are left out."""
        runs = _runs().in_bulk([item.caused_by for item in items])
        mapping = self.settings.get("mapping") or {}
        return [
            replace(item, data=_mapped(runs[item.caused_by], mapping))
            for item in items
            if item.caused_by in runs
        ]

    def _require_upstream(self) -> None:
        slug = self.settings["automation"]
        if not _automations().filter(slug=slug).exists():
            raise Problem(
                f"There is no automation {slug} any more; choose another one as the source.",
                category="source_error",
                code="no_automation",
            )


def _item(pk: int, depth: int) -> Item:
    return Item(f"run {pk}", f"run {pk}", caused_by=pk, depth=depth + 1)


def _mapped(run: Any, mapping: Mapping[str, str]) -> dict[str, Any]:
    """Return the input that an output makes; a field that it lacks is left out."""
    if not mapping:
        return {"content": run.output_text}
    output = run.output_data if isinstance(run.output_data, Mapping) else {}
    return {name: output[source] for name, source in mapping.items() if source in output}


def _successes(slug: str) -> Any:
    runs = _runs()
    real = runs.filter(automation_id=slug, status="success", is_simulated=False, is_sample=False)
    return real.filter(depth__lt=runs.model.MAX_DEPTH).order_by("-id")


def _runs() -> Any:
    return apps.get_model("automations", "Run")._default_manager


# The models know the connectors, not the other way round: their registry stands in between.
def _automations() -> Any:
    return apps.get_model("automations", "Automation")._default_manager.order_by("slug")

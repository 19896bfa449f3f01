"""What our admin classes share: audit trail, read-only history, uncounted lists, JSON."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.forms import ModelForm, Textarea
from django.http import HttpRequest
from django.utils.functional import cached_property

from automations.audit import record

SECRET_FIELDS = frozenset({"key", "forget_key"})


class IndentedEncoder(DjangoJSONEncoder):
    """JSON as people edit it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "indent": 2})


JSON_FIELDS: dict[type[models.Field[Any, Any]], dict[str, Any]] = {
    models.JSONField: {
        "encoder": IndentedEncoder,
        "show_hidden_initial": False,
        "widget": Textarea(attrs={"rows": 6, "class": "monospace", "spellcheck": "false"}),
    },
}


class AuditedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Every change made through a form leaves a row in the audit trail, in its transaction."""

    formfield_overrides = JSON_FIELDS

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        """Offer rows to choose from, not four more buttons."""
        field: Any = super().formfield_for_dbfield(db_field, request, **options)
        for verb in ("add", "change", "delete", "view") if field else ():
            setattr(field.widget, f"can_{verb}_related", False)
        return field

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Save the row, and what changed of it."""
        super().save_model(request, obj, form, change)
        before, after = differences(form) if change else ({}, {})
        action = f"{'change' if change else 'add'} {obj._meta.verbose_name}"
        record(action, obj, by=request.user, before=before, after=after)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete the row, and note who did."""
        record(f"delete {obj._meta.verbose_name}", obj, by=request.user)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Delete one by one, so that each leaves its note."""
        for obj in queryset:
            self.delete_model(request, obj)


def differences(form: ModelForm[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a form's changed fields before and after, secrets left out, everything as text."""
    names = [name for name in form.changed_data if name not in SECRET_FIELDS]
    before = {name: _shown(form.initial.get(name)) for name in names}
    return before, {name: _shown(form.cleaned_data.get(name)) for name in names}


def _shown(value: Any) -> Any:
    plain = value is None or isinstance(value, (bool, int, float))
    return value if plain else str(value)[:2000]


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Counts at most a thousand rows: no page pays for the millionth one."""

    MOST = 1000

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most `MOST`."""
        return len(self.object_list.order_by().values_list("pk")[: self.MOST])  # type: ignore[attr-defined]


class HistoryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Rows that the engine writes: looked at, never added, changed or deleted here."""

    paginator = BoundedPaginator
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    sortable_by = ()
    list_per_page = 50
    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

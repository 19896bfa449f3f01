"""JSON as people type it, in fields that refuse what no database stores."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.forms.fields import InvalidJSONInput

from automations.errors import Problem
from automations.text import NotFinite, clean_data, load_json

NOT_JSON = (
    'This is not valid JSON; write it like {"name": "value"}, with double quotes around texts.'
)


class JSONInput(forms.JSONField):
    """Typed JSON, parsed strictly: finite numbers only, at most 64 levels, storable texts."""

    def to_python(self, value: Any) -> Any:
        """Parse the text, or raise `ValidationError` with a sentence for the person."""
        if isinstance(value, str) and value not in self.empty_values and not self.disabled:
            _parsed(value)
        return _storable(super().to_python(value))

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Show what was refused as it was typed: it may be too deep to be read or written."""
        try:
            if isinstance(data, str) and not self.disabled:
                _parsed(data)
        except ValidationError:
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)


class StrictJSONField(models.JSONField):
    """A JSON column whose `clean` refuses NaN and Infinity and replaces unstorable characters."""

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Return the value as every database stores it, or raise `ValidationError`."""
        return super().clean(_storable(value), model_instance)

    def formfield(self, **options: Any) -> Any:
        """Let forms parse as strictly."""
        return super().formfield(**{"form_class": JSONInput, **options})

    def deconstruct(self) -> Any:
        """Be the plain column for migrations: only what Python accepts differs."""
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.JSONField", args, options


def _parsed(value: str) -> None:
    """Refuse what the strict loader refuses, with its sentence where it has one."""
    try:
        load_json(value)
    except (NotFinite, Problem) as error:
        raise ValidationError(str(error), code="invalid") from error
    except (ValueError, RecursionError) as error:
        raise ValidationError(NOT_JSON) from error


def _storable(value: Any) -> Any:
    try:
        return clean_data(value)
    except (NotFinite, Problem) as error:
        raise ValidationError(str(error), code="invalid") from error

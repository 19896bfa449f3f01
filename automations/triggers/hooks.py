"""Triggers with a public address: a webhook, and an object store that tells of new objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import forms

from automations.triggers.base import TriggerKind

_PATH = re.compile(r"[^.\s]{1,80}(\.[^.\s]{1,80}){0,9}")


class WebhookForm(forms.Form):
    """Which part of a call's body is the input."""

    field = forms.CharField(
        label="Take this field",
        max_length=200,
        required=False,
        help_text="Which part of the body is the input, for example data.article or items.0.text; "
        "empty takes the whole body. JSON that is not the input's own fields becomes a text "
        "where the automation takes a plain text; anything else is refused with 422.",
    )

    def clean_field(self) -> str:
        """Refuse what is no dotted path."""
        path: str = self.cleaned_data["field"]
        if path and not _PATH.fullmatch(path):
            raise forms.ValidationError(
                "Write names with a dot between them, at most ten, for example data.article."
            )
        return path


class Webhook(TriggerKind):
    """Starts a run for each call of its address."""

    kind = "webhook"
    label = "Webhook"
    help = "Starts a run when another program calls its address with JSON or a text."
    settings_form = WebhookForm
    has_hook = True

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        field = settings.get("field")
        return f"a call's field {field}" if field else "a call's body"


class NothingToSet(forms.Form):
    """The form of a kind whose settings are the source's."""


class ObjectEvent(TriggerKind):
    """Starts a run for each object that the source's bucket tells of."""

    kind = "object_event"
    label = "New object"
    help = (
        "Starts a run when the bucket of this automation's source tells of a new object, by an "
        "S3 event notification or Amazon EventBridge."
    )
    settings_form = NothingToSet
    has_hook = True

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return "a new object in the source's bucket"

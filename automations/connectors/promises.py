"""What a destination does when nobody knows whether an output arrived: the editor's choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from automations.connectors.base import AT_LEAST_ONCE, AT_MOST_ONCE

ASK = "ask"
AGAIN = "again"


class UnknownOutcomeForm(forms.Form):
    """For receivers that would keep two copies of what they get twice."""

    when_unknown = forms.ChoiceField(
        label="When nobody knows whether it arrived",
        required=False,
        choices=[
            (ASK, "Ask a person: nothing is sent twice unasked"),
            (AGAIN, "Send it again: it may arrive twice"),
        ],
        help_text="A connection can break after the output was taken, before that was said.",
    )

    def clean_when_unknown(self) -> str:
        """Fill in the careful choice."""
        return self.cleaned_data["when_unknown"] or ASK


def promise_of(settings: Mapping[str, Any]) -> str:
    """Return the promise that settings of `UnknownOutcomeForm` make."""
    return AT_LEAST_ONCE if settings.get("when_unknown") == AGAIN else AT_MOST_ONCE

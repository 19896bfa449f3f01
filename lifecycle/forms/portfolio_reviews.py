"""What a person decides about one automation in the monthly review."""

from __future__ import annotations

from typing import Any

from django import forms

from automations.forms import AnyText
from lifecycle.models import PortfolioDecision


class DecisionForm(forms.Form):
    """One of four decisions, and the reason; the ids of its fields name the row."""

    decision = forms.ChoiceField(
        choices=PortfolioDecision.Decision.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of the four."},
    )
    reason = AnyText(
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Needed when you decide against the suggestion.",
    )

    def __init__(self, row: PortfolioDecision, data: Any = None) -> None:
        stored = {"decision": row.decision or None, "reason": row.reason}
        super().__init__(data, initial=stored, auto_id=f"decision-{row.pk}-%s")

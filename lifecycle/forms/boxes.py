"""The forms beside a box: exempt it, attest it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from lifecycle.services.exemptions import (
    LONGEST_ATTESTATION_DAYS,
    LONGEST_EXEMPTION_DAYS,
    MOST_CHARACTERS,
)

USUAL = timedelta(days=30)


class BoxForm(forms.Form):
    """A text and a day for one box; the ids of its fields name the box and what it is for."""

    days: int  # the longest time ahead
    day: str  # the name of the field with the day
    purpose: str

    def __init__(self, number: int, data: Any = None) -> None:
        super().__init__(data, auto_id=f"box-{number}-{self.purpose}-%s")
        today = timezone.localdate()
        bounds = {"min": f"{today}", "max": f"{today + timedelta(days=self.days)}"}
        field = self.fields[self.day]
        field.widget.attrs.update(bounds)
        field.initial = today + USUAL

    def take(self, error: ValidationError) -> None:
        """Show what the service refused at the fields it is about."""
        for name, told in error.error_dict.items():
            if name not in self.errors:
                self.add_error(name, told)


def _text(label: str, help_text: str) -> forms.CharField:
    area = forms.Textarea(attrs={"rows": 3})
    return forms.CharField(
        label=label, help_text=help_text, widget=area, max_length=MOST_CHARACTERS
    )


def _day(label: str, help_text: str, **more: Any) -> forms.DateField:
    shown = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    return forms.DateField(label=label, help_text=help_text, widget=shown, **more)


class ExemptionForm(BoxForm):
    """Why a box may pass, and how long."""

    days, day, purpose = LONGEST_EXEMPTION_DAYS, "until", "exempt"
    reason = _text("Reason", "It stands on the page, with your name.")
    until = _day("Last day", "From then on the box counts as missing again.")


class AttestationForm(BoxForm):
    """What a person vouches for, and how long."""

    days, day, purpose = LONGEST_ATTESTATION_DAYS, "expires_on", "attest"
    backup_on = _day("Day of the last backup", "As far as you have seen it.")
    comment = _text("What you have seen", "It stands on the page, with your name.")
    expires_on = _day("Last day", "At most 90 days; then somebody looks again.")

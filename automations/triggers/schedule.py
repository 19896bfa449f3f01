"""Trigger: a schedule, a cron expression in a time zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms

from automations.strict_json import JSONInput
from automations.triggers import cron
from automations.triggers.base import TriggerKind

ONCE, SKIP = "once", "skip"
ALLOW, QUEUE = "allow", "queue"

MISSED = [
    (ONCE, "Run once when it is possible again"),
    (SKIP, "Skip: wait for the next time"),
]
OVERLAP = [
    (ALLOW, "Start the next one beside it"),
    (QUEUE, "Wait: start one within a minute after it has ended"),
    (SKIP, "Skip: wait for the next time"),
]
PRESETS = [
    ("0 * * * *", "Every hour"),
    ("*/15 * * * *", "Every 15 minutes"),
    ("0 9 * * *", "Every day at nine"),
    ("0 9 * * 1-5", "Workdays at nine"),
    ("0 9 * * 1", "Mondays at nine"),
    ("0 9 1 * *", "First of the month at nine"),
]


class ScheduleForm(forms.Form):
    """When a schedule starts runs, on what, and what it does in awkward moments."""

    cron = forms.CharField(
        label="When",
        max_length=100,
        error_messages={"required": "A schedule needs a cron expression, e.g. 0 9 * * 1-5."},
        widget=forms.TextInput(attrs={"class": "monospace", "autocomplete": "off"}),
        help_text="Minute, hour, day, month, weekday: “0 9 * * 1-5” is nine o'clock on workdays.",
    )
    timezone = forms.CharField(
        label="Time zone",
        max_length=60,
        required=False,
        initial="UTC",
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
        help_text="Type to search, for example Europe/Berlin; UTC when empty.",
    )
    input = JSONInput(
        label="Input",
        required=False,
        initial=dict,
        widget=forms.Textarea(attrs={"rows": 4, "class": "monospace"}),
        help_text="The input of each run as a JSON object; {} takes what the source holds.",
    )
    missed = forms.ChoiceField(
        label="When a time was missed",
        choices=MISSED,
        required=False,
        initial=ONCE,
        help_text="No worker looked for five minutes, or the automation was paused.",
    )
    overlap = forms.ChoiceField(
        label="When the run before has not ended",
        choices=OVERLAP,
        required=False,
        initial=ALLOW,
        help_text="A run that waits for approval has not ended.",
    )

    def clean_cron(self) -> str:
        """Refuse what is no expression, and dates that never come."""
        try:
            return cron.check(self.cleaned_data["cron"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def clean_timezone(self) -> str:
        """Refuse what is no time zone."""
        name = self.cleaned_data["timezone"] or "UTC"
        try:
            cron.zone_of(name)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        return str(name)

    def clean_input(self) -> dict[str, Any]:
        """Refuse what is not an object."""
        value = self.cleaned_data["input"] or {}
        if not isinstance(value, dict):
            raise forms.ValidationError('Write a JSON object, for example {"content": "..."}.')
        return value

    def clean_missed(self) -> str:
        """Fill in the usual policy."""
        return self.cleaned_data["missed"] or ONCE

    def clean_overlap(self) -> str:
        """Fill in the usual policy."""
        return self.cleaned_data["overlap"] or ALLOW


class Schedule(TriggerKind):
    """Starts runs at the times of a cron expression."""

    kind = "schedule"
    label = "Schedule"
    help = "Starts by itself at times that a cron expression names, in a time zone of your choice."
    settings_form = ScheduleForm

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return f"{settings.get('cron', '?')} ({settings.get('timezone', 'UTC')})"

    @classmethod
    def next_at(cls, settings: Mapping[str, Any], *, after: datetime) -> datetime | None:
        return cron.next_after(settings["cron"], settings.get("timezone", "UTC"), after=after)

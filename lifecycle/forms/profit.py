"""What people fill in about money and effort."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms

from automations.models import Automation
from lifecycle.models import Effort, ProfitPeriod, Team
from lifecycle.models.profit import HOURS_MISSING, installation_today
from lifecycle.phases import PHASES

if TYPE_CHECKING:
    PeriodModelForm = forms.ModelForm[ProfitPeriod]
    EffortModelForm = forms.ModelForm[Effort]
else:
    PeriodModelForm = EffortModelForm = forms.ModelForm

DAY = {"type": "date"}
A_WEEK = timedelta(days=6)  # and today


def day_field(label: str, help_text: str = "") -> forms.DateField:
    """Return a field for a day, with the browser's own calendar."""
    return forms.DateField(
        label=label,
        help_text=help_text,
        widget=forms.DateInput(attrs=DAY, format="%Y-%m-%d"),
    )


class PeriodForm(PeriodModelForm):
    """Some days and what they brought; costs are measured, not typed."""

    starts_on = day_field("First day")
    ends_on = day_field("Last day", "Included; today at the latest.")

    class Meta:
        model = ProfitPeriod
        fields = (
            "kind",
            "starts_on",
            "ends_on",
            "hours_saved",
            "hour_rate_usd",
            "gross_usd",
            "review_rate_usd",
            "note",
        )
        labels = {
            "kind": "What it brought",
            "hours_saved": "Time saved: hours",
            "hour_rate_usd": "Time saved: value of an hour, $",
            "gross_usd": "Revenue: amount, $",
            "review_rate_usd": "Cost of an hour of review, $",
            "note": "Note",
        }
        help_texts = {
            "hours_saved": "In all of these days together.",
            "hour_rate_usd": "What the saved time is worth; the gross value is hours x this.",
            "gross_usd": "Before any cost.",
            "review_rate_usd": "Minutes of review are measured and cost this.",
            "note": "Where the number comes from, for whoever asks later.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("hours_saved", "hour_rate_usd", "gross_usd"):
            self.fields[name].required = False
        for name in ("hours_saved", "hour_rate_usd", "gross_usd", "review_rate_usd"):
            self.fields[name].widget.attrs.update({"min": "0", "inputmode": "decimal"})

    def clean(self) -> dict[str, Any]:
        """Ask for what the kind needs: revenue as typed, or hours and what they are worth."""
        values = super().clean() or self.cleaned_data
        if not values.get("kind"):
            return values  # what is needed besides depends on it
        if values.get("kind") == ProfitPeriod.Kind.REVENUE:
            self._ask_for("gross_usd", "Write the revenue of these days, 0 if there was none.")
            return values
        self.errors.pop("gross_usd", None)  # not asked for: it is worked out
        for name in ("hours_saved", "hour_rate_usd"):
            self._ask_for(name, HOURS_MISSING)
        return values

    def _ask_for(self, name: str, sentence: str) -> None:
        if self.cleaned_data.get(name) is None and name not in self.errors:
            self.add_error(name, sentence)


def new_period(automation: Automation) -> ProfitPeriod:
    """Return a period to fill in: the team's rates, from the day after the last one until today."""
    team, today = Team.current(), installation_today()
    last = automation.profit_periods.order_by("-ends_on").first()
    first = last.ends_on + timedelta(days=1) if last else today - A_WEEK
    rate = team.hour_rate_usd
    return ProfitPeriod(
        automation=automation,
        kind=last.kind if last else ProfitPeriod.Kind.SAVING,
        hour_rate_usd=last.hour_rate_usd if rate is None and last else rate,
        review_rate_usd=team.review_rate_usd,
        starts_on=min(first, today),
        ends_on=today,
    )


class EffortForm(EffortModelForm):
    """Hours spent in one phase on one day."""

    on = day_field("Day")
    phase = forms.TypedChoiceField(
        choices=[(phase.number, f"{phase.number} {phase.short}") for phase in PHASES], coerce=int
    )

    class Meta:
        model = Effort
        fields = ("on", "phase", "hours", "note")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["hours"].widget.attrs.update({"min": "0.01", "max": "24", "step": "0.25"})

"""Money and time: what an automation brought in a period, and the effort spent on it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from automations.models import Automation
from lifecycle.amounts import cents

SECONDS_PER_HOUR = 3600
HOURS_MISSING = "Fill this in: time saved is worth hours x the value of an hour."
FIRST_DAY = date(2000, 1, 1)


def installation_today() -> date:
    """Return today's date in the installation's time zone, whoever looks."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


class ProfitPeriod(models.Model):
    """The gross value of some days, both included, and the costs measured for them.

    Net = gross value - model cost - review minutes x rate. Periods of one kind do not overlap.
    Where two kinds do, the costs of the shared days belong to the period that was recorded first.
    """

    LONGEST_DAYS = 366

    class Kind(models.TextChoices):
        REVENUE = "revenue", "Revenue"
        SAVING = "saving", "Time saved"

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="profit_periods")
    starts_on = models.DateField()
    ends_on = models.DateField()
    kind = models.CharField(max_length=16, choices=Kind)
    hours_saved = models.DecimalField(max_digits=9, decimal_places=2, null=True, blank=True)
    hour_rate_usd = models.DecimalField(max_digits=9, decimal_places=2, null=True, blank=True)
    gross_usd = models.DecimalField(max_digits=14, decimal_places=2)
    review_rate_usd = models.DecimalField(
        max_digits=9, decimal_places=2, default=Decimal(0), help_text="Per hour of review."
    )
    model_cost_usd = models.DecimalField(max_digits=14, decimal_places=6, default=Decimal(0))
    unpriced_runs = models.PositiveIntegerField(default=0)
    review_seconds = models.PositiveIntegerField(default=0)
    measured_at = models.DateTimeField(null=True, editable=False)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    is_sample = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["-starts_on", "-id"]
        constraints = [
            models.CheckConstraint(
                name="profit_ends_after_start", condition=Q(ends_on__gte=F("starts_on"))
            ),
            models.CheckConstraint(name="profit_gross_not_negative", condition=Q(gross_usd__gte=0)),
        ]
        indexes = [
            # an automation's periods, and those that touch a month
            models.Index(fields=["automation", "starts_on"], name="idx_profit_automation")
        ]

    def __str__(self) -> str:
        return f"{self.automation}, {self.starts_on:%Y-%m-%d} to {self.ends_on:%Y-%m-%d}"

    def clean(self) -> None:
        problems = {**self._amount_problems(), **self._day_problems()}
        if problems:
            raise ValidationError(problems)

    def _amount_problems(self) -> dict[str, str]:
        names = ["gross_usd", "review_rate_usd"]
        if self.kind == self.Kind.SAVING:
            names += ["hours_saved", "hour_rate_usd"]
        values = {name: getattr(self, name) for name in names}
        return {
            name: "Write 0 or more."
            for name, value in values.items()
            if isinstance(value, Decimal) and value < 0
        }

    def _day_problems(self) -> dict[str, str]:
        first: Any = self.starts_on  # what is no date was refused before
        last: Any = self.ends_on
        if not (isinstance(first, date) and isinstance(last, date)):
            return {}
        if last < first:
            return {"ends_on": "The last day lies before the first; write the later one here."}
        if last > installation_today():
            return {"ends_on": "End the period today at the latest: it holds what has come in."}
        if first < FIRST_DAY:
            return {"starts_on": "The first day lies before the year 2000; write a later one."}
        if self.days > self.LONGEST_DAYS:
            return {"ends_on": f"A period lasts at most {self.LONGEST_DAYS} days; record several."}
        return {}

    def work_out(self) -> None:
        """Set the gross value of saved time to hours x rate, in cents; forget them for revenue.

        Raises:
            ValidationError: hours or their rate are missing.
        """
        if self.kind != self.Kind.SAVING:
            self.hours_saved = self.hour_rate_usd = None
            return
        if self.hours_saved is None or self.hour_rate_usd is None:
            name = "hours_saved" if self.hours_saved is None else "hour_rate_usd"
            raise ValidationError({name: HOURS_MISSING})
        self.gross_usd = cents(self.hours_saved * self.hour_rate_usd)

    @property
    def days(self) -> int:
        """How many days it lasts, the first and the last included."""
        return (self.ends_on - self.starts_on).days + 1

    @property
    def review_cost_usd(self) -> Decimal:
        return Decimal(self.review_seconds) / SECONDS_PER_HOUR * self.review_rate_usd

    @property
    def net_usd(self) -> Decimal:
        return self.gross_usd - self.model_cost_usd - self.review_cost_usd

    def share_within(self, start: date, end: date) -> Decimal:
        """Return which share of its days, 0 to 1, lies between two days, both included."""
        inside = (min(self.ends_on, end) - max(self.starts_on, start)).days + 1
        return Decimal(max(0, inside)) / self.days


class Effort(models.Model):
    """Hours that somebody spent on an automation in one phase, on one day."""

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="efforts")
    phase = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(7)]
    )
    on = models.DateField()
    hours = models.DecimalField(
        max_digits=5, decimal_places=2,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(24))],
    )  # fmt: skip
    note = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    is_sample = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["-on", "-id"]
        constraints = [
            models.CheckConstraint(
                name="effort_hours_of_a_day", condition=Q(hours__gt=0, hours__lte=24)
            ),
            models.CheckConstraint(
                name="effort_phase_1_to_7", condition=Q(phase__gte=1, phase__lte=7)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hours} h on {self.automation}"

    def clean(self) -> None:
        on: Any = self.on  # what is no date was refused before
        if not isinstance(on, date):
            return
        if on > installation_today():
            raise ValidationError({"on": "Log effort on the day itself or later, not ahead."})
        if on < FIRST_DAY:
            raise ValidationError({"on": "The day lies before the year 2000; write a later one."})

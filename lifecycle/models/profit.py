"""Money and time: what an automation brought in a period, and the effort spent on it."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from automations.models import Automation


class ProfitPeriod(models.Model):
    """The gross value of some days, both included, and the costs measured for them.

    Net = gross value - model cost - review minutes x rate. Periods of one kind do not overlap.
    """

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

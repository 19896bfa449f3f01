"""The team's own rules: one row."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from automations.strict_json import StrictJSONField
from lifecycle import elput
from lifecycle.models.scorecard import Scorecard


class Team(models.Model):
    """How this team decides; what is changed here holds for new rows only."""

    class QualityGate(models.TextChoices):
        POINT = "point", "70 % of those reviewed, at least 10"
        CONFIDENCE = "confidence", "the lower bound of the interval is 70 %"

    formula = models.CharField(
        max_length=16, choices=Scorecard.Formula, default=Scorecard.Formula.PUBLISHED
    )
    weights = StrictJSONField(default=elput.equal_weights)
    quality_gate = models.CharField(max_length=16, choices=QualityGate, default=QualityGate.POINT)
    second_person = models.BooleanField(
        "second person for production",
        default=False,
        help_text="A promotion to production, and a new live version there, wait for a second "
        "approver.",
    )
    hour_rate_usd = models.DecimalField(
        "value of an hour saved, $", max_digits=9, decimal_places=2, null=True, blank=True,
        validators=[MinValueValidator(Decimal(0))],
    )  # fmt: skip
    review_rate_usd = models.DecimalField(
        "cost of an hour of review, $", max_digits=9, decimal_places=2, default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
    )  # fmt: skip
    owed_days = models.PositiveSmallIntegerField(
        "days to pay owed boxes", default=14,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
    )  # fmt: skip

    def __str__(self) -> str:
        return "Team settings"

    def clean(self) -> None:
        try:
            elput.weights_of(self.weights)
        except ValueError as error:
            raise ValidationError({"weights": str(error)}) from error

    @classmethod
    def current(cls) -> Team:
        return cls.objects.get_or_create(pk=1)[0]

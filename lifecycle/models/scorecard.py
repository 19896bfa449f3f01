"""The scorecard and what was decided on it."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation
from automations.strict_json import StrictJSONField
from lifecycle import elput


def today() -> object:
    """Return today's date in the installation's time zone."""
    return timezone.localdate()


def factor_field() -> models.IntegerField[int, int]:
    """Return a column for one factor, 1 to 10."""
    bounds = (MinValueValidator(elput.LOWEST), MaxValueValidator(elput.HIGHEST))
    return models.IntegerField(validators=bounds)


class ScorecardQuerySet(models.QuerySet["Scorecard"]):
    def newest_first(self) -> ScorecardQuerySet:
        return self.order_by("-date", "-id")


class Scorecard(models.Model):
    """One dated ELPUT assessment; kept as it was made, a new one replaces it.

    The first ten columns are published in this order: a plain INSERT of ten values works on
    PostgreSQL. Everything after them has a default in the database.
    """

    class Formula(models.TextChoices):
        PUBLISHED = elput.Formula.PUBLISHED.value, "Published mean"
        ADJUSTED = elput.Formula.ADJUSTED.value, "Direction-adjusted"

    automation = models.ForeignKey(
        Automation,
        models.PROTECT,
        to_field="slug",
        db_column="automation_name",
        related_name="scorecards",
        db_index=False,
    )
    date = models.DateField(default=today)
    revenue_impact = factor_field()
    time_to_implement = factor_field()
    risk = factor_field()
    scalability = factor_field()
    reusability = factor_field()
    elput_score = models.DecimalField(max_digits=3, decimal_places=1)
    actual_profit_usd = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)

    formula = models.CharField(
        max_length=16, choices=Formula, default=Formula.PUBLISHED, db_default=Formula.PUBLISHED
    )
    weights = StrictJSONField(default=elput.equal_weights, db_default=elput.EQUAL)
    reasons = StrictJSONField(default=dict, db_default={}, blank=True)
    answers = StrictJSONField(default=dict, db_default={}, blank=True)
    note = models.TextField(blank=True, default="", db_default="")
    simplified_from = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="simplified"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    is_sample = models.BooleanField(default=False, db_default=False, editable=False)

    objects = ScorecardQuerySet.as_manager()

    class Meta:
        db_table = "automation_elput"
        ordering = ["-date", "-id"]
        constraints = [
            *(
                models.CheckConstraint(
                    name=f"elput_{key}_1_to_10",
                    condition=Q(**{f"{key}__gte": elput.LOWEST, f"{key}__lte": elput.HIGHEST}),
                )
                for key in elput.KEYS
            ),
            models.CheckConstraint(
                name="elput_score_1_to_10",
                condition=Q(elput_score__gte=Decimal(1), elput_score__lte=Decimal(10)),
            ),
            models.CheckConstraint(
                name="elput_formula_known", condition=Q(formula__in=["published", "adjusted"])
            ),
        ]
        indexes = [
            # an automation's newest scorecard, and its history
            models.Index(fields=["automation", "-date", "-id"], name="idx_elput_automation")
        ]

    def __str__(self) -> str:
        return f"Scorecard of {self.automation_id}, {self.date:%Y-%m-%d}"

    def get_absolute_url(self) -> str:
        return reverse("scorecard", args=[self.pk])

    @property
    def values(self) -> dict[str, int]:
        """The five raw values by factor."""
        return {key: getattr(self, key) for key in elput.KEYS}

    @property
    def counted_weights(self) -> dict[str, str]:
        """The stored weights; equal ones where a row from outside holds none that can be used."""
        try:
            return {key: str(weight) for key, weight in elput.weights_of(self.weights).items()}
        except ValueError:
            return elput.equal_weights()

    @property
    def published_score(self) -> Decimal:
        return elput.score(self.values, self.counted_weights)

    @property
    def adjusted_score(self) -> Decimal:
        return elput.score(self.values, self.counted_weights, elput.Formula.ADJUSTED)

    @property
    def computed_score(self) -> Decimal:
        """What follows from the factors under the row's own formula."""
        return elput.score(self.values, self.counted_weights, self.formula)

    @property
    def verdict(self) -> elput.Verdict:
        """The band of the score that was stored."""
        return elput.verdict_of(self.elput_score)


class Decision(models.Model):
    """What a person decided on a scorecard; against its band only with a reason."""

    class Verdict(models.TextChoices):
        BUILD = "build", "Build"
        PROTOTYPE = "prototype", "Prototype"
        SIMPLIFY = "simplify", "Simplify"
        SKIP = "skip", "Skip"

    scorecard = models.ForeignKey(Scorecard, models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=16, choices=Verdict)
    band = models.CharField(max_length=16, help_text="What the score said at that moment.")
    overrules = models.BooleanField(default=False)
    reason = models.TextField(blank=True)
    decided_at = models.DateTimeField(default=timezone.now, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    is_sample = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="decision_overruled_with_reason",
                condition=Q(overrules=False) | ~Q(reason=""),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}: {self.scorecard}"

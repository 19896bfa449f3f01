"""The monthly portfolio review: computed figures, a person's decision, frozen."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from automations.errors import WrongState
from automations.models import Automation

CLOSED = "This review is closed, so nothing in it changes any more; decide in the next one."


class PortfolioReviewQuerySet(models.QuerySet["PortfolioReview"]):
    def open(self) -> PortfolioReviewQuerySet:
        return self.filter(closed_at=None)

    def update(self, **values: Any) -> int:
        """Change open reviews only; a closed one is left as it is."""
        return super(PortfolioReviewQuerySet, self.open()).update(**values)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete open reviews only."""
        return super(PortfolioReviewQuerySet, self.open()).delete()


class PortfolioDecisionQuerySet(models.QuerySet["PortfolioDecision"]):
    def open(self) -> PortfolioDecisionQuerySet:
        return self.filter(review__closed_at=None)

    def update(self, **values: Any) -> int:
        """Change rows of open reviews only; those of a closed one are left as they are."""
        return super(PortfolioDecisionQuerySet, self.open()).update(**values)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete rows of open reviews only."""
        return super(PortfolioDecisionQuerySet, self.open()).delete()


class PortfolioReview(models.Model):
    """The review of one month; closed, it never changes."""

    month = models.DateField(unique=True, help_text="The month's first day.")
    opened_at = models.DateTimeField(default=timezone.now)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = PortfolioReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-month"]

    def __str__(self) -> str:
        return f"Portfolio review {self.month:%Y-%m}"

    def save(self, **options: Any) -> None:
        """Save an open review.

        Raises:
            WrongState: it is closed.
        """
        refuse_closed(self.pk)
        super().save(**options)

    def get_absolute_url(self) -> str:
        return reverse("portfolio_review_month", args=[f"{self.month:%Y-%m}"])

    def delete(self, **options: Any) -> tuple[int, dict[str, int]]:  # type: ignore[override]
        """Delete an open review.

        Raises:
            WrongState: it is closed.
        """
        refuse_closed(self.pk)
        return super().delete(**options)

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None


def refuse_closed(pk: Any) -> None:
    """Refuse a change of a review that is closed.

    Raises:
        WrongState: it is closed.
    """
    if PortfolioReview.objects.filter(pk=pk, closed_at__isnull=False).exists():
        raise WrongState(CLOSED)


class PortfolioDecision(models.Model):
    """One automation in one review: its figures, what they suggest, what was decided."""

    class Decision(models.TextChoices):
        DOUBLE_DOWN = "double_down", "Double down"
        KEEP = "keep", "Keep"
        FIX = "fix", "Fix"
        KILL = "kill", "Kill"

    review = models.ForeignKey(PortfolioReview, models.CASCADE, related_name="decisions")
    automation = models.ForeignKey(Automation, models.PROTECT, related_name="portfolio_decisions")
    figures = models.JSONField(default=dict)
    suggested = models.CharField(max_length=16, choices=Decision)
    suggested_why = models.TextField(blank=True)
    decision = models.CharField(max_length=16, choices=Decision, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = PortfolioDecisionQuerySet.as_manager()

    class Meta:
        ordering = ["review_id", "automation__name"]
        constraints = [
            models.UniqueConstraint(fields=["review", "automation"], name="portfolio_decision_once")
        ]

    def __str__(self) -> str:
        return f"{self.automation} in {self.review}"

    def save(self, **options: Any) -> None:
        """Save a row of an open review.

        Raises:
            WrongState: the review is closed.
        """
        refuse_closed(self.review_id)
        super().save(**options)

    def delete(self, **options: Any) -> tuple[int, dict[str, int]]:  # type: ignore[override]
        """Delete a row of an open review.

        Raises:
            WrongState: the review is closed.
        """
        refuse_closed(self.review_id)
        return super().delete(**options)

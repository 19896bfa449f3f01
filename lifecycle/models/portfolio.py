"""The monthly portfolio review: computed figures, a person's decision, frozen."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from automations.models import Automation


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

    class Meta:
        ordering = ["-month"]

    def __str__(self) -> str:
        return f"Portfolio review {self.month:%Y-%m}"


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

    class Meta:
        ordering = ["review_id", "automation__name"]
        constraints = [
            models.UniqueConstraint(fields=["review", "automation"], name="portfolio_decision_once")
        ]

    def __str__(self) -> str:
        return f"{self.automation} in {self.review}"

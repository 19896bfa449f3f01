"""The review: a person's verdict on an output."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from automations.models import Automation, Run, Version


class ReviewQuerySet(models.QuerySet["Review"]):
    def useful(self) -> ReviewQuerySet:
        return self.exclude(verdict=Review.Verdict.REJECTED)


class Review(models.Model):
    """What one person found of one run's output; apart from whether the run succeeded.

    One per run and person. Useful is what was approved, after an edit too.
    """

    class Verdict(models.TextChoices):
        APPROVED = "approved", "Approved"
        EDITED = "approved_after_edit", "Approved after edit"
        REJECTED = "rejected", "Rejected"

    class Reason(models.TextChoices):
        HALLUCINATION = "ai_hallucination", "Says what the input does not"
        WRONG = "wrong", "Wrong answer"
        INCOMPLETE = "incomplete", "Something is missing"
        STYLE = "style", "Tone or style"
        FORMAT = "format", "Form or length"
        OTHER = "other", "Something else"

    run = models.ForeignKey(Run, models.CASCADE, related_name="reviews")
    automation = models.ForeignKey(
        Automation, models.CASCADE, related_name="reviews", db_index=False
    )
    version = models.ForeignKey(Version, models.CASCADE, null=True, related_name="reviews")
    verdict = models.CharField(max_length=24, choices=Verdict)
    reason = models.CharField(max_length=32, choices=Reason, blank=True, default="")
    note = models.TextField(blank=True, default="")
    edited_output = models.TextField(blank=True, default="")
    seconds_spent = models.PositiveIntegerField(
        default=0, help_text="From opening the output to the verdict, at most 30 minutes."
    )
    at = models.DateTimeField(default=timezone.now)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    is_sample = models.BooleanField(default=False)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "reviewer"], name="review_once"),
            models.CheckConstraint(
                name="review_rejected_with_reason",
                condition=~Q(verdict="rejected") | ~Q(reason=""),
            ),
        ]
        indexes = [
            # an automation's newest reviews, and those of a period
            models.Index(fields=["automation", "-at"], name="idx_review_automation")
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}: run {self.run_id}"

"""The prototype: three days from a first run to a verdict; and the failure modes found."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from automations.models import Automation, Run


class Prototype(models.Model):
    """One go at proving an idea: a clock of 72 hours that never pauses, ended by a verdict.

    An automation has at most one that is open.
    """

    LASTS = timedelta(hours=72)

    class Verdict(models.TextChoices):
        GO = "go", "Go"
        SIMPLIFY = "simplify", "Simplify"
        PIVOT = "pivot", "Pivot"
        KILL = "kill", "Kill"

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="prototypes")
    started_at = models.DateTimeField(default=timezone.now)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    started_by_run = models.ForeignKey(
        Run, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    start_reason = models.TextField(
        blank=True, default="", help_text="Why it began although something spoke against it."
    )
    due_at = models.DateTimeField()
    overdue_noted_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=16, choices=Verdict, blank=True, default="")
    suggested = models.CharField(max_length=16, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    measured = models.JSONField(default=list, help_text="The four criteria as they stood.")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    is_sample = models.BooleanField(default=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["automation"], condition=Q(decided_at=None), name="prototype_open_once"
            ),
            models.CheckConstraint(
                name="prototype_verdict_when_decided",
                condition=Q(decided_at=None, verdict="")
                | Q(decided_at__isnull=False) & ~Q(verdict=""),
            ),
        ]

    def __str__(self) -> str:
        return f"Prototype {self.pk} of {self.automation}"

    @property
    def is_open(self) -> bool:
        return self.decided_at is None


class Extension(models.Model):
    """More time for a prototype, with the reason; extensions are counted."""

    prototype = models.ForeignKey(Prototype, models.CASCADE, related_name="extensions")
    hours = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(72)]
    )
    reason = models.TextField()
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.hours} hours more for {self.prototype}"


class FailureMode(models.Model):
    """A way in which an automation fails, and what is done about it.

    Observed where `error_category` or `review_reason` names what was seen; else thought of.
    """

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="failure_modes")
    title = models.CharField(max_length=200)
    error_category = models.CharField(max_length=32, blank=True, default="")
    error_code = models.CharField(max_length=60, blank=True, default="")
    review_reason = models.CharField(max_length=32, blank=True, default="")
    response = models.TextField(help_text="What you do when it happens, or did against it.")
    written_at = models.DateTimeField(default=timezone.now)
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    is_sample = models.BooleanField(default=False)

    class Meta:
        ordering = ["automation_id", "id"]
        constraints = [
            models.CheckConstraint(name="failure_mode_has_response", condition=~Q(response=""))
        ]

    def __str__(self) -> str:
        return self.title

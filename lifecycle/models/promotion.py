"""The promotion: a recorded move between stages, or of the live pointer."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from automations.models import Automation, Version


class Promotion(models.Model):
    """One move, with the checklist as it stood; asked for first where a second person decides.

    An automation has at most one that waits.
    """

    class Kind(models.TextChoices):
        STAGE = "stage", "Stage"
        LIVE = "live", "Live version"
        ROLLBACK = "rollback", "Rollback"
        REHEARSAL = "rehearsal", "Rollback rehearsal"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a second person"
        DONE = "done", "Done"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="promotions")
    kind = models.CharField(max_length=16, choices=Kind)
    state = models.CharField(max_length=16, choices=State, default=State.DONE)
    from_stage = models.CharField(max_length=16, choices=Automation.Stage, blank=True)
    to_stage = models.CharField(max_length=16, choices=Automation.Stage, blank=True)
    from_version = models.ForeignKey(
        Version, models.PROTECT, null=True, blank=True, related_name="+"
    )
    to_version = models.ForeignKey(Version, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.TextField(blank=True)
    overrides = models.BooleanField(default=False, help_text="The checklist did not allow it.")
    checklist = models.JSONField(default=dict, help_text="All 29 boxes as they stood.")
    owed = models.JSONField(default=list, help_text='[{"number", "due_on"}]')
    asked_at = models.DateTimeField(default=timezone.now)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    answer = models.TextField(blank=True, help_text="What the second person said.")
    is_sample = models.BooleanField(default=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["automation"], condition=Q(state="waiting"), name="promotion_waits_once"
            )
        ]
        indexes = [
            # the history on an automation's page
            models.Index(fields=["automation", "-id"], name="idx_promotion_automation")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.automation}"

"""The promotion: a recorded move between stages, or of the live pointer."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation, Version


class Promotion(models.Model):
    """One move, with the checklist as it stood; asked for first where a second person decides.

    An automation has at most one that waits. A rehearsal that found a fault is declined.
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
    recipe_hash = models.CharField(
        max_length=64, blank=True, help_text="Of the recipe and checks that were asked for."
    )
    findings = models.JSONField(
        default=list, help_text='What a rehearsal looked at: [{"what", "passed", "says"}]'
    )
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
            ),
            models.CheckConstraint(
                name="promotion_override_has_reason", condition=Q(overrides=False) | ~Q(reason="")
            ),
        ]
        indexes = [
            # the history on an automation's page
            models.Index(fields=["automation", "-id"], name="idx_promotion_automation")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.automation}"

    def get_absolute_url(self) -> str:
        return reverse("promotion", args=[self.pk])

    @property
    def happened_at(self) -> datetime:
        """When it was done or decided; while it waits, when it was asked for."""
        return self.decided_at or self.asked_at

    @property
    def is_waiting(self) -> bool:
        return self.state == self.State.WAITING

    @property
    def is_release(self) -> bool:
        """Whether a draft was asked for: it is published with the move."""
        return bool(self.recipe_hash)

    @property
    def ticked(self) -> int | None:
        """How many boxes were satisfied then; None where the checklist was not kept."""
        satisfied: int | None = self.checklist.get("satisfied")
        return satisfied

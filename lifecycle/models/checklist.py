"""The checklist as it was last found: how each box stands, every change, and what people add."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from automations.models import Automation
from lifecycle.phases import BOXES, State

STATES = [(state.value, state.value.replace("_", " ").capitalize()) for state in State]


class Checklist(models.Model):
    """What the evaluator knows of one automation: when to look again, and where it stands.

    `due_at` is lowered by what happens (at once for changes, within a minute for runs) and put
    ahead by the evaluator before it looks. After something happened it looks twice: a change that
    was not committed yet at the first look is seen at the second.
    """

    EVERY = timedelta(hours=1)
    SECOND_LOOK = timedelta(minutes=2)
    AFTER_RUNS = timedelta(minutes=1)

    automation = models.OneToOneField(Automation, models.CASCADE, related_name="progress")
    due_at = models.DateTimeField(default=timezone.now, db_index=True)
    evaluated_at = models.DateTimeField(null=True)
    phase = models.PositiveSmallIntegerField(default=1, help_text="8: all seven may be left.")
    phase_since = models.DateTimeField(default=timezone.now)
    left = models.JSONField(default=dict, help_text="When each phase became one to be left.")

    def __str__(self) -> str:
        return f"Checklist of {self.automation}"

    @property
    def rest(self) -> timedelta:
        """How long to wait after the look that is due: long, if only time had asked for it."""
        set_ahead = self.evaluated_at and self.due_at - self.evaluated_at
        return self.EVERY if set_ahead in (self.EVERY, self.SECOND_LOOK) else self.SECOND_LOOK


class BoxState(models.Model):
    """How one box of one automation stands; `rows` are [label, address] of what proves it."""

    checklist = models.ForeignKey(Checklist, models.CASCADE, related_name="boxes", db_index=False)
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=16, choices=STATES)
    why = models.TextField()
    rows = models.JSONField(default=list)
    step = models.CharField(max_length=200, blank=True)
    step_url = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["checklist_id", "number"]
        constraints = [models.UniqueConstraint(fields=["checklist", "number"], name="box_once")]

    def __str__(self) -> str:
        return f"{BOXES[self.number].title}: {self.state}"


class BoxChange(models.Model):
    """One change of a box; rows are only ever added."""

    automation = models.ForeignKey(
        Automation, models.CASCADE, related_name="box_changes", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    before = models.CharField(max_length=16, choices=STATES, blank=True)
    after = models.CharField(max_length=16, choices=STATES)
    why = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # the history on a checklist's page
            models.Index(fields=["automation", "-id"], name="idx_box_change_automation")
        ]

    def __str__(self) -> str:
        before = self.get_before_display() or "new"
        return f"{BOXES[self.number].title}: {before} -> {self.get_after_display()}"


class Exemption(models.Model):
    """A box that an approver lets pass until a day, with the reason."""

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="exemptions")
    number = models.PositiveSmallIntegerField()
    reason = models.TextField()
    until = models.DateField(help_text="The last day on which it holds.")
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="exemption_has_reason", condition=~Q(reason="")),
            models.UniqueConstraint(
                fields=["automation", "number"],
                condition=Q(ended_at=None),
                name="exemption_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{BOXES[self.number].title} exempt until {self.until:%Y-%m-%d}"

    @property
    def holds(self) -> bool:
        return self.ended_at is None and self.until >= timezone.localdate()


class Attestation(models.Model):
    """What a person vouches for where no data can prove it; it expires."""

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="attestations")
    number = models.PositiveSmallIntegerField()
    comment = models.TextField()
    expires_on = models.DateField(help_text="The last day on which it holds.")
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="attestation_has_comment", condition=~Q(comment=""))
        ]

    def __str__(self) -> str:
        return f"{BOXES[self.number].title} attested until {self.expires_on:%Y-%m-%d}"

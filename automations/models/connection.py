"""Connections: where input comes from, where output goes, what starts a run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from automations import connectors, triggers
from automations.models.automation import Automation
from automations.strict_json import StrictJSONField

TEST_WAITED_FOR = timedelta(minutes=5)


class Tested(models.Model):
    """What the last test of a connection found; a worker makes it, with what is stored."""

    tested_at = models.DateTimeField(null=True, editable=False)
    test_passed = models.BooleanField(null=True, editable=False)
    test_message = models.TextField(blank=True, default="", db_default="", editable=False)
    test_sample = models.JSONField(default=dict, db_default={}, editable=False)

    class Meta:
        abstract = True

    @property
    def is_being_tested(self) -> bool:
        """Tell whether an answer may still come: a worker that was killed gives none."""
        asked = self.tested_at if self.test_passed is None else None
        return asked is not None and timezone.now() - asked < TEST_WAITED_FOR

    @property
    def test_was_lost(self) -> bool:
        unanswered = self.tested_at is not None and self.test_passed is None
        return unanswered and not self.is_being_tested

    def forget_test(self) -> None:
        """Start untested, as after a change of what was tested. Does not save."""
        self.tested_at, self.test_passed = None, None
        self.test_message, self.test_sample = "", {}

    @property
    def test_labels(self) -> list[str]:
        """What the last test found, by name."""
        return list(self.test_sample.get("items", []))


class Source(Tested):
    """Where an automation's input comes from: a kind from the registry, with its settings."""

    automation = models.OneToOneField(Automation, models.CASCADE, related_name="source")
    kind = models.CharField(max_length=40, default="form")
    settings = StrictJSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return connectors.sources.get(self.kind).label

    def clean(self) -> None:
        self.settings = connectors.sources.clean_settings(self.kind, self.settings)
        if self.settings.get("automation") == self.automation.slug:
            raise ValidationError("An automation cannot take its own outputs; choose another one.")


class SeenItem(models.Model):
    """An item of a source that a run was started for; it is not taken again unasked."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="seen_items", db_index=False)
    key_hash = models.CharField(max_length=64, help_text="SHA-256 of the item's key, hexadecimal.")
    key = models.CharField(max_length=1000)
    seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "key_hash"], name="seen_item_once")
        ]

    def __str__(self) -> str:
        return self.key


class DestinationQuerySet(models.QuerySet["Destination"]):
    def active(self) -> DestinationQuerySet:
        return self.filter(is_active=True)


class Destination(Tested):
    """Where an automation's output goes; an automation without one only stores it."""

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="destinations")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=40, default="store_only")
    settings = StrictJSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)

    objects = DestinationQuerySet.as_manager()

    class Meta:
        ordering = ["automation_id", "id"]
        permissions = [("test_connection", "Can test sources and destinations")]
        constraints = [
            models.UniqueConstraint(fields=["automation", "name"], name="destination_name_once")
        ]

    def __str__(self) -> str:
        return self.name

    def unique_error_message(self, model_class: Any, unique_check: Any) -> ValidationError:
        """Say in a sentence that the name is taken."""
        if tuple(unique_check) != ("automation", "name"):
            return super().unique_error_message(model_class, unique_check)
        sentence = f"Another destination of this automation is called {self.name}; change the name."
        return ValidationError(sentence, code="unique_together")

    def clean(self) -> None:
        self.settings = connectors.destinations.clean_settings(self.kind, self.settings)

    @property
    def promise(self) -> str:
        return connectors.destination_of(self.kind, self.settings).promise

    @property
    def promise_sentence(self) -> str:
        return connectors.destination_of(self.kind, self.settings).promise_sentence


class TriggerQuerySet(models.QuerySet["Trigger"]):
    def active(self) -> TriggerQuerySet:
        return self.filter(is_active=True, automation__paused_at=None)


class Trigger(models.Model):
    """What starts runs by itself; a schedule's `next_at` is the next intended time, in UTC.

    `waiting_since` is the intended time that waits for the run before it, where overlapping times
    queue. `listing_since`: when the sweep handed it to a task that asks its source over the
    network.
    """

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="triggers")
    kind = models.CharField(max_length=40, default="schedule")
    settings = StrictJSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    next_at = models.DateTimeField(null=True, blank=True, editable=False)
    waiting_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="A due time that waits for a run to end."
    )
    listing_since = models.DateTimeField(null=True, blank=True, editable=False)
    last_fired_at = models.DateTimeField(null=True, blank=True, editable=False)
    trouble = models.TextField(blank=True, editable=False)

    objects = TriggerQuerySet.as_manager()

    class Meta:
        indexes = [
            # services.fire_due_triggers: once a minute
            models.Index(fields=["is_active", "next_at"], name="idx_trigger_due")
        ]

    def __str__(self) -> str:
        return triggers.summary(self.kind, self.settings)

    def clean(self) -> None:
        try:
            self.settings = triggers.clean_settings(self.kind, self.settings)
        except ValidationError as error:
            raise ValidationError({"settings": error.messages}) from error
        self.next_at = triggers.next_time(self.kind, self.settings)
        self.waiting_since = None


class Firing(models.Model):
    """One time at which a trigger was due or called, and what came of it."""

    class Outcome(models.TextChoices):
        STARTED = "started", "Started"
        SKIPPED = "skipped", "Skipped"
        MISSED = "missed", "Missed"
        REFUSED = "refused", "Refused"
        NOTHING = "nothing", "Nothing new"

    trigger = models.ForeignKey(Trigger, models.CASCADE, related_name="firings", db_index=False)
    outcome = models.CharField(max_length=16, choices=Outcome)
    intended_at = models.DateTimeField(null=True, blank=True)
    at = models.DateTimeField(auto_now_add=True)
    note = models.TextField(blank=True)
    run = models.ForeignKey(
        "automations.Run", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    batch = models.ForeignKey(
        "automations.Batch",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            # a trigger's newest firings
            models.Index(fields=["trigger", "-id"], name="idx_firing_trigger")
        ]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} at {self.at:%Y-%m-%d %H:%M}"

"""Connections: where input comes from, where output goes, what starts a run."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models

from automations import connectors, triggers
from automations.models.automation import Automation
from automations.strict_json import StrictJSONField


class Source(models.Model):
    """Where an automation's input comes from: a kind from the registry, with its settings."""

    automation = models.OneToOneField(Automation, models.CASCADE, related_name="source")
    kind = models.CharField(max_length=40, default="form")
    settings = StrictJSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return connectors.sources.get(self.kind).label

    def clean(self) -> None:
        self.settings = connectors.sources.clean_settings(self.kind, self.settings)


class DestinationQuerySet(models.QuerySet["Destination"]):
    def active(self) -> DestinationQuerySet:
        return self.filter(is_active=True)


class Destination(models.Model):
    """Where an automation's output goes; an automation without one only stores it."""

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="destinations")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=40, default="store_only")
    settings = StrictJSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)

    objects = DestinationQuerySet.as_manager()

    class Meta:
        ordering = ["automation_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["automation", "name"], name="destination_name_once")
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.settings = connectors.destinations.clean_settings(self.kind, self.settings)

    @property
    def promise(self) -> str:
        return connectors.destinations.get(self.kind)(self.settings).promise

    @property
    def promise_sentence(self) -> str:
        return connectors.destinations.get(self.kind)(self.settings).promise_sentence


class TriggerQuerySet(models.QuerySet["Trigger"]):
    def active(self) -> TriggerQuerySet:
        return self.filter(is_active=True, automation__paused_at=None)


class Trigger(models.Model):
    """What starts runs by itself; a schedule's `next_at` is the next intended time, in UTC."""

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="triggers")
    kind = models.CharField(max_length=40, default="schedule")
    settings = StrictJSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    next_at = models.DateTimeField(null=True, blank=True, editable=False)
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
        except ValueError as error:
            raise ValidationError({"settings": str(error)}) from error
        self.next_at = triggers.next_time(self.kind, self.settings)

"""The engine's own rows: who is alive, and the switch that stops everything."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils import timezone


class Worker(models.Model):
    """A worker process group's sign of life; `seen_at` is the database's clock."""

    ALIVE_FOR = timedelta(seconds=45)

    name = models.CharField(max_length=120, unique=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    info = models.JSONField(default=dict)

    class Meta:
        ordering = ["-seen_at"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def alive(cls) -> models.QuerySet[Worker]:
        return cls.objects.filter(seen_at__gt=timezone.now() - cls.ALIVE_FOR)


class Control(models.Model):
    """The kill switch: one row; while `halted_at` is set no worker starts or continues a run."""

    halted_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        permissions = [("halt_engine", "Can stop and restart all automations")]

    def __str__(self) -> str:
        return "halted" if self.halted_at else "running"

    @classmethod
    def current(cls) -> Control:
        return cls.objects.get_or_create(pk=1)[0]

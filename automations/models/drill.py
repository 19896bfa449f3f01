"""The reliability drill: an automation run against injected faults, and what happened."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from automations.models.automation import Automation
from automations.models.version import Version


class Drill(models.Model):
    """One drill of one version; its runs are simulated, its outcome is kept for ever.

    `results` holds one object per fault: {"fault", "label", "expected", "wants", "run",
    "happened", "passed"}; `passed` is null where there was nothing to judge. An automation has one
    open drill at a time.
    """

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="drills")
    version = models.ForeignKey(Version, models.PROTECT, related_name="drills")
    started_at = models.DateTimeField(auto_now_add=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    passed = models.BooleanField(null=True, blank=True)
    results = models.JSONField(default=list, db_default=[])

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["automation"],
                condition=models.Q(finished_at=None),
                name="drill_open_once",
            )
        ]
        indexes = [
            # the drills of an automation's page
            models.Index(fields=["automation", "-id"], name="idx_drill_automation")
        ]

    def __str__(self) -> str:
        return f"Drill {self.pk} of {self.version}"

"""The batch: many runs submitted together."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from automations.models.automation import Automation


class Batch(models.Model):
    """Many runs submitted together; its progress is counted from its runs, never stored."""

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="batches")
    name = models.CharField(max_length=200)
    total = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return f"{self.name} ({self.total})"

    def counts(self) -> dict[str, int]:
        """Count this batch's runs by status; absent statuses are left out."""
        rows = self.runs.order_by().values_list("status").annotate(n=models.Count("id"))
        return dict(rows)

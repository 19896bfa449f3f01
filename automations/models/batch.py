"""The batch: many runs submitted together."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from automations.models.automation import Automation


class Batch(models.Model):
    """Many runs submitted together; its progress is counted from its runs, never stored.

    A batch from a file is a *draft* until somebody starts it, then *loading* while a worker makes
    its runs, row by row and resumable (`loaded_rows` is the last row that was made), then *open*.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        LOADING = "loading", "Loading"
        OPEN = "open", "Open"

    class Kind(models.TextChoices):
        ROWS = "rows", "Rows"
        FILE = "file", "File"
        SOURCE = "source", "Source"
        REPLAY = "replay", "Replay"

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="batches")
    version = models.ForeignKey(
        "automations.Version", models.PROTECT, null=True, blank=True, related_name="batches"
    )
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.ROWS, db_default=Kind.ROWS)
    state = models.CharField(
        max_length=16, choices=State, default=State.OPEN, db_default=State.OPEN
    )
    total = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    cancelled_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    idempotency_key = models.CharField(  # noqa: DJ001  NULL is "none"; '' would collide
        max_length=200, null=True, blank=True
    )

    # What it is made from.
    file_path = models.CharField(max_length=500, blank=True, default="", db_default="")
    file_name = models.CharField(max_length=200, blank=True, default="", db_default="")
    file_size = models.PositiveBigIntegerField(null=True, blank=True, help_text="Bytes.")
    mapping = models.JSONField(
        default=dict, db_default={}, blank=True, help_text="Input field -> column of the file."
    )
    options = models.JSONField(default=dict, db_default={}, blank=True)
    needs_worker = models.BooleanField(
        default=False,
        db_default=False,
        db_index=True,
        help_text="A worker has yet to load rows, to hold runs or to let them go.",
    )
    loaded_rows = models.PositiveIntegerField(default=0, db_default=0)
    loaded_at = models.DateTimeField(
        null=True, blank=True, help_text="When a worker last got on with it."
    )
    trouble = models.TextField(blank=True, default="", db_default="")

    # A canary lets 1, then 5, then all go on, and stops at the first bad one.
    canary_stage = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many runs are let go; empty: no canary, or passed."
    )
    stopped_because = models.TextField(blank=True, default="", db_default="")

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(
                fields=["automation", "idempotency_key"], name="batch_idempotency_key_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.total})"

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    @property
    def file_or_selection(self) -> bool:
        """Tell whether a worker makes its runs; rows were given by whoever submitted them."""
        return self.kind != self.Kind.ROWS

    @property
    def expected(self) -> int:
        """How many runs it will have: more than it has until it is loaded."""
        is_whole = self.state == self.State.OPEN or self.cancelled_at
        return self.total if is_whole else max(self.total, self.options.get("rows", 0))

    @property
    def items(self) -> models.QuerySet[Any]:
        """The newest run of each row; the runs of a batch without rows are its items."""
        return self.runs.filter(batch_row__isnull=False) if self.loaded_rows else self.runs.all()

    def counts(self) -> dict[str, int]:
        """Count this batch's items by status; absent statuses are left out."""
        counts = _by_status(self.runs)
        if self.loaded_rows:
            # Few, and found by the index on (batch, batch_row): a filter on the whole is neither.
            for status, repeated in _by_status(self.runs.filter(batch_row__isnull=True)).items():
                counts[status] -= repeated
        return {status: count for status, count in counts.items() if count}


def _by_status(runs: models.Manager[Any] | models.QuerySet[Any]) -> dict[str, int]:
    rows = runs.order_by().values_list("status").annotate(n=models.Count("id"))
    return dict(rows)

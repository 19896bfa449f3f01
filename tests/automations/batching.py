"""Ways to make batches in tests: files as uploads, drafts, and a worker's part done here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from django_q.models import OrmQ

from automations import services
from automations.models import Batch, Run, Version
from automations.queue import TEND

SYSTEM = services.SYSTEM


def upload(content: str | bytes, name: str = "rows.csv") -> SimpleUploadedFile:
    """Return what a browser sends."""
    return SimpleUploadedFile(name, content if isinstance(content, bytes) else content.encode())


def a_csv(rows: Iterable[str], header: str = "content") -> str:
    """Return a CSV of one column."""
    return "\n".join([header, *rows]) + "\n"


def numbered(count: int) -> str:
    """Return a CSV of so many rows, `row 1` first."""
    return a_csv(f"row {n}" for n in range(1, count + 1))


def a_draft(version: Version, content: str | bytes, name: str = "rows.csv") -> Batch:
    return services.draft_from_file(version.automation, upload(content, name), by=SYSTEM)


def started(version: Version, content: str | bytes) -> Batch:
    """Return a batch that waits for a worker to load it."""
    batch = a_draft(version, content)
    return services.start_batch(batch, by=SYSTEM)


def loaded(version: Version, content: str | bytes) -> Batch:
    """Return a batch whose rows are queued."""
    batch = started(version, content)
    assert services.tend_batch(batch.pk) == "done"
    batch.refresh_from_db()
    return batch


def contents(batch: Batch) -> list[Any]:
    """Return the inputs of a batch's items in the order of their rows."""
    runs = batch.items.order_by("batch_row")
    return [run.input_data.get("content") for run in runs]


def end(runs: Any, status: str = "success", **values: Any) -> None:
    """Let runs end as a worker would."""
    runs.update(status=status, completed_at=timezone.now(), started_at=timezone.now(), **values)


def asked_for(batch: Batch) -> int:
    """Return how often a worker is asked for this batch."""
    tasks = [row.task for row in OrmQ.objects.all()]
    return sum(task["func"] == TEND and task["args"] == (batch.pk,) for task in tasks)


def priorities(batch: Batch) -> list[int]:
    """Return the priorities of a batch's queued items by row."""
    rows = batch.items.filter(status=Run.Status.QUEUED).order_by("batch_row")
    return list(rows.values_list("priority", flat=True))

"""Queue one django-q2 task for each waiting run, and read back what became of them."""

from __future__ import annotations

import time
from typing import Any

from django_q.tasks import async_task

from automations.models import Run
from benchmarks.inside.child import say, wait_for_go

PATIENCE_S = 60.0


def main(asked: dict[str, Any]) -> None:
    """Enqueue, say so, wait until all have ended, answer with seconds since the first began."""
    ids = list(Run.objects.order_by("id").values_list("id", flat=True))
    for run_id in ids:
        async_task("benchmarks.plain.task.work", run_id, f"{asked['provider']}/v1")
    say({})
    wait_for_go()
    deadline = time.monotonic() + PATIENCE_S
    while Run.objects.finished().count() < len(ids):
        if time.monotonic() > deadline:
            raise TimeoutError(f"The cluster did not end {len(ids)} tasks in {PATIENCE_S:g} s")
        time.sleep(0.2)
    rows = list(Run.objects.order_by().values_list("started_at", "completed_at"))
    first = min(began for began, _ in rows if began)
    say({"completed_s": sorted((end - first).total_seconds() for _, end in rows if end)})

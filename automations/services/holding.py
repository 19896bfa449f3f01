"""Hold a batch's waiting runs or let them go: for its pause, and for its canary 1 - 5 - rest.

Runs that shall not begin have the priority `Run.HELD`, which no worker claims. Those that a canary
lets go have `Run.CANARY`, by which a worker sees without a query that their end matters.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from automations.audit import record
from automations.models import Batch, Run
from automations.queue import ring_on_commit

CHUNK = 2000
STAGES = (1, 6)  # one, then five more, then the rest
BAD = (Run.Status.FAILED, Run.Status.CANCELLED)


def arrange(batch_id: int, *, chunks: int = 1_000_000) -> bool:
    """Bring the waiting runs in line with what their batch wants; False while some are left."""
    for _ in range(chunks):
        with transaction.atomic():
            batch = Batch.objects.select_for_update().get(pk=batch_id)
            if not _arrange_chunk(batch):
                return True
            ring_on_commit()
    return False


def is_arranged(batch: Batch) -> bool:
    """Tell whether every waiting run has the priority that its batch wants."""
    return not any(_out_of_line(batch, priority).exists() for priority, _ in _moves(batch))


def _arrange_chunk(batch: Batch) -> int:
    return sum(_move(batch, priority, wanted) for priority, wanted in _moves(batch))


def _moves(batch: Batch) -> list[tuple[int, int]]:
    """Return which priorities are wrong now, and what they become."""
    if batch.cancelled_at:
        return []
    if batch.paused_at or batch.stopped_because:
        return [(Run.BULK, Run.HELD), (Run.CANARY, Run.HELD)]
    if batch.canary_stage:
        return [(Run.BULK, Run.HELD), (Run.HELD, Run.CANARY)]
    return [(Run.HELD, Run.BULK)]


def _out_of_line(batch: Batch, priority: int) -> QuerySet[Run]:
    waiting = (Run.Status.QUEUED, Run.Status.AWAITING_APPROVAL)
    runs = batch.runs.filter(status__in=waiting, priority=priority)
    if batch.canary_stage and priority == Run.HELD:
        return runs.filter(batch_row__lte=batch.canary_stage)
    return runs


def _move(batch: Batch, priority: int, wanted: int) -> int:
    ids = list(_out_of_line(batch, priority).order_by("pk").values_list("pk", flat=True)[:CHUNK])
    waiting = (Run.Status.QUEUED, Run.Status.AWAITING_APPROVAL)
    # Asked again: a worker may have claimed one of them since.
    return Run.objects.filter(pk__in=ids, status__in=waiting).update(priority=wanted) if ids else 0


def advance(batch_id: int) -> None:
    """Let the next runs of a canary go when those before have succeeded; stop at a bad one.

    Bad is failed or cancelled. A run that waits for approval is waited for.
    """
    with transaction.atomic():
        batch = Batch.objects.select_for_update().get(pk=batch_id)
        if not batch.canary_stage or batch.stopped_because or batch.cancelled_at:
            return
        let_go = batch.runs.filter(batch_row__lte=batch.canary_stage)
        bad = let_go.filter(status__in=BAD).order_by("batch_row").first()
        if bad:
            _stop(batch, bad)
        elif _all_well(batch, let_go):
            _next_stage(batch)


def _all_well(batch: Batch, let_go: QuerySet[Run]) -> bool:
    if batch.state != Batch.State.OPEN and batch.loaded_rows < (batch.canary_stage or 0):
        return False
    return not let_go.exclude(status=Run.Status.SUCCESS).exists()


def _stop(batch: Batch, bad: Run) -> None:
    said = bad.error_message or "no reason was given"
    batch.stopped_because = f"Run {bad.pk} was the first bad one ({bad.status}): {said[:500]}"
    batch.save(update_fields=["stopped_because"])
    record("stop batch at canary", batch, by=None, after={"run": bad.pk, "status": bad.status})


def _next_stage(batch: Batch) -> None:
    before = batch.canary_stage
    batch.canary_stage = next((stage for stage in STAGES if stage > (before or 0)), None)
    if batch.canary_stage and batch.state == Batch.State.OPEN and batch.total <= (before or 0):
        batch.canary_stage = None
    batch.save(update_fields=["canary_stage"])
    after = {"stage": batch.canary_stage}
    record("canary passed", batch, by=None, before={"stage": before}, after=after)

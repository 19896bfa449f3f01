"""Repeat failed items of a batch: the new run takes over the item's row, the old one stays."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Case, Max, Q, QuerySet, Value, When

from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Batch, Run
from automations.queue import ring_on_commit, tend_on_commit
from automations.services import filling, replaying
from automations.services.acting import require
from automations.services.starting import runnable

REPEATED = (Run.Status.FAILED, Run.Status.CANCELLED)


def retry_item(run: Run, *, by: Actor) -> Run:
    """Run a failed item of a batch again, on today's live version, as the item's newest run.

    Raises:
        NotAllowed: the person may not start runs.
        WrongState: it has not failed, has no input, or was repeated already.
    """
    require(by, "automations.start_run")
    if run.batch_id is None or run.batch_row is None:
        raise WrongState(f"{run} is not the newest run of an item of a batch; run it by itself.")
    with transaction.atomic():
        batch = _locked(run.batch_id)
        runnable(batch.automation)
        # Before everything else, and not held: a person looks at this one.
        made = _repeat(batch, _repeatable(batch).filter(pk=run.pk), Run.INTERACTIVE)
        if not made:
            raise WrongState(
                f"{run} cannot be retried: it has not failed, was retried already, its row could "
                "not be read, or it has a delivery of unknown outcome, which is resolved on its "
                "page first; look at the batch again."
            )
        record("retry item", run, by=by, after={"run": made[0].pk})
        ring_on_commit()
    return made[0]


def retry_failed(batch: Batch, *, by: Actor) -> Batch:
    """Run every failed item again that has an input; the first ones now, the rest by a worker.

    Raises:
        WrongState: none of its items can be retried.
    """
    require(by, "automations.start_run")
    with transaction.atomic():
        current = _locked(batch.pk)
        runnable(current.automation)
        failed = _repeatable(current).filter(status=Run.Status.FAILED)
        newest = failed.aggregate(newest=Max("pk"))["newest"]
        if newest is None:
            none = f"No item of {batch.name} has failed that could be retried"
            raise WrongState(f"{none}{_but(current)}.")
        current.options = {**current.options, "retry_upto": newest}
        current.needs_worker = True
        current.save(update_fields=["options", "needs_worker"])
        left_out = unresolved_in(current).count()
        record("retry failed items", current, by=by, after={"newest": newest, "left_out": left_out})
        tend_on_commit(batch.pk)
    retry_chunk(batch.pk)
    return current


def _but(batch: Batch) -> str:
    left_out = unresolved_in(batch).count()
    if not left_out:
        return ""
    return f"; of {left_out} the delivery has an unknown outcome: resolve that on their pages"


def retry_chunk(batch_id: int) -> bool:
    """Repeat some of the items that a person asked to retry; False when none is left."""
    with transaction.atomic():
        batch = _locked(batch_id)
        upto = batch.options.get("retry_upto")
        if not upto:
            return False
        failed = _repeatable(batch).filter(status=Run.Status.FAILED, pk__lte=upto)
        some = failed.order_by("pk")[: filling.CHUNK]
        made = _repeat(batch, some, filling.priority_in(batch))
        ring_on_commit()
        if not made:
            batch.options = {n: v for n, v in batch.options.items() if n != "retry_upto"}
            batch.save(update_fields=["options"])
    return bool(made)


def _locked(batch_id: int) -> Batch:
    rows = Batch.objects.select_for_update(of=("self",))
    return rows.select_related("automation__live_version").get(pk=batch_id)


def unresolved_in(batch: Batch) -> QuerySet[Run]:
    """Return failed items that a retry leaves out: they may have arrived, and a person looks."""
    failed: QuerySet[Run] = batch.items.filter(status=Run.Status.FAILED)
    return failed.filter(replaying.has_unknown())


def _repeatable(batch: Batch) -> QuerySet[Run]:
    ended = batch.items.filter(status__in=REPEATED).exclude(replaying.has_unknown())
    if replaying.wish_of(batch).start == replaying.FROM_DELIVERY:
        return ended.exclude(output_data__isnull=True)
    return ended.exclude(input_data={}, source_item="")


def _repeat(batch: Batch, runs: QuerySet[Run], priority: int) -> list[Run]:
    """Let new runs take the rows over; only those whose row was still theirs."""
    sent, asked = _parted(batch, runs)
    originals = [*sent, *asked]
    row_of = {run.pk: run.batch_row for run in originals}
    Run.objects.filter(pk__in=row_of).update(batch_row=None)
    # A batch from a file was pinned to the version of its start; who mends it wants today's.
    pinned, batch.version = batch.version, None
    delivered = replaying.from_delivery(batch, sent)
    made = [*delivered, *replaying.from_start(batch, asked)]
    batch.version = pinned
    for run in made:
        run.batch, run.batch_row = batch, row_of[run.rerun_of_id or 0]
        run.priority = priority
    Run.objects.bulk_create(made)
    replaying.copy_of_retried(batch, delivered)
    return made


def _parted(batch: Batch, runs: QuerySet[Run]) -> tuple[list[Run], list[Run]]:
    """Return what lacks only its delivery, and what is asked again from its start.

    An output that was rejected or cancelled before anything of it left is asked for again.
    """
    if replaying.wish_of(batch).start == replaying.FROM_DELIVERY:
        return list(runs.select_related("version__automation")), []
    lacking = Q(step=Run.Step.DELIVER, output_data__isnull=False, version__isnull=False)
    lacking &= Q(status=Run.Status.FAILED) | replaying.has_arrived()
    marked = runs.annotate(lacks=Case(When(lacking, then=Value(1)), default=Value(0)))
    sent: list[Run] = []
    asked: list[Run] = []
    for run in marked.select_related("version__automation"):
        (sent if run.lacks else asked).append(run)
    return sent, asked

"""Fill a batch with runs, chunk by chunk, so that no transaction is long and a rest can follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from django.db import transaction
from django.utils import timezone

from automations import signals
from automations.models import Batch, Run
from automations.queue import ring_on_commit

CHUNK = 500

Also = Callable[[list[Run]], None]


def fill(batch: Batch, runs: Iterable[Run]) -> Batch:
    """Queue the runs as rows 1, 2, ... of the batch and open it; runs are made lazily.

    Rows that the batch has already are passed by, so an interrupted filling can be repeated.
    """
    waiting, first = iter(runs), 1
    while chunk := list(islice(waiting, CHUNK)):
        if not add_chunk(batch, chunk, first=first):
            break
        first += len(chunk)
    finish(batch)
    return batch


def add_chunk(
    batch: Batch, chunk: Sequence[Run], *, first: int, after: int = 0, also: Also | None = None
) -> bool:
    """Queue a chunk whose first run is row `first`; False when the batch was cancelled meanwhile.

    Whoever holds the batch's row numbers its rows; what another one has added is left out.
    `after` marks how far a selection was read, `also` adds what belongs to the new runs.
    """
    with transaction.atomic():
        current = Batch.objects.select_for_update().get(pk=batch.pk)
        if current.cancelled_at:
            return False
        added = _lacking(current, chunk, first=first)
        Run.objects.bulk_create(added)
        _tell_ended(current, added)
        if also:
            also(added)
        _note_progress(current, rows=len(added), after=after)
        ring_on_commit()
    _follow(batch, current)
    return True


def add_items(batch: Batch, make: Callable[[], Sequence[Run]], *, upto: int) -> bool:
    """Queue what `make` makes of a list's items up to `upto`; False when the batch was cancelled.

    It is called in the transaction that queues its runs, once for each piece of the list.
    """
    with transaction.atomic():
        current = Batch.objects.select_for_update().get(pk=batch.pk)
        if current.cancelled_at:
            return False
        if current.options.get("after", 0) < upto:
            runs = _lacking(current, make(), first=current.loaded_rows + 1)
            Run.objects.bulk_create(runs)
            _tell_ended(current, runs)
            _note_progress(current, rows=len(runs), after=upto)
            ring_on_commit()
    _follow(batch, current)
    return True


def _tell_ended(batch: Batch, runs: Sequence[Run]) -> None:
    """Tell the floors above of rows that could not be used, whose runs have failed at once."""
    if any(run.is_final for run in runs):
        signals.runs_finished.send(Run, slugs=[batch.automation.slug])


def _follow(batch: Batch, current: Batch) -> None:
    for name in ("total", "loaded_rows", "options", "paused_at"):
        setattr(batch, name, getattr(current, name))


def _lacking(batch: Batch, chunk: Sequence[Run], *, first: int) -> list[Run]:
    """Return the runs that the batch lacks, with their row numbers and the batch's priority."""
    lacking = []
    for row, run in enumerate(chunk, first):
        if row <= batch.loaded_rows:
            continue
        run.batch, run.batch_row, run.priority = batch, row, priority_in(batch)
        lacking.append(run)
    return lacking


def priority_in(batch: Batch) -> int:
    """Return the priority of a new run: held while its batch is paused or has a canary out."""
    held = batch.paused_at or batch.canary_stage or batch.stopped_because
    return Run.HELD if held else Run.BULK


def _note_progress(batch: Batch, *, rows: int, after: int) -> None:
    batch.total += rows
    batch.loaded_rows += rows
    batch.loaded_at = timezone.now()
    if after:
        batch.options = {**batch.options, "after": max(after, batch.options.get("after", 0))}
    batch.save(update_fields=["total", "loaded_rows", "loaded_at", "options"])


def finish(batch: Batch, trouble: str = "") -> None:
    """Mark a batch as filled; `trouble` says why it could not be filled to its end."""
    batch.state, batch.trouble = Batch.State.OPEN, trouble
    batch.save(update_fields=["state", "trouble"])

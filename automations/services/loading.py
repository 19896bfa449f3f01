"""Make the runs of a batch from its file or its selection: lazily, resumably, every row once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import structlog
from django.db import transaction
from django.utils import timezone

from automations import rows, spool
from automations.connectors.base import Item
from automations.errors import AutomationsError
from automations.models import Batch, Run, Source, Version
from automations.rows import Plan, Row
from automations.services import filling, replaying, seen
from automations.services.starting import Origin, new_run, run_of_item
from automations.tables import Layout, lines_of
from automations.text import one_line

log = structlog.get_logger(__name__)

TRIES = 5
BAD_ROW = "bad_row"
GONE = "Its file is gone, so what is missing cannot be queued any more; upload it again."


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a loader may go on: until a moment (monotonic seconds), or until told to stop."""

    until: float
    stopping: Callable[[], bool]

    @property
    def is_spent(self) -> bool:
        return self.stopping() or time.monotonic() > self.until


def load(batch: Batch, budget: Budget) -> bool:
    """Queue what the batch lacks; True when it is complete or was cancelled, False at the budget.

    Two loaders at once, or one that was killed at any moment, leave every row exactly once.
    """
    try:
        if batch.kind == Batch.Kind.REPLAY:
            complete = _load_selection(batch, budget)
        elif batch.kind == Batch.Kind.SOURCE:
            complete = _load_items(batch, budget)
        else:
            complete = _load_file(batch, budget)
    except AutomationsError as error:
        _end(batch, str(error))
        return True
    except FileNotFoundError:
        _end(batch, GONE)
        return True
    except Exception as error:
        if _is_tried_again(batch, error):
            raise
        log.exception("gave a batch up", batch=batch.pk)
        _end(batch, _given_up(error))
        return True
    if complete:
        _end(batch, _left_out(batch))
    return complete


def _is_tried_again(batch: Batch, error: Exception) -> bool:
    """Note on the batch what went wrong; False when that was the last try without progress."""
    with transaction.atomic():
        current = Batch.objects.select_for_update().get(pk=batch.pk)
        if current.state != Batch.State.LOADING:
            return True
        earlier = current.options.get("failed_loads", {})
        count = earlier["count"] + 1 if earlier.get("at") == current.loaded_rows else 1
        current.options = {
            **current.options, "failed_loads": {"count": count, "at": current.loaded_rows}
        }  # fmt: skip
        # The sweep asks for a worker again when the batch was left alone for a while.
        current.loaded_at = timezone.now()
        current.trouble = f"{_in_words(error)} It is tried again in a minute ({count} of {TRIES})."
        current.save(update_fields=["options", "loaded_at", "trouble"])
    return count < TRIES


def _given_up(error: Exception) -> str:
    return (
        f"{_in_words(error)} After {TRIES} tries it was given up: what is queued runs. Ask an "
        "administrator to mend the cause, and submit what is missing again."
    )


def _in_words(error: Exception) -> str:
    return f"Its rows cannot be queued: {type(error).__name__}: {one_line(str(error), limit=200)}."


def _end(batch: Batch, trouble: str = "") -> None:
    batch.refresh_from_db()
    if batch.state != Batch.State.LOADING:
        return  # another loader was first, and the file went with it
    filling.finish(batch, trouble)
    spool.drop(batch)


def _load_file(batch: Batch, budget: Budget) -> bool:
    waiting, first = _runs_of(batch, after=batch.loaded_rows), batch.loaded_rows + 1
    while chunk := list(islice(waiting, filling.CHUNK)):
        if not filling.add_chunk(batch, chunk, first=first):
            return True
        first += len(chunk)
        if budget.is_spent:
            return False
    return True


def _runs_of(batch: Batch, *, after: int) -> Iterator[Run]:
    version = batch.version
    assert version is not None  # noqa: S101  narrows: starting a file sets it
    path, layout = spool.path_of(batch), Layout.of(batch.options["layout"])
    plan = Plan(batch.mapping, batch.options.get("constants", {}))
    found = rows.inputs(batch.automation, path, layout, plan, after=after)
    return (_run_of_row(batch, version, row) for row in found)


def _run_of_row(batch: Batch, version: Version, row: Row) -> Run:
    """Return a row's run; a row that cannot be used is one that has failed already."""
    run = new_run(version, row.input or {}, by=batch.created_by, origin=Origin(Run.Origin.BATCH))
    if row.input is None:
        now = timezone.now()
        run.status, run.started_at, run.completed_at = Run.Status.FAILED, now, now
        run.execution_time_ms = 0
        run.error_category, run.error_code = Run.ErrorCategory.SOURCE_ERROR, BAD_ROW
        run.error_message = row.problem
    return run


def _load_items(batch: Batch, budget: Budget) -> bool:
    """Queue what was listed of a source; what was taken meanwhile by others is left out."""
    source = seen.remembering(batch.automation)
    done = max(batch.options.get("after", 0), batch.loaded_rows)
    if source and not done:
        seen.pass_by(source, list(_items_of(spool.passed_by_of(batch))))
    waiting = islice(_items_of(spool.path_of(batch)), done, None)
    while chunk := list(islice(waiting, filling.CHUNK)):
        done += len(chunk)
        if not filling.add_items(batch, partial(_taken, batch, source, chunk), upto=done):
            return True
        if budget.is_spent:
            return False
    return True


def _items_of(path: Path) -> Iterator[Item]:
    return (Item(**line.value) for line in lines_of(path, spool.ITEMS))


def _taken(batch: Batch, source: Source | None, items: list[Item]) -> list[Run]:
    version = batch.version
    assert version is not None  # noqa: S101  narrows: starting a draft sets it
    mine = seen.take(source, items) if source else items
    origin = Origin(Run.Origin.BATCH)
    return [run_of_item(version, item, by=batch.created_by, origin=origin) for item in mine]


def _left_out(batch: Batch) -> str:
    """Say how many items of a source were taken by others after they were listed."""
    count = batch.options.get("after", 0) - batch.loaded_rows
    if batch.kind != Batch.Kind.SOURCE or count < 1:
        return ""
    were = "1 item was" if count == 1 else f"{count:,} items were"
    return f"{were} left out: other runs took them after they were listed here."


def _load_selection(batch: Batch, budget: Budget) -> bool:
    """Queue a replay: the selected runs in the order of their keys, from where it stopped."""
    while originals := replaying.next_originals(batch, filling.CHUNK):
        chunk = replaying.again(batch, originals)
        kept = filling.add_chunk(
            batch, chunk, first=batch.loaded_rows + 1, after=originals[-1].pk,
            also=lambda runs: replaying.copy_deliveries(batch, runs),
        )  # fmt: skip
        if not kept:
            return True
        if budget.is_spent:
            return False
    return True

"""Make the runs of a batch from its file or its selection: lazily, resumably, every row once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from django.utils import timezone

from automations import rows, spool
from automations.errors import Problem
from automations.models import Batch, Run, Version
from automations.rows import Plan, Row
from automations.services import filling, replaying
from automations.services.starting import Origin, from_item, new_run
from automations.tables import Layout, Line, lines_of

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
        else:
            complete = _load_file(batch, budget)
    except Problem as problem:
        _end(batch, problem.message)
        return True
    except FileNotFoundError:
        _end(batch, GONE)
        return True
    if complete:
        _end(batch)
    return complete


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
    if batch.kind == Batch.Kind.SOURCE:
        return _runs_of_items(batch, version, islice(lines_of(path, layout), after, None))
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


def _runs_of_items(batch: Batch, version: Version, lines: Iterator[Line]) -> Iterator[Run]:
    origin = Origin(Run.Origin.BATCH)
    for line in lines:
        key, data = line.value["key"], line.value["data"]
        if data is None:
            yield from_item(version, key, by=batch.created_by, origin=origin)
        else:
            run = new_run(version, data, by=batch.created_by, origin=origin)
            run.source_item = key
            yield run


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

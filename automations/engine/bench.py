"""What a pump offers to the runs it holds, and the few moves every step makes on it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from automations.connectors.base import Outside
from automations.engine.called import Called
from automations.engine.held import DeliveryChange, Held, Step
from automations.engine.llm import Client
from automations.engine.recipes import Recipe
from automations.engine.settle import values_when_let_go
from automations.models import Run

log = structlog.get_logger(__name__)
TRACE_LINES = 99


class Lost(Exception):
    """The run is no longer ours: another worker or a person has moved it. Stop, say nothing."""


class Bench(Protocol):
    """What the pump offers to the runs it holds."""

    outside: Outside
    reading: ThreadPoolExecutor

    def now(self) -> datetime: ...
    async def commit(self, step: Step) -> None: ...
    async def switch_off(self, destination_id: int, why: str) -> None: ...
    async def recipe(self, version_id: int) -> Recipe: ...
    async def client(self, recipe: Recipe) -> Client: ...
    def call_slot(self, run: Held) -> AbstractAsyncContextManager[None]: ...
    def is_sure_of(self, run: Held) -> bool: ...


async def commit(
    run: Held, bench: Bench, values: dict[str, Any], called: Called | None = None,
    *, intents: Sequence[int] = (), deliveries: Sequence[DeliveryChange] = (),
    instead: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Commit new values of the run with the rows that belong to them.

    Raises:
        Lost: the run's fence moved on; nothing of this was written but a paid attempt.
    """
    kept = {"trace": run.trace, "deadline_at": run.deadline_at}
    step = Step(run, {**values, **kept}, intents=list(intents), deliveries=list(deliveries))
    if instead is not None:
        step.instead = {**instead, **kept}
    if called:
        step.attempt, step.news = called.attempt, called.news
    await bench.commit(step)


async def let_go(
    run: Held, bench: Bench, values: dict[str, Any], called: Called | None = None,
    *, deliveries: Sequence[DeliveryChange] = (),
) -> None:  # fmt: skip
    """Commit values with which the run leaves this worker: ended, queued again, or waiting."""
    now = bench.now()
    worked = int((now - run.claimed_at) / timedelta(milliseconds=1))
    ms = run.worked_ms + max(0, worked)
    values = values_when_let_go({**values, "execution_time_ms": ms})
    if values["status"] in Run.FINAL:
        values["completed_at"] = now
    instead = None
    if called and called.waiting is not None:
        instead = values_when_let_go({**called.waiting, "execution_time_ms": ms})
    await commit(run, bench, values, called, deliveries=deliveries, instead=instead)
    failed = run.status == Run.Status.FAILED
    category = values.get("error_category", "") if failed else ""
    log.info("run_left_worker", run=run.id, status=run.status, category=category, ms=ms)


def note(run: Held, step: str, started: datetime, ended: datetime, text: str = "") -> None:
    """Add a line to the run's trace; it is stored with the next commit."""
    ms = int((ended - started) / timedelta(milliseconds=1))
    line = {"step": step, "at": started.isoformat(timespec="milliseconds"), "ms": max(0, ms)}
    run.trace = [*run.trace[-TRACE_LINES:], {**line, "note": text[:300]} if text else line]

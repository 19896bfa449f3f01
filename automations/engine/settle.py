"""Commit what runs have reached: fenced, many at once, safe to repeat."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, transaction

from automations import signals
from automations.engine import circuits
from automations.engine.bulk import Change, insert_many, update_many
from automations.engine.held import DeliveryChange, Step
from automations.engine.limits import learn
from automations.engine.outage import is_outage
from automations.models import Attempt, Delivery, Run
from automations.queue import tend_on_commit

log = structlog.get_logger(__name__)
ATTEMPT_COLUMNS = [f.attname for f in Attempt._meta.concrete_fields if not f.primary_key]


def settle_each(steps: Sequence[Step], *, now: datetime) -> set[int]:
    """Settle all steps together; if the database refuses one, settle them one by one.

    A step that it refuses by itself ends its run: a poisoned row must not hold up the others.
    """
    try:
        with transaction.atomic():
            return settle(steps, now=now)
    except DatabaseError as error:
        if is_outage(error):
            raise
        log.exception("settle_refused", runs=[step.run.id for step in steps])
    held: set[int] = set()
    for step in steps:
        held |= _settle_alone(step, now)
    return held


def _settle_alone(step: Step, now: datetime) -> set[int]:
    try:
        with transaction.atomic():
            return settle([step], now=now)
    except DatabaseError as error:
        if is_outage(error):
            raise
        values = {
            "status": Run.Status.FAILED,
            "completed_at": now,
            "error_category": Run.ErrorCategory.INTERNAL_ERROR,
            "error_code": "refused_by_database",
            "error_message": "The database refused this run's result, and it is our fault.",
            "traceback": repr(error)[:2000].replace("\x00", ""),
        }
        settle([Step(step.run, values_when_let_go(values))], now=now)
        return set()


def settle(steps: Sequence[Step], *, now: datetime) -> set[int]:
    """Write the steps in the caller's transaction; return the ids of runs still held.

    A run whose fence has moved on is left alone. Everything but a worker's own writes moves the
    fence, except what returns a run to the queue: a late answer to a run that nobody has claimed
    since is welcome. Repeating a settle whose commit was lost changes nothing.
    """
    # Before the runs: an open circuit decides what becomes of a failed one. A claim takes its
    # locks in the same order.
    providers = learn([step.news for step in steps if step.news], now=now)
    for step in steps:
        if step.instead is not None and step.news and step.news.provider_id in providers:
            circuits.spare(step, providers[step.news.provider_id])
    held = update_many(Run, [_run_change(step) for step in steps])
    kept = [step for step in steps if step.run.id in held]
    # Kept even when the run was lost: the call was made and paid for.
    insert_many(Attempt, [_attempt_row(step.attempt) for step in steps if step.attempt])
    insert_many(Delivery, [row for step in kept for row in _intent_rows(step, now)])
    changes = [_delivery_change(change) for step in kept for change in step.deliveries]
    update_many(Delivery, changes, key="key")
    _tell_canaries(kept)
    _tell_finished(kept)
    return held


def _tell_canaries(steps: Sequence[Step]) -> None:
    """Let a worker look at the batches whose canary has ended; others are not even looked up."""
    canaries = (step for step in steps if step.run.priority == Run.CANARY)
    ended = {step.run.batch_id for step in canaries if step.values.get("status") in Run.FINAL}
    for batch_id in ended:
        if batch_id is not None:
            tend_on_commit(batch_id)


def _tell_finished(steps: Sequence[Step]) -> None:
    """Tell the floors above which automations have runs that ended, in this transaction."""
    ended = {s.run.automation_id for s in steps if s.values.get("status") in Run.FINAL}
    if ended:
        signals.runs_finished.send(Run, slugs=sorted(ended))


def _run_change(step: Step) -> Change:
    return Change(step.run.id, {"fence": step.run.fence}, step.values)


def _attempt_row(attempt: Attempt) -> dict[str, Any]:
    return {name: getattr(attempt, name) for name in ATTEMPT_COLUMNS}


def _intent_rows(step: Step, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "run_id": step.run.id,
            "destination_id": destination_id,
            "key": Delivery.key_for(step.run.id, destination_id),
            "state": Delivery.State.SENDING,
            "fence": step.run.fence,
            "tries": 1,
            "created_at": now,
            "reference": "",
            "error_message": "",
        }
        for destination_id in step.intents
    ]


def _delivery_change(change: DeliveryChange) -> Change:
    return Change(Delivery.key_for(change.run_id, change.destination_id), {}, change.values)


def values_when_let_go(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with the lease cleared, for a run that leaves this worker."""
    return {**values, "lease_owner": "", "lease_until": None}

"""Verbs that start runs: one, a batch, from the source, again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from automations import connectors
from automations.audit import Actor, record
from automations.connectors.base import Item
from automations.errors import Problem, WrongState
from automations.models import Automation, Batch, Run, Trigger, Version
from automations.queue import ring_on_commit
from automations.services.acting import require

CHUNK = 500
TOKENS_PER_CHARACTER = 0.25


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run comes from, and the keys that make a second submission harmless."""

    kind: str = Run.Origin.PERSON
    trigger: Trigger | None = None
    rerun_of: Run | None = None
    idempotency_key: str | None = None
    slot: str | None = None
    caused_by: int | None = None
    depth: int = 0


PERSON = Origin()
SHELL = Origin(Run.Origin.SHELL)


def submit_run(
    automation: Automation, input_data: Mapping[str, Any], *, by: Actor,
    origin: Origin = PERSON, version: Version | None = None,
) -> Run:  # fmt: skip
    """Queue one run on the live version (or `version`) and ring the workers.

    With an idempotency key or slot that was used before, the first run is returned.

    Raises:
        NotAllowed: the person may not start runs.
        WrongState: no live version, a draft, paused or retired.
    """
    require(by, "automations.start_run")
    run = _new_run(runnable(automation, version), input_data, by=by, origin=origin)
    return _existing(run) or _queue(run, by=by)


def run_source(automation: Automation, *, by: Actor, origin: Origin = PERSON) -> Run | Batch:
    """Run on what the automation's own source holds: one item a run, several a batch.

    Raises:
        WrongState: the source has no items of its own (a form or an upload).
        Problem: the source cannot be listed.
    """
    require(by, "automations.start_run")
    version = runnable(automation)
    return start_items(version, source_items(automation), by=by, origin=origin)


def source_items(automation: Automation) -> list[Item]:
    """List what the automation's source holds now (blocking).

    Raises:
        WrongState: the source has no items of its own.
        Problem: the source cannot be listed.
    """
    source = getattr(automation, "source", None)
    kind = connectors.sources.get(source.kind)(source.settings) if source else None
    items = kind.items() if kind else []
    if not items:
        raise WrongState("This automation's source holds nothing to run on; give it an input.")
    return items


def start_items(
    version: Version, items: Sequence[Item], *, by: Actor, origin: Origin
) -> Run | Batch:
    """Queue a run for the one item, or a batch for several."""
    if len(items) == 1:
        run = _from_item(version, items[0].key, by=by, origin=origin)
        return _existing(run) or _queue(run, by=by)
    bulk = replace(origin, slot=None)
    runs = (_from_item(version, item.key, by=by, origin=bulk) for item in items)
    return _submit(version, runs, by=by, name=f"{len(items)} items of the source")


def submit_batch(
    automation: Automation, rows: Iterable[Mapping[str, Any]], *, by: Actor, name: str
) -> Batch:
    """Queue a run per row, in chunks so that no transaction is long; rows are read lazily."""
    require(by, "automations.start_run")
    version = runnable(automation)
    origin = Origin(Run.Origin.BATCH)
    runs = (_new_run(version, row, by=by, origin=origin) for row in rows)
    return _submit(version, runs, by=by, name=name)


def rerun(run: Run, *, by: Actor, key: str | None = None) -> Run:
    """Start a new run of the same input on today's live version, once per `key`."""
    require(by, "automations.start_run")
    version = runnable(run.automation)
    origin = Origin(Run.Origin.REPLAY, rerun_of=run, idempotency_key=key)
    if run.source_item and not run.input_data:
        again = _from_item(version, run.source_item, by=by, origin=origin)
    else:
        again = _new_run(version, run.input_data, by=by, origin=origin)
    return _existing(again) or _queue(again, by=by)


def record_rejected(
    automation: Automation, problem: Problem, *, by: Actor, origin: Origin = SHELL, item: str = ""
) -> Run:
    """Keep a run whose input could not be read at all, with the problem as its outcome.

    Raises:
        WrongState: the automation could not have run at all.
    """
    require(by, "automations.start_run")
    run = _new_run(runnable(automation), {}, by=by, origin=origin)
    if existing := _existing(run):
        return existing
    now = timezone.now()
    run.status, run.started_at, run.completed_at = Run.Status.FAILED, now, now
    run.execution_time_ms, run.source_item = 0, item[:1000]
    run.error_category, run.error_code = problem.category, problem.code
    run.error_message = problem.message
    with transaction.atomic():
        run.save(force_insert=True)
        record("reject input", run, by=by, after={"code": problem.code})
    return run


def runnable(automation: Automation, version: Version | None = None) -> Version:
    """Return the version a run would use now.

    Raises:
        WrongState: no live version, a draft, paused or retired.
    """
    if automation.stage == Automation.Stage.RETIRED:
        raise WrongState(f"{automation} is retired; move it to another stage before running it.")
    if automation.is_paused:
        raise WrongState(f"{automation} is paused; resume it before running it.")
    chosen = version or automation.live_version
    if chosen is None:
        raise WrongState(f"{automation} has no live version; publish one and make it live.")
    if not chosen.is_published:
        raise WrongState(f"{chosen} is a draft; publish it before running it.")
    return chosen


def _existing(run: Run) -> Run | None:
    """Return the run that was started under the same key or slot before."""
    if run.idempotency_key:
        key = run.idempotency_key
        return Run.objects.filter(automation__slug=run.automation_id, idempotency_key=key).first()
    return Run.objects.filter(slot=run.slot).first() if run.slot else None


def _queue(run: Run, *, by: Actor) -> Run:
    """Store a new run and ring; a second one under the same key or slot yields to the first."""
    try:
        with transaction.atomic():
            run.save(force_insert=True)
            record("start run", run, by=by, after={"automation": run.automation_id})
            ring_on_commit()
    except IntegrityError:
        first = _existing(run)
        if first is None:
            raise
        return first
    return run


def _new_run(version: Version, input_data: Mapping[str, Any], *, by: Actor, origin: Origin) -> Run:
    now = timezone.now()
    size = (
        len(version.system_prompt)
        + len(version.user_prompt)
        + sum(len(str(v)) for v in input_data.values())
    )
    return Run(
        automation_id=version.automation.slug,
        version=version,
        provider_id=version.provider_id,
        input_data=dict(input_data),
        origin=origin.kind,
        trigger=origin.trigger,
        rerun_of=origin.rerun_of,
        idempotency_key=origin.idempotency_key,
        slot=origin.slot,
        caused_by_id=origin.caused_by,
        depth=origin.depth,
        requested_by_id=by.pk if by else None,
        queued_at=now,
        available_at=now,
        estimated_tokens=int(size * TOKENS_PER_CHARACTER) + version.max_output_tokens,
    )


def _from_item(version: Version, item: str, *, by: Actor, origin: Origin) -> Run:
    run = _new_run(version, {}, by=by, origin=origin)
    run.source_item, run.step = item, Run.Step.SOURCE
    return run


def _submit(version: Version, runs: Iterable[Run], *, by: Actor, name: str) -> Batch:
    by_id = by.pk if by else None
    batch = Batch(automation=version.automation, name=name[:200], created_by_id=by_id)
    with transaction.atomic():
        batch.save()
        record("start batch", batch, by=by)
    waiting = iter(runs)
    while chunk := list(islice(waiting, CHUNK)):
        if not _add_chunk(batch, chunk):
            break
    return batch


def _add_chunk(batch: Batch, chunk: list[Run]) -> bool:
    """Queue a chunk; False when somebody cancelled the batch in the meantime."""
    with transaction.atomic():
        current = Batch.objects.select_for_update().get(pk=batch.pk)
        if current.cancelled_at:
            return False
        for run in chunk:
            run.batch, run.priority = batch, Run.BULK
        Run.objects.bulk_create(chunk)
        batch.total += len(chunk)
        batch.save(update_fields=["total"])
        ring_on_commit()
    return True

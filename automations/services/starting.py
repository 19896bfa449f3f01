"""Verbs that start runs: one, a batch, from the source, again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from automations import connectors
from automations.audit import Actor, record
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
    chosen = _runnable(automation, version)
    existing = _existing(automation, origin)
    if existing:
        return existing
    with transaction.atomic():
        run = _new_run(chosen, input_data, by=by, origin=origin)
        run.save(force_insert=True)
        record("start run", run, by=by, after={"automation": automation.slug})
        ring_on_commit()
    return run


def run_source(automation: Automation, *, by: Actor, origin: Origin = PERSON) -> Run | Batch:
    """Run on what the automation's own source holds: one item a run, several a batch.

    Raises:
        WrongState: the source has no items of its own (a form or an upload).
        Problem: the source cannot be listed.
    """
    require(by, "automations.start_run")
    version = _runnable(automation, None)
    source = getattr(automation, "source", None)
    kind = connectors.sources.get(source.kind)(source.settings) if source else None
    items = kind.items() if kind else []
    if not items:
        raise WrongState("This automation's source holds nothing to run on; give it an input.")
    if len(items) > 1:
        name = f"{len(items)} items of {source}"
        return _submit_rows(version, ({"_item": i.key} for i in items), by=by, name=name)
    with transaction.atomic():
        run = _from_item(version, items[0].key, by=by, origin=origin)
        run.save(force_insert=True)
        record("start run", run, by=by, after={"item": items[0].label})
        ring_on_commit()
    return run


def submit_batch(
    automation: Automation, rows: Iterable[Mapping[str, Any]], *, by: Actor, name: str
) -> Batch:
    """Queue a run per row, in chunks so that no transaction is long; rows are read lazily."""
    require(by, "automations.start_run")
    return _submit_rows(_runnable(automation, None), rows, by=by, name=name)


def rerun(run: Run, *, by: Actor) -> Run:
    """Start a new run of the same input on today's live version."""
    origin = Origin(Run.Origin.REPLAY, rerun_of=run)
    if run.source_item and not run.input_data:
        require(by, "automations.start_run")
        again = _from_item(_runnable(run.automation, None), run.source_item, by=by, origin=origin)
        with transaction.atomic():
            again.save(force_insert=True)
            record("start run", again, by=by, after={"again": run.pk})
            ring_on_commit()
        return again
    return submit_run(run.automation, run.input_data, by=by, origin=origin)


def record_rejected(
    automation: Automation, problem: Problem, *, by: Actor, origin: Origin = SHELL, item: str = ""
) -> Run:
    """Keep a run whose input could not be read at all, with the problem as its outcome."""
    require(by, "automations.start_run")
    run = _new_run(_runnable(automation, None), {}, by=by, origin=origin)
    now = timezone.now()
    run.status, run.started_at, run.completed_at = Run.Status.FAILED, now, now
    run.execution_time_ms, run.source_item = 0, item[:1000]
    run.error_category, run.error_code = problem.category, problem.code
    run.error_message = problem.message
    run.save(force_insert=True)
    return run


def _runnable(automation: Automation, version: Version | None) -> Version:
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


def _existing(automation: Automation, origin: Origin) -> Run | None:
    if origin.idempotency_key:
        return automation.runs.filter(idempotency_key=origin.idempotency_key).first()
    return Run.objects.filter(slot=origin.slot).first() if origin.slot else None


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
        requested_by_id=by.pk if by else None,
        queued_at=now,
        available_at=now,
        estimated_tokens=int(size * TOKENS_PER_CHARACTER) + version.max_output_tokens,
    )


def _from_item(version: Version, item: str, *, by: Actor, origin: Origin) -> Run:
    run = _new_run(version, {}, by=by, origin=origin)
    run.source_item, run.step = item, Run.Step.SOURCE
    return run


def _submit_rows(
    version: Version, rows: Iterable[Mapping[str, Any]], *, by: Actor, name: str
) -> Batch:
    by_id = by.pk if by else None
    batch = Batch.objects.create(
        automation=version.automation, name=name[:200], created_by_id=by_id
    )
    chunk: list[Run] = []
    for row in rows:
        chunk.append(_batch_run(version, batch, row, by))
        if len(chunk) == CHUNK:
            _add_chunk(batch, chunk)
            chunk = []
    _add_chunk(batch, chunk)
    record("start batch", batch, by=by, after={"total": batch.total})
    return batch


def _batch_run(version: Version, batch: Batch, row: Mapping[str, Any], by: Actor) -> Run:
    origin = Origin(Run.Origin.BATCH)
    item = row.get("_item")
    run = (
        _from_item(version, str(item), by=by, origin=origin)
        if item
        else _new_run(version, row, by=by, origin=origin)
    )
    run.batch, run.priority = batch, Run.BULK
    return run


def _add_chunk(batch: Batch, chunk: list[Run]) -> None:
    if not chunk:
        return
    with transaction.atomic():
        Run.objects.bulk_create(chunk)
        batch.total += len(chunk)
        batch.save(update_fields=["total"])
        ring_on_commit()

"""Verbs that start runs: one, from the source, again; and what the other verbs make runs with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from automations.audit import Actor, record
from automations.connectors.base import Item
from automations.errors import KeyUsed, NothingNew, Problem, WrongState
from automations.inputs import placed
from automations.models import Automation, Batch, Run, Trigger, Version
from automations.queue import ring_on_commit
from automations.services import seen
from automations.services.acting import require, require_one
from automations.services.filling import fill

TOKENS_PER_CHARACTER = 0.25
# Trying costs what a run costs and has no effect, so that editors see what their drafts do.
TRY = ("automations.start_run", "automations.add_version")
# Behind these stands a person who waits; a batch's runs are put behind all others by `fill`.
OF_PEOPLE = {
    Run.Origin.PERSON, Run.Origin.SHELL, Run.Origin.PLAYGROUND, Run.Origin.REPLAY,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run comes from, how soon it is due, and the keys that make a repetition harmless."""

    kind: str = Run.Origin.PERSON
    trigger: Trigger | None = None
    rerun_of: Run | None = None
    idempotency_key: str | None = None
    slot: str | None = None
    caused_by: int | None = None
    depth: int = 0
    is_bulk: bool = False

    @property
    def priority(self) -> int:
        if self.is_bulk:
            return Run.BULK
        return Run.INTERACTIVE if self.kind in OF_PEOPLE else Run.USUAL


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
    return submit_once(automation, input_data, by=by, origin=origin, version=version)[0]


def submit_once(
    automation: Automation, input_data: Mapping[str, Any], *, by: Actor,
    origin: Origin = PERSON, version: Version | None = None,
) -> tuple[Run, bool]:  # fmt: skip
    """Do as `submit_run`, and tell whether the run is new."""
    require(by, "automations.start_run")
    run = new_run(runnable(automation, version), input_data, by=by, origin=origin)
    found = _existing(run) or _queue(run, by=by)
    return found, found is run


def try_version(
    version: Version, input_data: Mapping[str, Any], *, by: Actor, key: str | None = None
) -> Run:
    """Queue a simulated run of a published version or a draft: nothing of it is delivered.

    The same `key` returns the first run. Who may make drafts may try them.

    Raises:
        NotAllowed: the person may neither start runs nor make drafts.
        WrongState: the automation is paused or retired.
        ValidationError: the draft's recipe is not complete.
    """
    require_one(by, *TRY)
    _require_under_way(version.automation)
    if not version.is_published:
        version.full_clean(exclude=["number"])
    origin = Origin(Run.Origin.PLAYGROUND, idempotency_key=key)
    run = new_run(version, input_data, by=by, origin=origin)
    run.is_simulated = True
    return _existing(run) or _queue(run, by=by)


def try_pair(
    first: Version, second: Version, input_data: Mapping[str, Any], *, by: Actor, key: str
) -> tuple[Run, Run]:
    """Try two versions of one automation on the same input: both runs are queued, or neither.

    The same `key` returns the first pair.

    Raises:
        NotAllowed, WrongState, ValidationError: as `try_version`.
        WrongState: it is the same version twice, or one of another automation.
    """
    if first.pk == second.pk or first.automation_id != second.automation_id:
        raise WrongState("Choose two different versions of the same automation to compare.")
    with transaction.atomic():
        one = try_version(first, input_data, by=by, key=f"{key}:1")
        two = try_version(second, input_data, by=by, key=f"{key}:2")
    return one, two


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
    """List what a run of the automation's source would take now (blocking), as `look_for_items`.

    What a source's first look passes by is noted as seen.
    """
    look = look_for_items(automation)
    seen.pass_by(automation.source, look.passed_by)
    return look.fresh


def look_for_items(automation: Automation) -> seen.Look:
    """List what a run of the automation's source would take now (blocking), and note nothing.

    Of a source that remembers that is what was not taken before.

    Raises:
        NothingNew: the source remembers, and has nothing new.
        WrongState: the source has no items of its own.
        Problem: the source cannot be listed.
    """
    source = getattr(automation, "source", None)
    look = seen.look_at(source) if source else None
    if look is None or not look.fresh:
        raise _nothing_in(automation, look.total if look else 0)
    return look


def _nothing_in(automation: Automation, count: int) -> WrongState:
    if seen.remembering(automation) is None:
        return WrongState("This automation's source holds nothing to run on; give it an input.")
    if not count:
        return NothingNew("The source holds nothing yet; run it again when something is there.")
    return NothingNew(
        f"The source holds nothing new: all {count:,} of its items were taken before. To take "
        "them again, forget what was seen on the source's page."
    )


def start_items(
    version: Version, items: Sequence[Item], *, by: Actor, origin: Origin
) -> Run | Batch:
    """Queue a run for the one item, or a batch for several.

    A source that remembers notes them in the same transaction.

    Raises:
        NothingNew: somebody else took them all in this very moment.
    """
    source = seen.remembering(version.automation)
    if source is None:
        return _start_items(version, items, by=by, origin=origin)
    with transaction.atomic():
        mine = seen.take(source, items)
        if not mine:
            raise _nothing_in(version.automation, len(items))
        return _start_items(version, mine, by=by, origin=origin)


def _start_items(
    version: Version, items: Sequence[Item], *, by: Actor, origin: Origin
) -> Run | Batch:
    if len(items) == 1:
        run = run_of_item(version, items[0], by=by, origin=origin)
        return _existing(run) or _queue(run, by=by)
    bulk = replace(origin, slot=None)
    runs = (run_of_item(version, item, by=by, origin=bulk) for item in items)
    return open_batch(version, runs, by=by, name=f"{len(items)} items of the source")


def run_of_item(version: Version, item: Item, *, by: Actor, origin: Origin) -> Run:
    """Return a run, not stored yet, of one item: with its input where listing has read it."""
    cause = origin if item.caused_by is None else replace(
        origin, caused_by=item.caused_by, depth=item.depth
    )  # fmt: skip
    if item.data is None:
        return from_item(version, item.key, by=by, origin=cause)
    data = placed(item.data, version.automation.input_schema)
    run = new_run(version, data, by=by, origin=cause)
    run.source_item = item.key[:1_000]
    return run


def rerun(run: Run, *, by: Actor, key: str | None = None) -> Run:
    """Start a new run of the same input on today's live version, once per `key`."""
    require(by, "automations.start_run")
    version = runnable(run.automation)
    origin = Origin(Run.Origin.REPLAY, rerun_of=run, idempotency_key=key)
    if run.source_item and not run.input_data:
        again = from_item(version, run.source_item, by=by, origin=origin)
    else:
        again = new_run(version, run.input_data, by=by, origin=origin)
    return _existing(again) or _queue(again, by=by)


def record_rejected(
    automation: Automation, problem: Problem, *, by: Actor, origin: Origin = SHELL, item: str = ""
) -> Run:
    """Keep a run whose input could not be read at all, with the problem as its outcome.

    Raises:
        WrongState: the automation could not have run at all.
    """
    require(by, "automations.start_run")
    run = new_run(runnable(automation), {}, by=by, origin=origin)
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
    _require_under_way(automation)
    chosen = version or automation.live_version
    if chosen is None:
        raise WrongState(f"{automation} has no live version; publish one and make it live.")
    if not chosen.is_published:
        raise WrongState(f"{chosen} is a draft; publish it before running it.")
    return chosen


def _require_under_way(automation: Automation) -> None:
    if automation.stage == Automation.Stage.RETIRED:
        raise WrongState(f"{automation} is retired; move it to another stage before running it.")
    if automation.is_paused:
        raise WrongState(f"{automation} is paused; resume it before running it.")


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


def open_batch(
    version: Version, runs: Iterable[Run], *, by: Actor, name: str, key: str | None = None,
    digest: str = "",
) -> Batch:  # fmt: skip
    """Queue the runs as a batch; the same `key` returns the first one, continued if need be.

    Raises:
        KeyUsed: that one was made from rows of another `digest`.
    """
    batch, found = _batch_for(version, by=by, name=name, key=key, digest=digest)
    if found and digest and batch.options.get("digest", digest) != digest:
        raise KeyUsed(f"This key was used for other rows, in batch {batch.pk}; use a new key.")
    return batch if found and batch.state == Batch.State.OPEN else fill(batch, runs)


def _batch_for(
    version: Version, *, by: Actor, name: str, key: str | None, digest: str
) -> tuple[Batch, bool]:
    """Return the batch of this key, and whether it was there before."""
    mine = Batch.objects.filter(automation=version.automation, idempotency_key=key)
    if key and (first := mine.first()):
        return first, True
    batch = Batch(
        automation=version.automation, version=version, name=name[:200],
        created_by_id=by.pk if by else None, idempotency_key=key, state=Batch.State.LOADING,
        options={"digest": digest} if digest else {},
    )  # fmt: skip
    try:
        with transaction.atomic():
            batch.save()
            record("start batch", batch, by=by)
    except IntegrityError:
        # The same key twice at the same moment: the other one was first.
        return mine.get(), True
    return batch, False


def new_run(version: Version, input_data: Mapping[str, Any], *, by: Actor, origin: Origin) -> Run:
    """Return a run that is not stored yet."""
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
        rerun_root_id=_root_of(origin.rerun_of),
        idempotency_key=origin.idempotency_key,
        slot=origin.slot,
        caused_by_id=origin.caused_by,
        depth=origin.depth,
        priority=origin.priority,
        requested_by_id=by.pk if by else None,
        queued_at=now,
        available_at=now,
        estimated_tokens=int(size * TOKENS_PER_CHARACTER) + version.max_output_tokens,
    )


def _root_of(original: Run | None) -> int | None:
    return (original.rerun_root_id or original.pk) if original else None


def from_item(version: Version, item: str, *, by: Actor, origin: Origin) -> Run:
    """Return a run, not stored yet, that will read its input from the source."""
    run = new_run(version, {}, by=by, origin=origin)
    run.source_item, run.step = item, Run.Step.SOURCE
    return run

"""Verbs on batches: submit rows, prepare and start a file, pause, resume, cancel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from django.db import transaction
from django.utils import timezone

from automations import rows, spool, tables
from automations.audit import Actor, record
from automations.connectors.base import Item
from automations.errors import WrongState
from automations.models import Automation, Batch, Run
from automations.queue import ring_on_commit, tend_on_commit
from automations.rows import Plan, Scan
from automations.services import holding
from automations.services.acting import SYSTEM, require
from automations.services.deadlocks import again_after_deadlock
from automations.services.starting import Origin, look_for_items, new_run, open_batch, runnable
from automations.services.stopping import ask_to_stop, cancel_waiting
from automations.tables import Layout
from automations.text import clean_text, one_line

DRAFTS_KEPT_FOR = timedelta(days=1)


class Upload(Protocol):
    """What an uploaded file offers."""

    name: str | None

    def chunks(self) -> Iterable[bytes]:
        """Yield the file piece by piece."""


def submit_batch(
    automation: Automation, rows: Iterable[Mapping[str, Any]], *, by: Actor, name: str,
    key: str | None = None, digest: str = "",
) -> Batch:  # fmt: skip
    """Queue a run per row, in chunks so that no transaction is long; rows are read lazily.

    The same `key` returns the first batch; one that was cut short is continued from these rows.
    With a `digest` of the rows they must be those of the first time.

    Raises:
        KeyUsed: the key belongs to other rows.
        NotAllowed: the person may not start runs.
        WrongState: no live version, paused or retired.
    """
    require(by, "automations.start_run")
    version = runnable(automation)
    origin = Origin(Run.Origin.BATCH)
    runs = (new_run(version, row, by=by, origin=origin) for row in rows)
    return open_batch(version, runs, by=by, name=name, key=key, digest=digest)


# --- drafts --------------------------------------------------------------------------------


def draft_from_file(automation: Automation, upload: Upload, *, by: Actor) -> Batch:
    """Keep an uploaded file as a draft, with columns mapped to the fields of the same names.

    Raises:
        NotAllowed: the person may not start runs.
        TableProblem: the file cannot be used; nothing is kept.
    """
    require(by, "automations.start_run")
    name = one_line(clean_text(upload.name or "").text, limit=200)
    batch = _new_draft(automation, Batch.Kind.FILE, name, by=by)
    try:
        batch.file_name, batch.file_size = name, spool.keep(batch, name, upload.chunks())
        layout = tables.examine(spool.path_of(batch), name)
        batch.options = {"layout": layout.as_json()}
        plan = rows.suggest(automation, layout)
        _keep(batch, plan, _scan(batch, plan))
    except BaseException:
        spool.drop(batch)
        batch.delete()
        raise
    return batch


def draft_from_source(automation: Automation, *, by: Actor, pattern: str = "") -> Batch:
    """Keep what the source holds now as a draft; `pattern` (`*.md`) leaves the others out.

    A draft takes nothing: what is new is noted as seen when its runs are queued.

    Raises:
        WrongState: the source holds nothing, or nothing of that name.
        Problem: the source cannot be listed.
    """
    require(by, "automations.start_run")
    look = look_for_items(automation)
    items = [item for item in look.fresh if _fits(item, pattern)]
    if not items:
        raise WrongState(f"Nothing of the source matches {one_line(pattern)}; change the pattern.")
    batch = _new_draft(automation, Batch.Kind.SOURCE, "What the source holds", by=by)
    batch.file_path = f"{batch.pk}/rows.jsonl"
    place = spool.path_of(batch)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    count = tables.write_lines(place, map(asdict, items))
    tables.write_lines(spool.passed_by_of(batch), map(asdict, look.passed_by))
    batch.options = {
        "layout": spool.ITEMS.as_json(), "rows": count, "bad": 0, "whole": True,
        "items": [item.label for item in items[:10]],
    }  # fmt: skip
    batch.name = f"{count} items of the source"
    batch.save()
    return batch


def _fits(item: Item, pattern: str) -> bool:
    import fnmatch  # noqa: PLC0415

    return not pattern or fnmatch.fnmatchcase(item.key, pattern)


def _new_draft(automation: Automation, kind: str, name: str, *, by: Actor) -> Batch:
    by_id = by.pk if by else None
    with transaction.atomic():
        batch = Batch.objects.create(
            automation=automation, kind=kind, state=Batch.State.DRAFT, created_by_id=by_id,
            name=name or "Rows",
        )  # fmt: skip
        record("draft batch", batch, by=by)
    return batch


def _scan(batch: Batch, plan: Plan) -> Scan:
    """Read the file under a plan: some seconds, so never in a transaction."""
    layout = Layout.of(batch.options["layout"])
    found = rows.scan(batch.automation, spool.path_of(batch), layout, plan)
    if not found.rows:
        raise tables.TableProblem(
            f"{batch.file_name} has a header but no rows; add rows and upload it again."
            if layout.format == "csv"
            else f"{batch.file_name} has no rows; add some and upload it again."
        )
    return found


def _keep(batch: Batch, plan: Plan, found: Scan) -> None:
    """Keep what a file shows under a plan."""
    batch.mapping = dict(plan.mapping)
    kept = asdict(found)
    batch.options = {
        **batch.options, "constants": dict(plan.constants), "rows": found.rows, "bad": found.bad,
        "whole": kept["is_whole"], "characters": found.characters, "faults": kept["faults"],
        "sample": kept["sample"],
    }  # fmt: skip
    batch.save()


def map_columns(batch: Batch, plan: Plan, *, skips_bad: bool, by: Actor) -> Batch:
    """Keep where each input field of a draft comes from, and read the file again under it.

    Raises:
        WrongState: the batch was started already, or a constant is no value of its field.
        TableProblem: the file cannot be read to its end.
    """
    require(by, "automations.start_run")
    with transaction.atomic():
        batch = _draft(batch.pk)
    try:
        found = _scan(batch, plan)
    except FileNotFoundError as error:
        message = f"{batch.name} was started or discarded meanwhile; look at the batches."
        raise WrongState(message) from error
    with transaction.atomic():
        current = _draft(batch.pk)
        current.options = {**current.options, "skips_bad": skips_bad}
        before = dict(current.mapping)
        _keep(current, plan, found)
        record("map columns", current, by=by, before=before, after=dict(plan.mapping))
    return current


def _draft(pk: int) -> Batch:
    rows = Batch.objects.select_for_update(of=("self",)).select_related("automation__live_version")
    batch = rows.get(pk=pk)
    if batch.state != Batch.State.DRAFT:
        raise WrongState(f"{batch.name} was started already; look at its progress.")
    return batch


def start_batch(batch: Batch, *, by: Actor) -> Batch:
    """Start a draft: a worker queues its rows on today's live version.

    Raises:
        NotAllowed: the person may not start runs.
        WrongState: started already, a required field without a column, bad rows that shall not be
            skipped, or the automation cannot run now.
    """
    require(by, "automations.start_run")
    with transaction.atomic():
        current = _draft(batch.pk)
        current.version = runnable(current.automation)
        if reasons := obstacles(current):
            raise WrongState(" ".join(reasons))
        current.state, current.needs_worker = Batch.State.LOADING, True
        current.loaded_at = timezone.now()
        current.options = {**current.options, "started": timezone.now().isoformat()}
        current.save()
        record("start batch", current, by=by, after={"rows": current.options.get("rows")})
        tend_on_commit(current.pk)
    return current


def obstacles(batch: Batch) -> list[str]:
    """Return why a draft cannot be started as it is; empty when it can."""
    if batch.kind != Batch.Kind.FILE:
        return []
    found = []
    layout = Layout.of(batch.options["layout"])
    plan = Plan(batch.mapping, batch.options.get("constants", {}))
    if missing := rows.missing_fields(batch.automation, layout, plan):
        found.append(f"Choose where {', '.join(missing)} comes from.")
    bad = batch.options.get("bad", 0)
    if bad and not batch.options.get("skips_bad"):
        what = "1 row cannot" if bad == 1 else f"{bad:,} rows cannot"
        what = what if batch.options.get("whole", True) else f"At least {what}"
        found.append(f"{what} be used; mend the file, or choose to skip them.")
    elif bad == batch.options.get("rows") and batch.options.get("whole", True):
        found.append("No row can be used; mend the file or the columns.")
    return found


def discard_batch(batch: Batch, *, by: Actor) -> None:
    """Throw a draft and its file away.

    Raises:
        WrongState: it was started already; cancel it instead.
    """
    require(by, "automations.start_run")
    with transaction.atomic():
        current = _draft(batch.pk)
        record("discard batch", current, by=by)
        spool.drop(current)
        current.delete()


def expire_drafts(*, now: datetime) -> int:
    """Throw away drafts that nobody started within a day, with their files; return how many."""
    old = Batch.objects.filter(state=Batch.State.DRAFT, created_at__lt=now - DRAFTS_KEPT_FOR)
    gone = 0
    for pk in old.order_by("pk").values_list("pk", flat=True)[:100]:
        with transaction.atomic():
            # Of two sweeps, or of a sweep and a person who starts it, one has the row.
            free = old.select_for_update(skip_locked=True)
            for batch in free.filter(pk=pk):
                record("expire draft batch", batch, by=SYSTEM)
                batch.delete()
                gone += 1
                transaction.on_commit(partial(spool.drop_numbered, pk))
    return gone


# --- a batch on its way --------------------------------------------------------------------


def pause_batch(batch: Batch, *, by: Actor) -> Batch:
    """Hold what has not begun; what is in flight is finished.

    Raises:
        WrongState: it is a draft, paused or cancelled.
    """
    return _set_paused(batch, by=by, pausing=True)


def resume_batch(batch: Batch, *, by: Actor) -> Batch:
    """Let a paused batch go on.

    Raises:
        WrongState: it is not paused.
    """
    return _set_paused(batch, by=by, pausing=False)


def _set_paused(batch: Batch, *, by: Actor, pausing: bool) -> Batch:
    require(by, "automations.start_run")
    with transaction.atomic():
        current = _under_way(batch.pk)
        if current.is_paused == pausing:
            raise WrongState(f"{current.name} is {'paused already' if pausing else 'not paused'}.")
        current.paused_at = timezone.now() if pausing else None
        _ask_worker(current)
        record("pause batch" if pausing else "resume batch", current, by=by)
    holding.arrange(current.pk, chunks=1)
    return current


def continue_batch(batch: Batch, *, by: Actor) -> Batch:
    """Let the rest of a replay go although its canary was stopped.

    Raises:
        WrongState: it was not stopped.
    """
    require(by, "automations.start_run")
    with transaction.atomic():
        current = _under_way(batch.pk)
        if not current.stopped_because:
            raise WrongState(f"{current.name} was not stopped; there is nothing to continue.")
        before = {"stopped": current.stopped_because, "stage": current.canary_stage}
        current.stopped_because, current.canary_stage = "", None
        _ask_worker(current)
        record("continue batch anyway", current, by=by, before=before)
    holding.arrange(current.pk, chunks=1)
    return current


@again_after_deadlock
def cancel_batch(batch: Batch, *, by: Actor) -> Batch:
    """Cancel everything of a batch that has not ended, rows that are not queued yet included.

    Raises:
        WrongState: it is a draft, to be discarded instead, or cancelled already.
    """
    require(by, "automations.start_run")
    with transaction.atomic():
        # First of all the batch itself: a loader that waits for it then sees that it is over.
        current = Batch.objects.select_for_update().get(pk=batch.pk)
        if current.state == Batch.State.DRAFT:
            raise WrongState(f"{current.name} was not started; discard it instead.")
        if current.cancelled_at:
            raise WrongState(f"{current.name} was cancelled already; nothing of it goes on.")
        current.cancelled_at, current.state = timezone.now(), Batch.State.OPEN
        current.needs_worker, current.paused_at = False, None
        current.options = {n: v for n, v in current.options.items() if n != "retry_upto"}
        current.save()
        cancel_waiting(current.runs.all())
        ask_to_stop(current.runs.all())
        record("cancel batch", current, by=by)
    spool.drop(current)
    batch.refresh_from_db()
    return batch


def _under_way(pk: int) -> Batch:
    batch = Batch.objects.select_for_update().get(pk=pk)
    if batch.state == Batch.State.DRAFT:
        raise WrongState(f"{batch.name} was not started yet; start it first.")
    if batch.cancelled_at:
        raise WrongState(f"{batch.name} was cancelled; nothing of it goes on.")
    return batch


def _ask_worker(batch: Batch) -> None:
    batch.needs_worker = True
    batch.save()
    tend_on_commit(batch.pk)
    ring_on_commit()

"""Look at the evidence and keep what was found: how each box stands, and every change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from automations.models import Automation
from lifecycle import evidence, phases
from lifecycle.evidence.base import Evidence
from lifecycle.models import BoxChange, BoxState, Checklist

log = structlog.get_logger(__name__)
A_ROUND = 50
AFTER_A_BREAK = timedelta(minutes=5)
COLUMNS = ("state", "why", "rows", "step", "step_url", "since")


def mark(slugs: Iterable[str], *, within: timedelta = timedelta()) -> None:
    """Let the evaluator look at these automations again, at the latest after `within`.

    One query where that is so already, as with most runs that end. A row that another transaction
    holds is left to it: nobody ever waits here, so no order of locks can be wrong. What that, or an
    evaluator that looked before this transaction was committed, has missed is seen at the second
    look, a minute later.
    """
    moment = timezone.now() + within
    named = Automation.objects.filter(slug__in=set(slugs)).values("pk")
    later = Checklist.objects.filter(automation__in=named, due_at__gt=moment).order_by("pk")
    with transaction.atomic(savepoint=False):
        free = later.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True)
        if found := list(free):
            Checklist.objects.filter(pk__in=found).update(due_at=moment)


def evaluate_due() -> int:
    """Evaluate what is due, the longest due first; return how many that were.

    One that breaks is noted in the log and tried again in five minutes; the others go on.
    """
    now = timezone.now()
    new = Automation.objects.filter(progress=None)
    due = Automation.objects.filter(progress__due_at__lte=now).order_by("progress__due_at")
    found = [*new[:A_ROUND], *due[:A_ROUND]]
    for automation in found:
        try:
            evaluate(automation)
        except Exception:
            log.exception("checklist_broke", automation=automation.slug)
            mark([automation.slug], within=AFTER_A_BREAK)
    return len(found)


def evaluate(automation: Automation, *, now: datetime | None = None) -> Checklist:
    """Look at all 29 boxes and keep how they stand; every change of a box leaves a row.

    What an evaluator saw is kept only if no other one has looked since; then it is looked at once
    more, as two machines' clocks may differ.
    """
    now = now or timezone.now()
    checklist, _ = Checklist.objects.get_or_create(automation=automation)
    # Before looking: what happens from here on asks for another look.
    Checklist.objects.filter(pk=checklist.pk).update(due_at=now + checklist.rest)
    fresh = Automation.objects.select_related("live_version__provider", "source", "owner")
    found = evidence.look(fresh.get(pk=automation.pk), now)
    with transaction.atomic():
        # The only lock taken here, so there is no order in which two could wait for each other.
        checklist = Checklist.objects.select_for_update(no_key=True).get(pk=checklist.pk)
        if checklist.evaluated_at is None or checklist.evaluated_at <= now:
            _keep(checklist, found, now)
        else:
            mark([automation.slug])
    return checklist


def _keep(checklist: Checklist, found: Mapping[int, Evidence], now: datetime) -> None:
    known = {row.number: row for row in checklist.boxes.all()}
    changes: list[BoxChange] = []
    written: list[BoxState] = []
    for number, shown in found.items():
        row = known.get(number) or BoxState(checklist=checklist, number=number, state="")
        if row.state != shown.state:
            changes += _change(checklist, row, shown, now)
            row.since = now
        if _brought_up_to_date(row, shown):
            written.append(row)
    BoxChange.objects.bulk_create(changes)
    BoxState.objects.bulk_update([row for row in written if row.number in known], COLUMNS)
    BoxState.objects.bulk_create([row for row in written if row.number not in known])
    satisfied = [n for n, shown in found.items() if shown.state in phases.SATISFIED]
    _note_phases(checklist, satisfied, now)
    checklist.evaluated_at = now
    checklist.save(update_fields=["evaluated_at", "phase", "phase_since", "left"])


def _change(
    checklist: Checklist, row: BoxState, shown: Evidence, now: datetime
) -> Iterator[BoxChange]:
    """Yield the row of a change; that a box was not met when first looked at is none."""
    if row.state or shown.state in phases.SATISFIED:
        yield BoxChange(
            automation_id=checklist.automation_id,
            number=row.number,
            before=row.state,
            after=shown.state,
            why=shown.why,
            at=now,
        )


def _brought_up_to_date(row: BoxState, shown: Evidence) -> bool:
    """Put what was found into a box's row; tell whether anything of it is new. Does not save."""
    values = {
        "state": shown.state.value,
        "why": shown.why,
        "rows": [[link.label, link.url] for link in shown.rows],
        "step": shown.step.label if shown.step else "",
        "step_url": shown.step.url if shown.step else "",
    }
    if row.pk and all(getattr(row, name) == value for name, value in values.items()):
        return False
    for name, value in values.items():
        setattr(row, name, value)
    return True


def _note_phases(checklist: Checklist, satisfied: list[int], now: datetime) -> None:
    """Keep since when each phase may be left, and which one is being worked on."""
    checklist.left = {
        str(phase.number): checklist.left.get(str(phase.number), now.isoformat())
        for phase in phases.PHASES
        if phase.may_be_left(satisfied)
    }
    current = phases.current_phase(satisfied)
    if current != checklist.phase:
        checklist.phase, checklist.phase_since = current, now

"""Verbs on checklists: look at the evidence and keep what was found; exempt, attest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def mark(slugs: Iterable[str], *, within: timedelta = timedelta()) -> None:
    """Let the evaluator look at these automations again, at the latest after `within`.

    In order, so that two transactions that mark the same ones never wait for each other.
    """
    moment = timezone.now() + within
    for slug in sorted(set(slugs)):
        Checklist.objects.filter(automation__slug=slug, due_at__gt=moment).update(due_at=moment)


def evaluate_due() -> int:
    """Evaluate what is due, the longest due first; return how many that were.

    One that breaks is noted in the log and tried again in an hour; the others go on.
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
    return len(found)


def evaluate(automation: Automation, *, now: datetime | None = None) -> Checklist:
    """Look at all 29 boxes and keep how they stand; every change of a box leaves a row."""
    now = now or timezone.now()
    checklist, _ = Checklist.objects.get_or_create(automation=automation)
    # Before looking: what happens from here on asks for another look.
    Checklist.objects.filter(pk=checklist.pk).update(due_at=now + Checklist.EVERY)
    fresh = Automation.objects.select_related("live_version__provider", "owner", "deputy")
    found = evidence.look(fresh.get(pk=automation.pk), now)
    with transaction.atomic():
        checklist = Checklist.objects.select_for_update().get(pk=checklist.pk)
        if checklist.evaluated_at is None or checklist.evaluated_at < now:
            _keep(checklist, found, now)
    return checklist


def _keep(checklist: Checklist, found: Mapping[int, Evidence], now: datetime) -> None:
    known = {row.number: row for row in checklist.boxes.all()}
    for number, shown in found.items():
        row = known.get(number) or BoxState(checklist=checklist, number=number, state="")
        if row.state != shown.state:
            _note_change(checklist, row, shown, now)
        _write(row, shown)
    satisfied = [n for n, shown in found.items() if shown.state in phases.SATISFIED]
    _note_phases(checklist, satisfied, now)
    checklist.evaluated_at = now
    checklist.save(update_fields=["evaluated_at", "phase", "phase_since", "left"])


def _note_change(checklist: Checklist, row: BoxState, shown: Evidence, now: datetime) -> None:
    BoxChange.objects.create(
        automation_id=checklist.automation_id,
        number=row.number,
        before=row.state,
        after=shown.state,
        why=shown.why,
        at=now,
    )
    row.since = now


def _write(row: BoxState, shown: Evidence) -> None:
    """Save a box's row if anything of it is new."""
    values = {
        "state": shown.state.value,
        "why": shown.why,
        "rows": [[link.label, link.url] for link in shown.rows],
        "step": shown.step.label if shown.step else "",
        "step_url": shown.step.url if shown.step else "",
    }
    if row.pk and all(getattr(row, name) == value for name, value in values.items()):
        return
    for name, value in values.items():
        setattr(row, name, value)
    row.save()


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

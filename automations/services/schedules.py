"""Start what schedules say is due."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from automations import triggers
from automations.connectors.base import Item
from automations.errors import AutomationsError, Problem
from automations.models import Run, Trigger
from automations.services.acting import SYSTEM
from automations.services.starting import (
    Origin,
    record_rejected,
    runnable,
    source_items,
    start_items,
    submit_run,
)

log = structlog.get_logger(__name__)


def fire_due_triggers(*, now: datetime | None = None) -> int:
    """Start a run for each schedule that is due, once per intended time; return how many."""
    moment = now or timezone.now()
    due = Trigger.objects.active().filter(next_at__lte=moment).select_related("automation")
    return sum(_fire(trigger, moment) for trigger in due)


def _fire(trigger: Trigger, now: datetime) -> int:
    """Start what one schedule says and move it on, both in one transaction."""
    try:
        runnable(trigger.automation)
        items = [] if trigger.settings.get("input") else source_items(trigger.automation)
        with transaction.atomic():
            return _start_once(trigger, items, now)
    except Problem as problem:
        record_rejected(trigger.automation, problem, by=SYSTEM, origin=_origin(trigger, now))
        trouble = problem.message
    except AutomationsError as error:
        log.warning("schedule_refused", trigger=trigger.pk, why=str(error))
        trouble = str(error)
    except Exception as error:
        log.warning("schedule_failed", trigger=trigger.pk, exc_info=error)
        trouble = str(error) or type(error).__name__
    _move_on(trigger, now, trouble)
    return 0


def _start_once(trigger: Trigger, items: list[Item], now: datetime) -> int:
    mine = Trigger.objects.select_for_update().filter(pk=trigger.pk, next_at=trigger.next_at)
    if mine.first() is None:
        return 0
    origin = _origin(trigger, now)
    if items:
        version = runnable(trigger.automation)
        start_items(version, items, by=SYSTEM, origin=origin)
    else:
        submit_run(trigger.automation, trigger.settings["input"], by=SYSTEM, origin=origin)
    _move_on(trigger, now, "")
    return 1


def _origin(trigger: Trigger, now: datetime) -> Origin:
    """Name the intended time: unique, so that a second scheduler is harmless."""
    intended = trigger.next_at or now
    slot = f"{trigger.pk}:{intended.isoformat()}"
    return Origin(Run.Origin.SCHEDULE, trigger=trigger, slot=slot)


def _move_on(trigger: Trigger, now: datetime, trouble: str) -> None:
    upcoming, why_never = _next_time(trigger, now)
    mine = Trigger.objects.filter(pk=trigger.pk, next_at=trigger.next_at)
    mine.update(next_at=upcoming, last_fired_at=now, trouble=trouble or why_never)


def _next_time(trigger: Trigger, now: datetime) -> tuple[datetime | None, str]:
    """Return when the schedule is due next, else None and why it never is again."""
    try:
        return triggers.next_time(trigger.kind, trigger.settings, now), ""
    except (ValueError, LookupError, TypeError) as error:
        return None, f"This schedule cannot be read: {error}"

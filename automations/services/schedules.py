"""Start what schedules say is due: each intended time once, under the schedule's policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, takewhile

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from automations import connectors, triggers
from automations.connectors.base import Item
from automations.errors import AutomationsError, NothingNew, Problem
from automations.models import Batch, Control, Firing, Run, Source, Trigger
from automations.queue import fire_on_commit
from automations.services.acting import SYSTEM
from automations.services.firings import forget_old_firings, note_firing
from automations.services.starting import (
    Origin,
    record_rejected,
    runnable,
    source_items,
    start_items,
    submit_run,
)
from automations.text import clean_text
from automations.triggers.cron import upcoming
from automations.triggers.schedule import ALLOW, ONCE, QUEUE

log = structlog.get_logger(__name__)

# A time at which nobody looked for longer than this was missed; a sweep comes every minute.
MISSED_AFTER = timedelta(minutes=5)
# A task that took a schedule over and said nothing for longer than this was killed.
LISTING_FOR = timedelta(minutes=10)
MOST_COUNTED = 20_000
MOST_LISTED = 20
Outcome = Firing.Outcome
UNFINISHED = [status for status in Run.Status.values if status not in Run.FINAL]


@dataclass(frozen=True, slots=True)
class Due:
    """A time that has come: what to start for it, and the times before it that were missed."""

    intended: datetime
    missed: list[datetime] = field(default_factory=list)
    starts: bool = True
    waited: bool = False


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a due time."""

    outcome: str
    note: str = ""
    started: Run | Batch | None = None
    trouble: str = ""
    waits: bool = False


def fire_due_triggers(*, now: datetime | None = None) -> int:
    """Start what is due by schedule, each intended time once; return how many were started.

    Nothing is started while the kill switch is pulled or an automation is paused; what fell due
    meanwhile follows the schedule's `missed` policy afterwards.
    """
    moment = now or timezone.now()
    forget_old_firings(now=moment)
    return sum(_look_after(trigger, moment) for trigger in _due_by(moment))


def fire_near_triggers(*, now: datetime) -> int:
    """Do as `fire_due_triggers`, but ask nobody over the network: tasks do that for the rest.

    A schedule is handed to one task at a time, which calls `fire_trigger`.
    """
    forget_old_firings(now=now)
    started, far = 0, []
    for trigger in _due_by(now):
        if _asks_the_network(trigger):
            far.append(trigger)
        else:
            started += _look_after(trigger, now)
    _hand_over(far, now)
    return started


def fire_trigger(trigger_id: int, *, now: datetime | None = None) -> int:
    """Start what one schedule that was handed over is due for; return how many were started."""
    moment = now or timezone.now()
    try:
        due = _due_by(moment).filter(pk=trigger_id, listing_since__isnull=False).first()
        return _look_after(due, moment) if due else 0
    finally:
        Trigger.objects.filter(pk=trigger_id).update(listing_since=None)


def _due_by(now: datetime) -> QuerySet[Trigger]:
    if Control.current().halted_at:
        return Trigger.objects.none()
    due = Q(next_at__lte=now) | Q(waiting_since__isnull=False)
    rows = Trigger.objects.active().filter(due).order_by("next_at", "pk")
    return rows.select_related("automation__live_version", "automation__source")


def _asks_the_network(trigger: Trigger) -> bool:
    """Tell whether a due schedule lists a source that is elsewhere; a broken row does not."""
    source: Source | None = getattr(trigger.automation, "source", None)
    if source is None or not isinstance(trigger.settings, dict) or trigger.settings.get("input"):
        return False
    return not connectors.sources.get(source.kind).listed_here


def _hand_over(far: Sequence[Trigger], now: datetime) -> None:
    """Give schedules to a task, unless one has them already."""
    free = Q(listing_since=None) | Q(listing_since__lt=now - LISTING_FOR)
    with transaction.atomic():
        rows = ((t.pk, Trigger.objects.filter(free, pk=t.pk)) for t in far)
        if taken := [pk for pk, row in rows if row.update(listing_since=now)]:
            fire_on_commit(taken)


def _look_after(trigger: Trigger, now: datetime) -> int:
    """Deal with all due times of one schedule; whatever is wrong with it stops only itself."""
    started = 0
    try:
        while due := _due(trigger, now):
            came = _fire(trigger, due, now)
            if came is None:
                break
            started += came.outcome == Outcome.STARTED
    except Exception as error:
        if not isinstance(error, (ValueError, LookupError, TypeError)):
            log.warning("schedule_failed", trigger=trigger.pk, exc_info=error)
        _give_up(trigger, f"This schedule cannot be read: {error}")
    return started


def _due(trigger: Trigger, now: datetime) -> Due | None:
    """Return the next thing to do for a schedule, or None.

    After an interruption at most one run is started, however many times were missed.
    """
    if trigger.waiting_since and _unfinished(trigger) is None:
        return Due(trigger.waiting_since, waited=True)
    first = trigger.next_at
    if first is None or first > now:
        return None
    if now - first <= MISSED_AFTER:
        return Due(first)
    passed = _passed(trigger, first, now)
    newest = passed[-1]
    starts = now - newest <= MISSED_AFTER or trigger.settings.get("missed", ONCE) == ONCE
    return Due(newest, missed=passed[:-1], starts=starts)


def _passed(trigger: Trigger, first: datetime, now: datetime) -> list[datetime]:
    """Return the times from `first` to now; of very many the first ones and the newest."""
    cron, zone = trigger.settings["cron"], trigger.settings.get("timezone", "UTC")
    so_far = takewhile(lambda at: at <= now, upcoming(cron, zone, after=first))
    passed = [first, *islice(so_far, MOST_COUNTED)]
    if len(passed) > MOST_COUNTED:
        recent = upcoming(cron, zone, after=max(passed[-1], now - timedelta(hours=1)))
        passed += takewhile(lambda at: at <= now, recent)
    return passed


def _unfinished(trigger: Trigger) -> Run | Batch | None:
    """Return something that this trigger started and that has not ended."""
    runs = Run.objects.light().filter(
        automation_id=trigger.automation.slug, trigger=trigger, is_simulated=False
    )
    going = runs.filter(status__in=UNFINISHED).order_by("pk").first()
    loading = Batch.objects.filter(
        automation=trigger.automation, state=Batch.State.LOADING, cancelled_at=None
    )
    mine = trigger.firings.exclude(batch=None).values("batch")
    return going or loading.filter(pk__in=mine).first()


def _fire(trigger: Trigger, due: Due, now: datetime) -> Came | None:
    """Start what a due time asks for and move the schedule on, both in one transaction.

    None: another scheduler was first, or it was paused in the meantime.
    """
    try:
        ready = _before_start(trigger, due)
        items = _items(trigger) if ready is None else []
        with transaction.atomic():
            if not _is_mine(trigger):
                return None
            came = ready or _start(trigger, items, due)
            return _close(trigger, due, came, now)
    except NothingNew as nothing:
        came = Came(Outcome.NOTHING, str(nothing))
    except Problem as problem:
        came = _rejected(trigger, due, problem)
    except AutomationsError as error:
        log.warning("schedule_refused", trigger=trigger.pk, why=str(error))
        came = Came(Outcome.REFUSED, str(error), trouble=str(error))
    except Exception as error:
        log.warning("schedule_failed", trigger=trigger.pk, exc_info=error)
        trouble = str(error) or type(error).__name__
        came = Came(Outcome.REFUSED, trouble, trouble=trouble)
    with transaction.atomic():
        return _close(trigger, due, came, now) if _is_mine(trigger) else None


def _before_start(trigger: Trigger, due: Due) -> Came | None:
    """Return what comes of a time at which nothing is to be started; None to start."""
    if not due.starts:
        return Came(Outcome.MISSED, "No worker looked in time, or the automation was stopped.")
    earlier = {"trigger": trigger, "intended_at": due.intended, "outcome": Outcome.STARTED}
    if Firing.objects.filter(**earlier).exists():
        return Came(Outcome.SKIPPED, "It was started for this time before; the clock went back.")
    return None if due.waited else _overlap(trigger)


def _overlap(trigger: Trigger) -> Came | None:
    """Return what comes of a time at which an earlier run has not ended; None to start."""
    policy = trigger.settings.get("overlap", ALLOW)
    if policy == ALLOW:
        return None
    if trigger.waiting_since:
        return Came(Outcome.SKIPPED, "One start waits already; this time is part of it.")
    before = _unfinished(trigger)
    if before is None:
        return None
    what = f"{type(before).__name__} {before.pk} has not ended"
    if policy == QUEUE:
        return Came(Outcome.SKIPPED, f"{what}; it starts afterwards.", waits=True)
    return Came(Outcome.SKIPPED, f"{what}.")


def _items(trigger: Trigger) -> list[Item]:
    runnable(trigger.automation)
    return [] if trigger.settings.get("input") else source_items(trigger.automation)


def _is_mine(trigger: Trigger) -> bool:
    """Lock the row, and tell whether it is as it was read: a second scheduler is harmless."""
    same = Trigger.objects.active().filter(
        pk=trigger.pk, next_at=trigger.next_at, waiting_since=trigger.waiting_since
    )
    return same.select_for_update(of=("self",)).first() is not None


def _start(trigger: Trigger, items: list[Item], due: Due) -> Came:
    origin = _origin(trigger, due)
    started: Run | Batch
    if items:
        started = start_items(runnable(trigger.automation), items, by=SYSTEM, origin=origin)
    else:
        given = trigger.settings["input"]
        started = submit_run(trigger.automation, given, by=SYSTEM, origin=origin)
    if due.waited:
        return Came(Outcome.STARTED, "It waited for the run before it.", started)
    note = f"Late: {len(due.missed)} earlier times were missed." if due.missed else ""
    return Came(Outcome.STARTED, note, started)


def _rejected(trigger: Trigger, due: Due, problem: Problem) -> Came:
    """Keep a failed run that says why the source could not be listed."""
    try:
        run = record_rejected(
            trigger.automation, problem, by=SYSTEM, origin=_origin(trigger, due)
        )  # fmt: skip
    except AutomationsError as error:
        return Came(Outcome.REFUSED, str(error), trouble=str(error))
    return Came(Outcome.REFUSED, problem.message, run, problem.message)


def _origin(trigger: Trigger, due: Due) -> Origin:
    """Name the intended time: unique, so that a second scheduler is harmless."""
    slot = f"{trigger.pk}:{due.intended.isoformat()}"
    return Origin(Run.Origin.SCHEDULE, trigger=trigger, slot=slot)


def _close(trigger: Trigger, due: Due, came: Came, now: datetime) -> Came:
    """Write the history and move the schedule on."""
    _note_missed(trigger, due.missed)
    note_firing(
        trigger, came.outcome, note=came.note, intended_at=due.intended, started=came.started
    )
    after = trigger.next_at if due.waited else due.intended
    if due.waited:
        trigger.waiting_since = None
    elif came.waits:
        trigger.waiting_since = due.intended
    why_never = "" if due.waited else _move_on(trigger, after)
    trigger.last_fired_at, trigger.trouble = now, clean_text(came.trouble or why_never).text
    trigger.save(update_fields=["next_at", "waiting_since", "last_fired_at", "trouble"])
    return came


def _move_on(trigger: Trigger, after: datetime | None) -> str:
    """Set when the schedule is due next; return why it never is again, or ""."""
    try:
        trigger.next_at = triggers.next_time(trigger.kind, trigger.settings, after)
    except (AutomationsError, ValueError, LookupError, TypeError) as error:
        trigger.next_at = None
        return f"This schedule cannot be read: {error}"
    return ""


def _note_missed(trigger: Trigger, missed: list[datetime]) -> None:
    listed = missed[-MOST_LISTED:]
    if more := len(missed) - len(listed):
        many = f"{more:,} times from {missed[0]:%Y-%m-%d %H:%M} UTC were missed."
        note_firing(trigger, Outcome.MISSED, note=many, intended_at=missed[more - 1])
    for at in listed:
        note_firing(trigger, Outcome.MISSED, intended_at=at)


def _give_up(trigger: Trigger, why: str) -> None:
    """Take a schedule that cannot be read out of the rota until somebody mends it."""
    with transaction.atomic():
        if _is_mine(trigger):
            trouble = clean_text(why).text
            note_firing(trigger, Outcome.REFUSED, note=trouble, intended_at=trigger.next_at)
            gone = {"next_at": None, "waiting_since": None, "trouble": trouble}
            Trigger.objects.filter(pk=trigger.pk).update(**gone)

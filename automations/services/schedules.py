"""Start what schedules say is due."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from automations import triggers
from automations.models import Run, Trigger
from automations.services.acting import SYSTEM
from automations.services.starting import Origin, run_source, submit_run


def fire_due_triggers(*, now: datetime | None = None) -> int:
    """Start a run for each schedule that is due, once per intended time; return how many."""
    moment = now or timezone.now()
    due = Trigger.objects.active().filter(next_at__lte=moment).select_related("automation")
    return sum(_fire(trigger, moment) for trigger in due)


def _fire(trigger: Trigger, now: datetime) -> int:
    intended = trigger.next_at or now
    origin = Origin(
        Run.Origin.SCHEDULE, trigger=trigger, slot=f"{trigger.pk}:{intended.isoformat()}"
    )
    upcoming = triggers.next_time(trigger.kind, trigger.settings, now)
    trouble = ""
    try:
        _start_scheduled(trigger, origin)
    except Exception as error:  # noqa: BLE001  one bad schedule must not stop the others
        trouble = str(error) or type(error).__name__
    mine = Trigger.objects.filter(pk=trigger.pk, next_at=intended)
    mine.update(next_at=upcoming, last_fired_at=now, trouble=trouble)
    return 0 if trouble else 1


def _start_scheduled(trigger: Trigger, origin: Origin) -> None:
    if trigger.settings.get("input"):
        submit_run(trigger.automation, trigger.settings["input"], by=SYSTEM, origin=origin)
    else:
        run_source(trigger.automation, by=SYSTEM, origin=origin)

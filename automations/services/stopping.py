"""Verbs that stop: cancel, pause, halt; and their opposites."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation, Control, Delivery, Run
from automations.models.run import RunQuerySet
from automations.queue import ring_on_commit
from automations.services.acting import require, require_one
from automations.services.chaining import TAKES_NONE
from automations.services.deadlocks import again_after_deadlock
from automations.services.starting import TRY


@again_after_deadlock
def cancel_run(run: Run, *, by: Actor) -> Run:
    """Cancel a queued or waiting run at once; ask a running one to stop within a beat.

    Who may try drafts may cancel tries.

    Raises:
        WrongState: the run has ended.
    """
    require_one(by, *(TRY if run.is_simulated else TRY[:1]))
    with transaction.atomic():
        changed = cancel_waiting(Run.objects.filter(pk=run.pk)) or ask_to_stop(
            Run.objects.filter(pk=run.pk)
        )
        if not changed:
            raise WrongState(f"{run} has ended already; there is nothing to cancel.")
        record("cancel run", run, by=by, before={"status": run.status})
    run.refresh_from_db()
    return run


def cancel_waiting(runs: QuerySet[Run]) -> int:
    """Cancel at once what no worker holds; return how many."""
    waiting = runs.filter(status__in=[Run.Status.QUEUED, Run.Status.AWAITING_APPROVAL])
    # The fence moves so that a worker's late write cannot bring the run back.
    cancelled = waiting.update(
        status=Run.Status.CANCELLED,
        completed_at=timezone.now(),
        error_message="Cancelled.",
        fence=F("fence") + 1,
    )
    if cancelled:
        ended = runs.filter(status=Run.Status.CANCELLED)
        Delivery.objects.filter(run__in=ended).abandon()
    return cancelled


def ask_to_stop(runs: QuerySet[Run]) -> int:
    """Ask the workers to stop what they hold; return how many."""
    return runs.filter(status=Run.Status.RUNNING).update(cancel_requested_at=timezone.now())


def pause(automation: Automation, *, by: Actor) -> Automation:
    """Stop everything of an automation: queued runs stay queued, running ones are handed back."""
    return _set_paused(automation, timezone.now(), by=by)


def resume(automation: Automation, *, by: Actor) -> Automation:
    """Let a paused automation go on with what is queued."""
    return _set_paused(automation, None, by=by)


@again_after_deadlock
def _set_paused(automation: Automation, when: datetime | None, *, by: Actor) -> Automation:
    require(by, "automations.pause_automation")
    with transaction.atomic():
        current = Automation.objects.select_for_update(no_key=True).get(pk=automation.pk)
        before = {"paused": current.is_paused}
        if current.paused_at and when is None:
            _not_counting(current.paused_at, Run.objects.filter(automation=current))
        current.paused_at = when
        current.save(update_fields=["paused_at", "updated_at"])
        if when is None:
            _ask_again(current)
        record("pause" if when else "resume", current, by=by, before=before)
        ring_on_commit()
    automation.paused_at, automation.updated_at = current.paused_at, current.updated_at
    return automation


def _ask_again(automation: Automation) -> None:
    """Let the runs of others go on at once whose output waits for this automation."""
    Run.objects.queued().filter(
        step=Run.Step.DELIVER,
        deliveries__state=Delivery.State.PENDING,
        deliveries__error_code=TAKES_NONE,
        deliveries__destination__settings__automation=automation.slug,
    ).update(available_at=timezone.now())


def _not_counting(since: datetime, runs: RunQuerySet) -> None:
    """Leave the time since then out of the deadlines of runs that had begun."""
    runs.extend_deadlines(timezone.now() - since)


def halt(*, by: Actor, reason: str) -> Control:
    """Pull the kill switch: no worker starts or continues any run until `unhalt`."""
    return _set_halted(timezone.now(), reason, by=by)


def unhalt(*, by: Actor) -> Control:
    """Release the kill switch."""
    return _set_halted(None, "", by=by)


@again_after_deadlock
def _set_halted(when: datetime | None, reason: str, *, by: Actor) -> Control:
    require(by, "automations.halt_engine")
    with transaction.atomic():
        control = Control.current()
        before = {"halted": bool(control.halted_at)}
        if control.halted_at and when is None:
            _not_counting(control.halted_at, Run.objects.all())
        control.halted_at, control.reason = when, reason[:200]
        control.save()
        record(
            "halt" if when else "unhalt", control, by=by, before=before, after={"reason": reason}
        )
        ring_on_commit()
    return control

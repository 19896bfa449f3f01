"""Verbs on deliveries: approve, send again, mark as delivered."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Delivery, Run
from automations.queue import ring_on_commit
from automations.services.acting import require


def approve_delivery(run: Run, *, by: Actor) -> Run:
    """Send a waiting output on its way.

    Raises:
        WrongState: the run does not wait for approval.
    """
    require(by, "automations.approve_delivery")
    with transaction.atomic():
        waiting = Run.objects.filter(pk=run.pk, status=Run.Status.AWAITING_APPROVAL)
        if not _requeue(waiting):
            raise WrongState(f"{run} does not wait for approval.")
        record("approve delivery", run, by=by)
    run.refresh_from_db()
    return run


def send_again(delivery: Delivery, *, by: Actor) -> Run:
    """Repeat a failed or unknown delivery under the same key, or a waiting one before its time.

    Raises:
        WrongState: the delivery has arrived, or its run is at work.
    """
    return _resolve(delivery, Delivery.State.PENDING, "send again", by=by)


def mark_delivered(delivery: Delivery, *, by: Actor) -> Run:
    """Note that a delivery of unknown outcome has in fact arrived."""
    return _resolve(delivery, Delivery.State.DELIVERED, "mark delivered", by=by)


def _resolve(delivery: Delivery, state: str, action: str, *, by: Actor) -> Run:
    require(by, "automations.approve_delivery")
    open_states = [Delivery.State.FAILED, Delivery.State.UNKNOWN]
    if state == Delivery.State.PENDING:
        open_states.append(Delivery.State.PENDING)
    with transaction.atomic():
        run = _at_rest(delivery.run_id)
        rows = Delivery.objects.filter(pk=delivery.pk, state__in=open_states)
        values: dict[str, Any] = {"state": state, "resolved_by_id": by.pk if by else None}
        if state == Delivery.State.DELIVERED:
            values["delivered_at"] = timezone.now()
        else:
            values["tries"] = 0
        if not rows.update(**values):
            raise WrongState("Only a failed or unknown delivery can be resolved.")
        if state == Delivery.State.PENDING or run.status == Run.Status.FAILED:
            _requeue(Run.objects.filter(pk=run.pk))
        record(action, delivery, by=by, before={"state": delivery.state}, after={"state": state})
    return Run.objects.get(pk=delivery.run_id)


def _at_rest(run_id: int) -> Run:
    """Lock the run; a worker that holds it would not see what is changed now."""
    run = Run.objects.select_for_update().get(pk=run_id)
    if run.status in (Run.Status.RUNNING, Run.Status.AWAITING_APPROVAL):
        raise WrongState(f"{run} is at work; wait until it has ended, then resolve its deliveries.")
    return run


def _requeue(runs: QuerySet[Run]) -> int:
    """Return ended or waiting runs to the queue at their delivery step."""
    now = timezone.now()
    changed = runs.update(
        status=Run.Status.QUEUED,
        step=Run.Step.DELIVER,
        available_at=now,
        completed_at=None,
        cancel_requested_at=None,
        error_message=None,
        error_category="",
        error_code="",
        fence=F("fence") + 1,
    )
    ring_on_commit()
    return changed

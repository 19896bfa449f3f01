"""Leases: extend those held, give back those that ran out, hand back at shutdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from automations import signals
from automations.engine.held import LEASE, Held
from automations.models import Control, Delivery, Run

LOST = (
    "The worker died {n} times while it held this run; it was stopped so that it cannot take "
    "others along. Look at the input's size and at the worker's memory, then run it again."
)


@dataclass(slots=True)
class Pulse:
    """What a beat learned about the runs held: which are still ours, and which must stop."""

    until: datetime
    held: dict[int, int] = field(default_factory=dict)
    cancel: set[int] = field(default_factory=set)
    hand_back: set[int] = field(default_factory=set)


def beat(owner: str, runs: Sequence[Held], *, now: datetime) -> Pulse:
    """Extend the leases of exactly these runs and return what became of them.

    The lease names the ids held: a claim whose commit answer was lost must run out.
    """
    ids = [run.id for run in runs]
    mine = Run.objects.running().filter(pk__in=ids, lease_owner=owner)
    halted = Control.current().halted_at is not None
    pulse = Pulse(now + LEASE)
    with transaction.atomic():
        mine.update(lease_until=pulse.until)
        rows = mine.values_list("id", "fence", "cancel_requested_at", "automation__paused_at")
        for run_id, fence, cancel, paused in rows:
            pulse.held[run_id] = fence
            if cancel:
                pulse.cancel.add(run_id)
            elif paused or halted:
                pulse.hand_back.add(run_id)
    return pulse


def reap(*, now: datetime, besides: Iterable[int] = ()) -> int:
    """Give runs whose lease ran out back to the queue; return how many were found.

    A cancelled one ends; one that has taken its worker down `Run.MAX_CRASHES` times fails. The
    ids in `besides` are left alone: a pump holds them, and was only kept from its beat.
    """
    expired = Run.objects.running().filter(lease_until__lt=now).exclude(pk__in=list(besides))
    cleared = {"lease_owner": "", "lease_until": None, "crashes": F("crashes") + 1}
    with transaction.atomic():
        ended = _end(expired.exclude(cancel_requested_at=None), now, _CANCELLED | cleared)
        # Asked for while a worker held the run, which has given it back since.
        ended += _end(Run.objects.queued().exclude(cancel_requested_at=None), now, _CANCELLED)
        poisoned = expired.filter(crashes__gte=Run.MAX_CRASHES - 1)
        ended += _end(poisoned, now, _WORKER_LOST | cleared)
        returned = expired.update(status=Run.Status.QUEUED, available_at=now, **cleared)
    return ended + returned


_CANCELLED: dict[str, Any] = {"status": Run.Status.CANCELLED, "error_message": "Cancelled."}
_WORKER_LOST: dict[str, Any] = {
    "status": Run.Status.FAILED,
    "error_category": Run.ErrorCategory.INTERNAL_ERROR,
    "error_code": "worker_lost",
    "error_message": LOST.format(n=Run.MAX_CRASHES),
}


def _end(runs: QuerySet[Run], now: datetime, values: dict[str, Any]) -> int:
    """End runs that no worker will come back to, and say so of what they were sending."""
    ids = list(runs.order_by("pk").select_for_update(skip_locked=True).values_list("pk", flat=True))
    if ids:
        ended = Run.objects.filter(pk__in=ids)
        ended.update(fence=F("fence") + 1, completed_at=now, **values)
        Delivery.objects.filter(run_id__in=ids).abandon()
        of = ended.order_by("automation_id").values_list("automation_id", flat=True).distinct()
        signals.runs_finished.send(Run, slugs=list(of))
    return len(ids)


def hand_back(owner: str, fences: Mapping[int, int], *, now: datetime) -> int:
    """Return running rows of this owner to the queue at once, without counting a crash.

    `fences` are the claims meant, by run: what this owner has claimed anew since stays with it.
    """
    claims = [Q(pk=run_id, fence=fence) for run_id, fence in fences.items()]
    if not claims:
        return 0
    mine = Run.objects.running().filter(reduce(or_, claims), lease_owner=owner)
    return mine.update(status=Run.Status.QUEUED, available_at=now, lease_owner="", lease_until=None)

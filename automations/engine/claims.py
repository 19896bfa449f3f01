"""Claim due runs: oldest and highest priority first, providers and automations in fair turn."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce

from automations.engine.held import COLUMNS, LEASE, Held, HeldDelivery
from automations.engine.limits import Room, charge, resting_for_good, room_of
from automations.models import Control, Delivery, Provider, Run, Version

LANES_FOR = timedelta(milliseconds=250)
BEFORE_ANSWER = [Run.Step.SOURCE, Run.Step.MODEL]
SOON = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a pump may claim: everything, or the runs of one command."""

    run_id: int | None = None
    batch_id: int | None = None

    def narrow(self, runs: models.QuerySet[Run]) -> models.QuerySet[Run]:
        if self.run_id is not None:
            return runs.filter(pk=self.run_id)
        return runs if self.batch_id is None else runs.filter(batch_id=self.batch_id)


@dataclass(frozen=True, slots=True)
class Lane:
    """The queued runs of one automation on one provider."""

    provider_id: int
    automation_id: str
    concurrency: int


@dataclass(slots=True)
class Claimer:
    """Claims for one pump; remembers the lanes for a moment and whose turn it is."""

    owner: str
    scope: Scope = field(default_factory=Scope)
    _lanes: list[Lane] = field(default_factory=list)
    _lanes_until: datetime | None = None
    _turn: int = 0

    def claim(self, room: int, *, now: datetime) -> list[Held]:
        """Take up to `room` due runs in the caller's transaction.

        Each gets a lease and one more on its fence; rows another worker is taking are passed by.
        """
        lanes = self._current_lanes(now) if room > 0 else []
        if not lanes:
            return []
        providers = _lock_providers({lane.provider_id for lane in lanes})
        # Counted under the locks: what another machine has just taken is seen here.
        busy = _Busy.count()
        picked: list[Held] = []
        for provider in self._in_turn(providers):
            mine = [lane for lane in lanes if lane.provider_id == provider.pk]
            picked += self._pick(provider, mine, room - len(picked), busy, now)
        if providers and not picked:
            self._lanes_until = None
        return _take(picked, owner=self.owner, now=now)

    def _current_lanes(self, now: datetime) -> list[Lane]:
        if self._lanes_until is None or now >= self._lanes_until:
            self._lanes = [] if Control.current().halted_at else _lanes(self.scope)
            # "Nothing waits" is not remembered: somebody may be about to press the button.
            self._lanes_until = now + LANES_FOR if self._lanes else None
        return self._lanes

    def _in_turn(self, providers: Sequence[Provider]) -> Iterable[Provider]:
        self._turn += 1
        start = self._turn % max(1, len(providers))
        return itertools.chain(providers[start:], providers[:start])

    def _pick(
        self, provider: Provider, lanes: list[Lane], room: int, busy: _Busy, now: datetime
    ) -> list[Held]:
        allowed = room_of(provider, in_flight=busy.calls[provider.pk], now=now)
        want = min(room, allowed.calls) if allowed.calls and not allowed.rests else room
        if want <= 0:
            return []
        passing = _passing(allowed)
        queues = [
            self._due(
                lane, min(want, lane.concurrency - busy.runs[lane.automation_id]), passing, now
            )
            for lane in self._rotated(lanes)
        ]
        chosen = _within(_fairly(queues)[:want], allowed.calls)
        _charge(provider, chosen, now)
        busy.runs.update(row["automation_id"] for row in chosen)
        return [Held(**row, claimed_at=now) for row in chosen]

    def _rotated(self, lanes: list[Lane]) -> list[Lane]:
        start = self._turn % len(lanes)
        return lanes[start:] + lanes[:start]

    def _due(self, lane: Lane, limit: int, passing: Q, now: datetime) -> list[dict[str, Any]]:
        if limit <= 0:
            return []
        runs = self.scope.narrow(Run.objects.queued()).filter(
            passing,
            provider_id=lane.provider_id,
            automation_id=lane.automation_id,
            available_at__lte=now,
            cancel_requested_at=None,
        )
        rows = runs.order_by("-priority", "id").select_for_update(skip_locked=True)
        return list(rows.values(*COLUMNS)[:limit])


@dataclass(slots=True)
class _Busy:
    """What runs now, counted from the rows so that a crash cannot leak a permit."""

    calls: Counter[int] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)

    @classmethod
    def count(cls) -> _Busy:
        busy = cls()
        calling = models.Count("id", filter=Q(step__in=BEFORE_ANSWER))
        groups = Run.objects.running().order_by().values_list("provider_id", "automation_id")
        for provider_id, slug, n, calls in groups.annotate(n=models.Count("id"), calls=calling):
            busy.calls[provider_id] += calls
            busy.runs[str(slug)] += n
        return busy


def _lanes(scope: Scope) -> list[Lane]:
    waiting = scope.narrow(Run.objects.queued()).filter(
        automation_id=OuterRef("automation__slug"), provider_id=OuterRef("provider_id")
    )
    versions = Version.objects.filter(Exists(waiting), automation__paused_at=None).order_by()
    rows = versions.values_list(
        "provider_id", "automation__slug", "automation__concurrency"
    ).distinct()
    return [Lane(*row) for row in rows]


def _lock_providers(ids: set[int]) -> list[Provider]:
    """Lock the providers so that two machines do not both take the last free place."""
    rows = Provider.objects.filter(pk__in=ids).order_by("pk")
    return list(rows.select_for_update(skip_locked=True))


def _fairly(queues: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Deal the queues' heads in turn, higher priority first."""
    dealt = [row for round_ in itertools.zip_longest(*queues) for row in round_ if row]
    return sorted(dealt, key=lambda row: -row["priority"])


def _passing(room: Room) -> Q:
    """Return which runs may pass: a full or resting provider holds up only what would call it."""
    no_call = ~Q(step__in=BEFORE_ANSWER)
    if room.calls <= 0:
        return no_call
    return no_call | Q(priority__gte=Run.INTERACTIVE) if room.rests else Q()


def _within(rows: Sequence[dict[str, Any]], calls: int) -> list[dict[str, Any]]:
    """Leave out what would make more than `calls` calls."""
    kept = []
    for row in rows:
        calls -= row["step"] in BEFORE_ANSWER
        if calls >= 0 or row["step"] not in BEFORE_ANSWER:
            kept.append(row)
    return kept


def _charge(provider: Provider, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    calls = [row for row in rows if row["step"] in BEFORE_ANSWER]
    if calls:
        charge(
            provider, requests=len(calls), tokens=sum(r["estimated_tokens"] for r in calls), now=now
        )


def _take(picked: Sequence[Held], *, owner: str, now: datetime) -> list[Held]:
    if not picked:
        return []
    Run.objects.filter(pk__in=[run.id for run in picked]).update(
        status=Run.Status.RUNNING,
        fence=F("fence") + 1,
        lease_owner=owner,
        lease_until=now + LEASE,
        started_at=Coalesce("started_at", now),
    )
    for run in picked:
        run.status, run.fence, run.lease_until = Run.Status.RUNNING, run.fence + 1, now + LEASE
        run.started_at = run.started_at or now
    _load_deliveries(picked)
    return list(picked)


def _load_deliveries(runs: Sequence[Held]) -> None:
    delivering = [run.id for run in runs if run.step == Run.Step.DELIVER]
    if not delivering:
        return
    by_run: dict[int, list[HeldDelivery]] = defaultdict(list)
    rows = Delivery.objects.filter(run_id__in=delivering)
    columns = rows.values_list("run_id", "destination_id", "state", "fence", "tries")
    for run_id, destination_id, state, fence, tries in columns:
        by_run[run_id].append(HeldDelivery(destination_id, state, fence, tries))
    for run in runs:
        run.deliveries = by_run[run.id]


def has_more(scope: Scope, *, now: datetime) -> bool:
    """Tell whether waiting is worth it: runs are due within a minute or a command is unfinished.

    Runs that only a person can set going again are not waited for.
    """
    if Control.current().halted_at:
        return False
    queued = scope.narrow(Run.objects.queued()).filter(automation__paused_at=None)
    if opened := resting_for_good():
        bulk = Q(provider_id__in=opened, priority__lt=Run.INTERACTIVE, step__in=BEFORE_ANSWER)
        queued = queued.exclude(bulk)
    if scope == Scope():
        return queued.filter(available_at__lte=now + SOON).exists()
    return queued.exists() or scope.narrow(Run.objects.running()).exists()

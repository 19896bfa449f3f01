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

from automations.engine.circuits import BEFORE_ANSWER, begin_probe, may_try
from automations.engine.held import COLUMNS, LEASE, Held, HeldDelivery
from automations.engine.limits import Room, bulk_share, charge, resting_for_good, room_of
from automations.models import Control, Delivery, Provider, Run, Version

LANES_FOR = timedelta(milliseconds=250)
SOON = timedelta(seconds=60)
LOOK_EVERY = timedelta(seconds=1)
CALLING = Q(step__in=BEFORE_ANSWER, fault="")  # a drill's run calls no provider
NO_CALL = ~CALLING
PERSONAL = Q(priority__gte=Run.INTERACTIVE)


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
    _looked_at: dict[int, datetime] = field(default_factory=dict)
    _turn: int = 0

    def claim(self, room: int, *, now: datetime, spare: int = 0) -> list[Held]:
        """Take up to `room` due runs, and `spare` more of people, in the caller's transaction.

        Each gets a lease and one more on its fence; rows another worker is taking are passed by.
        """
        lanes = self._current_lanes(now) if room + spare > 0 else []
        if not lanes:
            return []
        providers = _lock_providers({lane.provider_id for lane in lanes})
        # Counted under the locks: what another machine has just taken is seen here.
        busy = _Busy.count()
        picked: list[Held] = []
        for provider in self._in_turn(providers):
            mine = [lane for lane in lanes if lane.provider_id == provider.pk]
            left = room - len(picked)
            picked += self._pick(provider, mine, _Wanted(left + spare, left), busy, now)
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
        self, provider: Provider, lanes: list[Lane], wanted: _Wanted, busy: _Busy, now: datetime
    ) -> list[Held]:
        allowed = room_of(provider, in_flight=busy.calls[provider.pk], now=now)
        most = wanted.runs
        if allowed.calls and not allowed.rests:
            most = min(most, allowed.calls)
        if most <= 0:
            return []
        passing = self._passing(provider, allowed, wanted, now)
        queues = [
            self._due(lane, most, lane.concurrency - busy.runs[lane.automation_id], passing, now)
            for lane in self._rotated(lanes)
        ]
        chosen = _within(_fairly(queues)[:most], allowed, wanted)
        _charge(provider, chosen, now)
        busy.runs.update(row["automation_id"] for row in chosen)
        if allowed.rests:
            _mark_probes(provider, chosen, now)
        return [Held(**row, claimed_at=now) for row in chosen]

    def _passing(self, provider: Provider, allowed: Room, wanted: _Wanted, now: datetime) -> Q:
        """Return which runs may pass: a full or resting provider holds up what would call it.

        What needs no call is looked for among all that waits, which may be a long batch: once a
        second is enough.
        """
        passing = _within_room(allowed)
        if wanted.bulk <= 0:
            return PERSONAL & passing
        if allowed.calls > 0 and allowed.bulk > 0:
            return passing
        if now < self._looked_at.get(provider.pk, now - LOOK_EVERY) + LOOK_EVERY:
            return PERSONAL & passing
        self._looked_at[provider.pk] = now
        return passing

    def _rotated(self, lanes: list[Lane]) -> list[Lane]:
        start = self._turn % len(lanes)
        return lanes[start:] + lanes[:start]

    def _due(
        self, lane: Lane, most: int, free: int, passing: Q, now: datetime
    ) -> list[dict[str, Any]]:
        """Return a lane's first due runs; batches leave one of the automation's places free."""
        limit = min(most, free)
        if limit <= 0:
            return []
        bulk = bulk_share(lane.concurrency) - (lane.concurrency - free)
        if bulk <= 0:
            passing &= PERSONAL
        runs = self.scope.narrow(Run.objects.queued()).filter(
            passing,
            provider_id=lane.provider_id,
            automation_id=lane.automation_id,
            priority__gt=Run.HELD,
            available_at__lte=now,
            cancel_requested_at=None,
        )
        rows = runs.order_by("-priority", "id").select_for_update(skip_locked=True)
        found = list(rows.values(*COLUMNS)[:limit])
        people = sum(_is_personal(row) for row in found)
        return found[: max(people, bulk)]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How many runs the pump takes, and how many of them may be a batch's."""

    runs: int
    bulk: int


@dataclass(slots=True)
class _Busy:
    """What runs now, counted from the rows so that a crash cannot leak a permit."""

    calls: Counter[int] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)

    @classmethod
    def count(cls) -> _Busy:
        busy = cls()
        calling = models.Count("id", filter=CALLING)
        groups = Run.objects.running().order_by().values_list("provider_id", "automation_id")
        for provider_id, slug, n, calls in groups.annotate(n=models.Count("id"), calls=calling):
            busy.calls[provider_id] += calls
            busy.runs[str(slug)] += n
        return busy


def _lanes(scope: Scope) -> list[Lane]:
    waiting = scope.narrow(Run.objects.queued()).filter(
        automation_id=OuterRef("automation__slug"),
        provider_id=OuterRef("provider_id"),
        priority__gt=Run.HELD,
    )
    versions = Version.objects.filter(Exists(waiting), automation__paused_at=None).order_by()
    rows = versions.values_list(
        "provider_id", "automation__slug", "automation__concurrency"
    ).distinct()
    return [Lane(*row) for row in rows]


def _lock_providers(ids: set[int]) -> list[Provider]:
    """Lock the providers so that two machines do not both take the last free place."""
    rows = Provider.objects.filter(pk__in=ids).order_by("pk")
    # A new run's reference to its provider is no reason to pass it by.
    return list(rows.select_for_update(skip_locked=True, no_key=True))


def _fairly(queues: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Deal the queues' heads in turn, higher priority first."""
    dealt = [row for round_ in itertools.zip_longest(*queues) for row in round_ if row]
    return sorted(dealt, key=lambda row: -row["priority"])


def _within_room(allowed: Room) -> Q:
    if allowed.calls <= 0:
        return NO_CALL
    if allowed.tries_only:
        return NO_CALL | may_try()
    return Q() if allowed.bulk > 0 else NO_CALL | PERSONAL


def _calls(row: dict[str, Any]) -> bool:
    return row["step"] in BEFORE_ANSWER and not row["fault"]


def _is_personal(row: dict[str, Any]) -> bool:
    return bool(row["priority"] >= Run.INTERACTIVE)


def _within(rows: Sequence[dict[str, Any]], allowed: Room, wanted: _Wanted) -> list[dict[str, Any]]:
    """Leave out what would be too much for the provider or, of a batch, for the pump."""
    kept: list[dict[str, Any]] = []
    calls = 0
    for row in rows:
        calling = _calls(row)
        personal = _is_personal(row)
        if calling and calls >= (allowed.calls if personal else allowed.bulk):
            continue
        if not personal and len(kept) >= wanted.bulk:
            continue
        calls += calling
        kept.append(row)
    return kept


def _mark_probes(provider: Provider, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Let a call through an open circuit be the only one, with a deadline of its own."""
    for row in rows:
        if _calls(row):
            row["deadline_at"] = None
            begin_probe(provider, now)


def _charge(provider: Provider, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    calls = [row for row in rows if _calls(row)]
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

    Neither runs that only a person can set going again are waited for, nor deliveries that are
    tried again later.
    """
    if Control.current().halted_at:
        return False
    queued = scope.narrow(Run.objects.queued()).filter(automation__paused_at=None)
    queued = queued.filter(priority__gt=Run.HELD)
    if opened := resting_for_good():
        stuck = CALLING & Q(provider_id__in=opened)
        queued = queued.filter(~stuck | may_try())
    queued = queued.exclude(step=Run.Step.DELIVER, available_at__gt=now + SOON)
    if scope == Scope():
        return queued.filter(available_at__lte=now + SOON).exists()
    return queued.exists() or scope.narrow(Run.objects.running()).exists()

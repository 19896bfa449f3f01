"""Provider limits shared by all machines through the database: room, rates, pauses, circuits."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from automations.engine import circuits
from automations.engine.endpoints import endpoint_id, takes_at_once
from automations.engine.held import ProviderNews
from automations.models import Provider

BURST_S = 3.0
MAX_PAUSE_S = 900.0
UNLIMITED = 1_000_000
STATE = ["state_of", "paused_until", "working_concurrency", *Provider.CIRCUIT]


@dataclass(frozen=True, slots=True)
class Room:
    """How many calls a provider takes now, and how many of them may be a batch's.

    A provider `rests` while it is paused or its circuit is open; what still passes then are
    probes (`tries_only`: a person's run and nothing else), and what needs no call passes always.
    """

    calls: int
    bulk: int
    rests: bool = False
    tries_only: bool = False


def room_of(provider: Provider, *, in_flight: int, now: datetime) -> Room:
    """Return the provider's room: concurrency, rates, pauses and circuit all obeyed.

    Batches leave the last place free, so that a person's run need not wait for one.
    """
    known = provider.state_of == endpoint_id(provider)
    if known and provider.paused_until and provider.paused_until > now:
        return Room(0, 0, rests=True)
    if known and provider.circuit_is_open:
        return _probes(provider, in_flight, now)
    limit = takes_at_once(provider) or UNLIMITED
    if known and provider.working_concurrency is not None:
        limit = min(limit, max(1, int(provider.working_concurrency)))
    calls = max(0, min(limit - in_flight, _rate_room(provider, now)))
    bulk = max(0, min(bulk_share(limit) - in_flight, _bulk_rate_room(provider, now)))
    return Room(calls, min(calls, bulk))


def bulk_share(limit: int) -> int:
    """Return how many of `limit` places batches may fill: all but one, if there are two."""
    return limit - 1 if limit > 1 else limit


def _probes(provider: Provider, in_flight: int, now: datetime) -> Room:
    """One probe at a time: any run when it is due, a person's before."""
    if in_flight == 0 and circuits.probe_is_due(provider, now):
        return Room(1, 1, rests=True)
    if in_flight == 0 and circuits.persons_probe_is_due(provider, now):
        return Room(1, 0, rests=True, tries_only=True)
    return Room(0, 0, rests=True)


def resting_for_good() -> list[int]:
    """Return the providers that only a person can set going again: no probe will try them."""
    opened = Provider.objects.exclude(circuit_opened_at=None).filter(circuit_is_outage=False)
    return [p.pk for p in opened if p.state_of == endpoint_id(p)]


def _rate_room(provider: Provider, now: datetime) -> int:
    # A person's run may borrow a burst ahead; the debt is paid off before a batch goes on.
    borrowed = now + timedelta(seconds=BURST_S)
    if provider.tokens_per_minute and _used_until(provider.tokens_at, now) >= borrowed:
        return 0
    return _request_cells(provider, now)


def _bulk_rate_room(provider: Provider, now: datetime) -> int:
    if provider.tokens_per_minute and _used_until(provider.tokens_at, now) >= now:
        return 0
    cells = _request_cells(provider, now)
    burst = BURST_S * (provider.requests_per_minute or 0) / 60
    return cells - 1 if burst >= 2 else cells


def _request_cells(provider: Provider, now: datetime) -> int:
    if not provider.requests_per_minute:
        return UNLIMITED
    interval_s = 60 / provider.requests_per_minute
    gap = now - _used_until(provider.requests_at, now, interval_s)
    return int(gap.total_seconds() / interval_s + 1e-6)


def _used_until(mark: datetime | None, now: datetime, interval_s: float = 0) -> datetime:
    """Return up to when the rate is used: at most a burst of `BURST_S` (or one cell) behind."""
    earliest = now - timedelta(seconds=max(BURST_S, interval_s))
    return max(mark or earliest, earliest)


def charge(provider: Provider, *, requests: int, tokens: int, now: datetime) -> None:
    """Move the provider's rate marks on (GCRA: one timestamp a rate); saves those in use."""
    changed = []
    if provider.requests_per_minute and requests:
        interval_s = 60 / provider.requests_per_minute
        used = _used_until(provider.requests_at, now, interval_s)
        provider.requests_at = used + timedelta(seconds=interval_s * requests)
        changed.append("requests_at")
    if provider.tokens_per_minute and tokens:
        used = _used_until(provider.tokens_at, now)
        provider.tokens_at = used + timedelta(seconds=60 / provider.tokens_per_minute * tokens)
        changed.append("tokens_at")
    if changed:
        provider.save(update_fields=changed)


def learn(news: Sequence[ProviderNews], *, now: datetime) -> dict[int, Provider]:
    """Write what calls taught: pauses and halved concurrency, growth, circuits, rate charges.

    Returns the providers that were in trouble before or are now, locked until the commit.
    """
    by_provider: dict[int, list[ProviderNews]] = defaultdict(list)
    for item in news:
        by_provider[item.provider_id].append(item)
    told = {pk for pk, items in by_provider.items() if any(_is_news(item) for item in items)}
    told |= _in_trouble({pk for pk, items in by_provider.items() if any(map(_is_good, items))})
    rows = Provider.objects.select_for_update(no_key=True).filter(pk__in=told).order_by("pk")
    providers = {provider.pk: provider for provider in rows} if told else {}
    for pk, provider in providers.items():
        _learn_one(provider, by_provider[pk], now)
    return providers


def _is_news(item: ProviderNews) -> bool:
    return bool(
        item.pause_s is not None or item.circuit_reason or item.outage_reason or item.extra_tokens
    )


def _is_good(item: ProviderNews) -> bool:
    return item.succeeded or item.alive


def _in_trouble(ids: set[int]) -> set[int]:
    """Return which of the providers a success would change; most often none."""
    trouble = Q(circuit_opened_at__isnull=False) | Q(working_concurrency__isnull=False)
    rows = Provider.objects.filter(trouble | Q(failures_in_row__gt=0), pk__in=ids)
    return set(rows.order_by().values_list("pk", flat=True)) if ids else set()


def _learn_one(provider: Provider, items: Sequence[ProviderNews], now: datetime) -> None:
    before = [getattr(provider, name) for name in STATE]
    current = endpoint_id(provider)
    if provider.state_of != current:
        _forget(provider, current)
    for item in items:
        if item.endpoint_id == current:
            _apply(provider, item, now)
    if before != [getattr(provider, name) for name in STATE]:
        provider.save(update_fields=STATE)
    charge(provider, requests=0, tokens=sum(item.extra_tokens for item in items), now=now)


def _forget(provider: Provider, current: str) -> None:
    """Start afresh: the endpoint or its key is another one now."""
    provider.state_of = current
    provider.paused_until = None
    provider.working_concurrency = None
    provider.forget_circuit()


def _apply(provider: Provider, item: ProviderNews, now: datetime) -> None:
    circuits.apply(provider, item, now)
    if item.succeeded:
        _grow(provider)
    elif item.pause_s is not None:
        until = now + timedelta(seconds=min(item.pause_s, MAX_PAUSE_S))
        provider.paused_until = max(provider.paused_until or until, until)
        _halve(provider)


def _grow(provider: Provider) -> None:
    if provider.working_concurrency is None:
        return
    provider.working_concurrency += 1 / max(1.0, provider.working_concurrency)
    if provider.working_concurrency >= (takes_at_once(provider) or 256):
        provider.working_concurrency = None


def _halve(provider: Provider) -> None:
    present = provider.working_concurrency or takes_at_once(provider) or 64
    provider.working_concurrency = float(max(1, math.floor(present / 2)))

"""Provider limits shared by all machines through the database: room, rates, pauses, circuits."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from automations.engine.endpoints import endpoint_id, takes_at_once
from automations.engine.held import ProviderNews
from automations.models import Provider

BURST_S = 3.0
MAX_PAUSE_S = 900.0
UNLIMITED = 1_000_000
STATE = ["state_of", "paused_until", "working_concurrency", "circuit_opened_at", "circuit_reason"]


@dataclass(frozen=True, slots=True)
class Room:
    """How many calls a provider takes now.

    A provider `rests` while it is paused or its circuit is open; what still passes then is for
    people only, and what needs no call passes always.
    """

    calls: int
    rests: bool = False


def room_of(provider: Provider, *, in_flight: int, now: datetime) -> Room:
    """Return the provider's room: concurrency, requests per minute and pauses all obeyed.

    While a circuit is open one interactive run at a time passes, as its probe.
    """
    known = provider.state_of == endpoint_id(provider)
    if known and provider.paused_until and provider.paused_until > now:
        return Room(0, rests=True)
    if known and provider.circuit_is_open:
        return Room(1 if in_flight == 0 else 0, rests=True)
    limit = takes_at_once(provider) or UNLIMITED
    if known and provider.working_concurrency is not None:
        limit = min(limit, max(1, int(provider.working_concurrency)))
    return Room(max(0, min(limit - in_flight, _rate_room(provider, now))))


def resting_for_good() -> list[int]:
    """Return the providers whose circuit is open: only a person's run will try them."""
    opened = Provider.objects.exclude(circuit_opened_at=None)
    return [p.pk for p in opened if p.state_of == endpoint_id(p)]


def _rate_room(provider: Provider, now: datetime) -> int:
    room = UNLIMITED
    if provider.requests_per_minute:
        interval_s = 60 / provider.requests_per_minute
        gap = now - _used_until(provider.requests_at, now, interval_s)
        room = int(gap.total_seconds() / interval_s + 1e-6)
    if provider.tokens_per_minute and _used_until(provider.tokens_at, now) >= now:
        return 0
    return room


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


def learn(news: Sequence[ProviderNews], *, now: datetime) -> None:
    """Write what calls taught: pauses and halved concurrency, growth, circuits, rate charges."""
    by_provider: dict[int, list[ProviderNews]] = defaultdict(list)
    for item in news:
        by_provider[item.provider_id].append(item)
    for provider_id in sorted(by_provider):
        items = by_provider[provider_id]
        if any(_is_news(item) for item in items):
            _learn_one(Provider.objects.select_for_update().get(pk=provider_id), items, now)


def _is_news(item: ProviderNews) -> bool:
    return bool(
        item.pause_s is not None or item.circuit_reason or item.extra_tokens or item.succeeded
    )


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
    provider.circuit_opened_at = None
    provider.circuit_reason = ""


def _apply(provider: Provider, item: ProviderNews, now: datetime) -> None:
    if item.succeeded:
        provider.circuit_opened_at, provider.circuit_reason = None, ""
        _grow(provider)
    elif item.pause_s is not None:
        until = now + timedelta(seconds=min(item.pause_s, MAX_PAUSE_S))
        provider.paused_until = max(provider.paused_until or until, until)
        _halve(provider)
    elif item.circuit_reason:
        provider.circuit_opened_at = provider.circuit_opened_at or now
        provider.circuit_reason = item.circuit_reason


def _grow(provider: Provider) -> None:
    if provider.working_concurrency is None:
        return
    provider.working_concurrency += 1 / max(1.0, provider.working_concurrency)
    if provider.working_concurrency >= (takes_at_once(provider) or 256):
        provider.working_concurrency = None


def _halve(provider: Provider) -> None:
    present = provider.working_concurrency or takes_at_once(provider) or 64
    provider.working_concurrency = float(max(1, math.floor(present / 2)))

"""How far a batch is: counts, rate, time left, cost so far, and what went wrong how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from automations.models import Batch, Run

WINDOW = timedelta(minutes=5)
LONGEST = timedelta(minutes=10)
KNOWN_AFTER_S = 20
LARGE, KEPT_S = 20_000, 15
GROUPS = 12
BUSY = (Run.Status.QUEUED, Run.Status.RUNNING)


@dataclass(frozen=True, slots=True)
class Group:
    """Failed items of one cause."""

    category: str
    code: str
    count: int

    @property
    def label(self) -> str:
        return dict(Run.ErrorCategory.choices).get(self.category, "Without a category")


@dataclass(frozen=True, slots=True)
class Spent:
    """What a batch cost; `called` runs asked a model, `unpriced` ones at no known price."""

    usd: Decimal | None
    priced: int
    called: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is; `per_minute`, `left_s` and the projection are None until known."""

    expected: int
    ended: int
    counts: list[tuple[str, str, int]]
    unsettled: int
    running: int
    failed: int
    per_minute: float | None
    left_s: float | None
    spent: Spent
    projected_usd: Decimal | None
    groups: list[Group] = field(default_factory=list)

    @property
    def cost_usd(self) -> Decimal | None:
        return self.spent.usd

    @property
    def left_ms(self) -> float | None:
        return None if self.left_s is None else self.left_s * 1000


def progress_of(batch: Batch) -> Progress:
    """Count how far a batch is; the costly figures of a large one may be some seconds old."""
    counts = batch.counts()
    ended = sum(counts.get(status, 0) for status in Run.FINAL)
    expected = batch.expected
    unsettled = sum(counts.get(status, 0) for status in BUSY)
    # What is held begins when a person or a canary lets it, which no rate foretells.
    is_held = batch.is_paused or batch.stopped_because or batch.canary_stage
    rate = _per_minute(batch) if unsettled and not is_held else None
    spent, groups = _figures(batch)
    return Progress(
        expected=expected,
        ended=ended,
        counts=[(s, label, counts[s]) for s, label in Run.Status.choices if counts.get(s)],
        unsettled=unsettled + max(0, expected - batch.total),
        running=counts.get(Run.Status.RUNNING, 0),
        failed=counts.get(Run.Status.FAILED, 0),
        per_minute=rate,
        left_s=(expected - ended) * 60 / rate if rate else None,
        spent=spent,
        projected_usd=_projected(spent, expected),
        groups=groups,
    )


def _projected(spent: Spent, expected: int) -> Decimal | None:
    if spent.usd is None or not spent.priced:
        return None
    return spent.usd / spent.priced * expected


def _per_minute(batch: Batch) -> float | None:
    """Return how many of its runs ended per minute lately; by the index on `started_at`."""
    now = timezone.now()
    began = parse_datetime(batch.options.get("started", "")) or batch.created_at
    window = min(WINDOW, now - began)
    if window.total_seconds() < KNOWN_AFTER_S:
        return None
    ended = Run.objects.filter(
        started_at__gte=now - LONGEST, batch=batch, completed_at__gte=now - window
    )
    return ended.order_by().count() * 60 / window.total_seconds() or None


def _figures(batch: Batch) -> tuple[Spent, list[Group]]:
    if batch.total < LARGE:
        return _counted(batch)
    key = f"batch-figures-{batch.pk}-{batch.created_at.timestamp()}"
    found: Any = cache.get_or_set(key, lambda: _counted(batch), KEPT_S)
    return found  # type: ignore[no-any-return]


def _counted(batch: Batch) -> tuple[Spent, list[Group]]:
    paid = batch.runs.order_by().aggregate(
        usd=Sum("cost_usd"),
        priced=Count("cost_usd"),
        called=Count("pk", filter=Q(calls__gt=0)),
        unpriced=Count("pk", filter=Q(calls__gt=0, cost_usd=None, status__in=Run.FINAL)),
    )
    failed = batch.items.filter(status=Run.Status.FAILED).order_by()
    rows = failed.values_list("error_category", "error_code").annotate(n=Count("pk"))
    groups = [Group(*row) for row in rows.order_by("-n", "error_category", "error_code")[:GROUPS]]
    return Spent(**paid), groups

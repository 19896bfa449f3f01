"""How the newest runs of automations went, and what this month's cost: a bounded look at runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Case, Max, Min, Q, Subquery, Sum, Value, When

from automations.models import Run

LOOKED_AT = 50
STRIP = 14
TARGET_PERCENT = 95
SPENT_OVER = 20_000

SHAPES = {Run.Status.SUCCESS: "ok", Run.Status.FAILED: "bad", Run.Status.CANCELLED: "off"}
WIDTH, GAP, HEIGHT = 7, 3, 22
# Colour never stands alone: what failed is a short bar, what was cancelled a dot.
HEIGHTS = {"ok": HEIGHT, "bad": 11, "off": 5, "none": 2}


@dataclass(frozen=True, slots=True)
class Bar:
    """One run as a bar of a strip, in the strip's own units."""

    x: int
    y: int
    height: int
    tone: str


@dataclass(frozen=True, slots=True)
class Health:
    """The newest finished runs, oldest first: (key, status); simulated ones left out."""

    runs: tuple[tuple[int, str], ...] = ()
    has_samples: bool = False

    @property
    def successes(self) -> int:
        return sum(status == Run.Status.SUCCESS for _, status in self.runs)

    @property
    def finished(self) -> int:
        """How many ended by themselves: a cancelled run says nothing."""
        return sum(status != Run.Status.CANCELLED for _, status in self.runs)

    @property
    def share(self) -> float | None:
        return self.successes / self.finished if self.finished else None

    @property
    def percent(self) -> int | None:
        """The success share in whole per cent, rounded down: 99.5 % is not 100."""
        return self.successes * 100 // self.finished if self.finished else None

    @property
    def reaches_target(self) -> bool:
        return self.successes * 100 > TARGET_PERCENT * self.finished

    @property
    def last(self) -> tuple[int, str] | None:
        return self.runs[-1] if self.runs else None

    @property
    def strip(self) -> list[Bar]:
        """The last 14 as bars, the newest at the right end; "none" fills up what is missing."""
        shown = [SHAPES[Run.Status(status)] for _, status in self.runs[-STRIP:]]
        places = ["none"] * (STRIP - len(shown)) + shown
        return [
            Bar(at * (WIDTH + GAP), HEIGHT - HEIGHTS[tone], HEIGHTS[tone], tone)
            for at, tone in enumerate(places)
        ]

    @property
    def in_words(self) -> str:
        """The strip as a sentence, for those who do not see it."""
        last = [status for _, status in self.runs[-STRIP:]]
        counts = [(status.label.lower(), last.count(status)) for status in SHAPES]
        told = ", ".join(f"{count} {label}" for label, count in counts if count)
        return f"Last {len(last)} runs: {told}" if last else "No finished runs"


NO_RUNS = Health()

# Written out, because the two databases need different words to stay inside idx_run_automation:
# SQLite knows no LATERAL, and PostgreSQL would walk all runs backwards for an automation with few
# of them if the name were not part of the order, which an equality would take out of it.
NEWEST_RUNS = {
    "postgresql": """
        SELECT a.slug, r.id, r.status, r.is_sample FROM automations_automation a
        CROSS JOIN LATERAL (
            SELECT n.id, n.status, n.is_sample FROM automation_runs n
            WHERE n.automation_name >= a.slug AND n.automation_name <= a.slug
            AND n.status IN ('success', 'failed', 'cancelled') AND NOT n.is_simulated
            ORDER BY n.automation_name, n.id DESC LIMIT %s
        ) r WHERE a.slug IN (SLUGS) ORDER BY r.id""",
    "sqlite": """
        SELECT a.slug, r.id, r.status, r.is_sample FROM automations_automation a
        JOIN automation_runs r ON r.id IN (
            SELECT n.id FROM automation_runs n WHERE n.automation_name = a.slug
            AND n.status IN ('success', 'failed', 'cancelled') AND NOT n.is_simulated
            ORDER BY n.id DESC LIMIT %s
        ) WHERE a.slug IN (SLUGS) ORDER BY r.id""",
}


def health_of(slugs: Collection[str]) -> dict[str, Health]:
    """Return the health of automations by slug, from the newest 50 finished runs of each.

    One query; it walks the index of each automation's newest runs and reads no others.
    """
    if not slugs:
        return {}
    found: dict[str, list[tuple[int, str, bool]]] = defaultdict(list)
    sql = NEWEST_RUNS[connection.vendor].replace("SLUGS", ", ".join(["%s"] * len(slugs)))
    with connection.cursor() as cursor:
        cursor.execute(sql, [LOOKED_AT, *slugs])
        for slug, *run in cursor.fetchall():
            found[slug].append((run[0], run[1], bool(run[2])))
    return {
        slug: Health(tuple(run[:2] for run in runs), any(run[2] for run in runs))
        for slug, runs in found.items()
    }


@dataclass(frozen=True, slots=True)
class Spent:
    """What runs since a moment cost; at least that if prices are unknown or runs not counted."""

    cost_usd: Decimal | None
    is_at_least: bool


NOTHING_SPENT = Spent(None, is_at_least=False)


def spent_since(start: datetime) -> dict[str, Spent]:
    """Return the model cost in US dollars since a moment, by slug, tries and drills included.

    One query over the newest 20,000 runs at most; if the moment lies before them, all is "at
    least".
    """
    newest = Subquery(Run.objects.order_by("-pk").values("pk")[:1])
    within = Q(queued_at__gte=start)
    unknown = When(within & Q(cost_usd=None, calls__gt=0), then=Value(1))
    rows = (
        Run.objects.filter(pk__gt=newest - Value(SPENT_OVER))
        .order_by()
        .values("automation_id")
        .annotate(
            cost=Sum("cost_usd", filter=within),
            unknown=Sum(Case(unknown, default=Value(0))),
            oldest=Min("queued_at"),
            first=Min("pk"),
            last=Max("pk"),
        )
    )
    found: list[Any] = list(rows)
    is_cut = _is_cut(found, start)
    return {
        row["automation_id"]: Spent(row["cost"], bool(row["unknown"]) or is_cut)
        for row in found
        if row["cost"] is not None or row["unknown"]
    }


def _is_cut(rows: list[Any], start: datetime) -> bool:
    """Tell whether there may be older runs since the moment than those that were counted.

    The keys tell: they span all that is looked at, but for a gap at its end.
    """
    if not rows or any(row["oldest"] < start for row in rows):
        return False
    span = max(row["last"] for row in rows) - min(row["first"] for row in rows) + 1
    return bool(span >= SPENT_OVER * 0.99)

"""How each version of an automation has done: from its newest runs, in one bounded query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from automations.models import Automation, Drill, Run

NEWEST_RUNS = 2_000
PER_VERSION = 50
COUNTED = (Run.Status.SUCCESS, Run.Status.FAILED)

_Line = tuple[int | None, str, bool, bool, int | None, Decimal | None]


@dataclass(frozen=True, slots=True)
class Results:
    """What came of a version's newest runs: sample runs counted, simulated ones not.

    `cost_usd` is the mean of the runs whose price is known, None if there are none.
    """

    runs: int = 0
    successes: int = 0
    median_ms: float | None = None
    cost_usd: Decimal | None = None
    samples: int = 0

    @property
    def percent(self) -> int:
        return round(100 * self.successes / self.runs) if self.runs else 0


def results_of(automation: Automation) -> dict[int, Results]:
    """Return the results by version, of at most 50 ended runs each.

    Looks at the automation's newest 2,000 runs; a version without a run among them has no entry.
    """
    lines: Iterable[_Line] = (
        Run.objects.filter(automation_id=automation.slug)
        .order_by("-pk")
        .values_list(
            "version", "status", "is_simulated", "is_sample", "execution_time_ms", "cost_usd"
        )[:NEWEST_RUNS]
    )
    kept: dict[int, list[_Line]] = defaultdict(list)
    for line in lines:
        version, status, is_simulated, *_ = line
        if version is None or is_simulated or status not in COUNTED:
            continue
        if len(kept[version]) < PER_VERSION:
            kept[version].append(line)
    return {version: _results(found) for version, found in kept.items()}


def _results(lines: list[_Line]) -> Results:
    times = [ms for _, status, _, _, ms, _ in lines if status == "success" and ms is not None]
    costs = [cost for *_, cost in lines if cost is not None]
    return Results(
        runs=len(lines),
        successes=sum(line[1] == Run.Status.SUCCESS for line in lines),
        median_ms=median(times) if times else None,
        cost_usd=sum(costs, Decimal(0)) / len(costs) if costs else None,
        samples=sum(line[3] for line in lines),
    )


def drills_of(version_ids: Iterable[int]) -> dict[int, Drill]:
    """Return the newest finished drill of each of these versions that has one."""
    drills = Drill.objects.filter(version_id__in=list(version_ids)).exclude(finished_at=None)
    found: dict[int, Drill] = {}
    for drill in drills.defer("results").order_by("-pk")[:NEWEST_RUNS]:
        found.setdefault(drill.version_id, drill)
    return found

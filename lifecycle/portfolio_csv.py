"""The portfolio as a table of plain values, for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lifecycle.portfolio import Line

COLUMNS = (
    "slug", "name", "stage", "paused", "owner", "phase", "boxes_satisfied", "days_in_phase",
    "in_the_way", "score_published", "score_adjusted", "verdict", "runs_looked_at", "successes",
    "reviewed", "useful", "cost_usd", "cost_is_at_least", "net_profit_usd",
    "net_profit_is_at_most", "sample",
)  # fmt: skip


def table(lines: Iterable[Line]) -> Iterator[list[Any]]:
    """Yield the head, then a row per automation; money is that of the month so far."""
    yield list(COLUMNS)
    for line in lines:
        yield [*_standing(line), *_figures(line)]


def _standing(line: Line) -> list[Any]:
    row, automation, blocker = line.row, line.row.automation, line.view.blocker
    return [
        automation.slug,
        automation.name,
        automation.stage,
        automation.is_paused,
        automation.owner or "",
        row.phase,
        line.view.satisfied,
        row.days_in_phase,
        blocker.box.title if blocker else "",
        row.outcome.published.score if row.outcome else "",
        row.outcome.adjusted.score if row.outcome else "",
        row.verdict,
    ]


def _figures(line: Line) -> list[Any]:
    row = line.row
    return [
        row.health.finished,
        row.health.successes,
        row.approval.reviewed,
        row.approval.useful,
        row.spent.cost_usd,
        row.spent.is_at_least,
        row.money.net_usd,
        bool(row.money.unpriced_runs),
        row.has_samples,
    ]

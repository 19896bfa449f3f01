"""Two to four automations side by side: a row per measure, its best values marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lifecycle import elput
from lifecycle.amounts import usd
from lifecycle.portfolio import Line
from lifecycle.profit import Money

FEWEST, MOST = 2, 4
DASH = "\N{EN DASH}"
TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Subject:
    """One of those compared; `ever` is its money since the first day."""

    line: Line
    ever: Money


@dataclass(frozen=True, slots=True)
class Cell:
    """One value in words; `is_best` where a lower or higher one is worse."""

    text: str
    is_best: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: a cell per automation, in their order."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Measures under one heading."""

    title: str
    measures: tuple[Measure, ...]


Said = Callable[[Subject], str]
Value = Callable[[Subject], Any]


def measure(
    label: str, said: Said, subjects: Sequence[Subject], best: Value | None = None
) -> Measure:
    """Return a row; with `best` the cells with its highest value are marked.

    Nothing is marked while all are equal or only one is known.
    """
    values = [best(subject) if best else None for subject in subjects]
    known = [value for value in values if value is not None]
    top = max(known) if known and any(value != known[0] for value in known) else None
    return Measure(
        label,
        tuple(
            Cell(said(subject), top is not None and value == top)
            for subject, value in zip(subjects, values, strict=True)
        ),
    )


def compare(subjects: Sequence[Subject]) -> list[Part]:
    """Return all measures of two to four automations, in parts."""
    return [
        Part("Where it is", tuple(_standing(subjects))),
        Part("Boxes satisfied", tuple(_boxes(subjects))),
        Part("ELPUT", tuple(_scores(subjects))),
        Part("How it does", tuple(_figures(subjects))),
    ]


def _standing(all_: Sequence[Subject]) -> Iterable[Measure]:
    yield measure("Stage", lambda s: _automation(s).get_stage_display(), all_)
    yield measure("Phase", _phase, all_, lambda s: s.line.row.phase)
    yield measure("In the way", _blocker, all_)
    yield measure("In this phase", lambda s: _days(s.line.row.days_in_phase), all_)
    yield measure("Owner", lambda s: str(_automation(s).owner or "nobody"), all_)
    yield measure("Age", lambda s: _days(s.line.row.age_days), all_)


def _automation(subject: Subject) -> Any:
    return subject.line.row.automation


def _phase(subject: Subject) -> str:
    row = subject.line.row
    return row.phase_title if row.phase > 7 else f"{row.phase}. {row.phase_title}"


def _blocker(subject: Subject) -> str:
    blocker = subject.line.view.blocker
    return blocker.box.title if blocker else "nothing"


def _days(days: int) -> str:
    if days == 0:
        return "since today"
    return "1 day" if days == 1 else f"{days:,} days"


def _boxes(all_: Sequence[Subject]) -> Iterable[Measure]:
    yield measure(
        "All seven phases",
        lambda s: f"{s.line.view.satisfied} of {s.line.view.total}",
        all_,
        lambda s: s.line.view.satisfied,
    )
    for at, shown in enumerate(all_[0].line.view.phases):
        yield _phase_boxes(f"{shown.phase.number}. {shown.phase.short}", at, all_)


def _phase_boxes(label: str, at: int, all_: Sequence[Subject]) -> Measure:
    def said(subject: Subject) -> str:
        shown = subject.line.view.phases[at]
        return f"{shown.satisfied} of {len(shown.boxes)}"

    return measure(label, said, all_, lambda s: s.line.view.phases[at].satisfied)


def _scores(all_: Sequence[Subject]) -> Iterable[Measure]:
    for name in ("published", "adjusted"):
        yield _score(name, all_)
    for factor in elput.FACTORS:
        yield _factor(factor, all_)


def _score(name: str, all_: Sequence[Subject]) -> Measure:
    def value(subject: Subject) -> Decimal | None:
        outcome = subject.line.row.outcome
        return getattr(outcome, name).score if outcome else None

    def said(subject: Subject) -> str:
        outcome = subject.line.row.outcome
        if outcome is None:
            return DASH
        way = getattr(outcome, name)
        return f"{way.score}, {way.title.lower()}"

    return measure(f"Score, {name}", said, all_, value)


def _factor(factor: elput.Factor, all_: Sequence[Subject]) -> Measure:
    def raw(subject: Subject) -> int | None:
        card = subject.line.row.scorecard
        return card.values[factor.key] if card else None

    def best(subject: Subject) -> int | None:
        value = raw(subject)
        return -value if value is not None and factor.lower_is_better else value

    label = f"{factor.label} (lower is better)" if factor.lower_is_better else factor.label
    return measure(label, lambda s: _or_dash(raw(s)), all_, best)


def _or_dash(value: int | None) -> str:
    return DASH if value is None else str(value)


def _figures(all_: Sequence[Subject]) -> Iterable[Measure]:
    yield measure("Success, last 50 runs", _success, all_, lambda s: s.line.row.health.share)
    yield measure("Approval, 90 days", _approval, all_, lambda s: s.line.row.approval.share)
    yield measure("Model cost, this month", _cost, all_)
    yield measure("Net profit, this month", _net, all_, lambda s: s.line.row.money.net_usd)
    yield measure(
        "Net profit so far",
        lambda s: _marked(s.ever, s.ever.net_usd),
        all_,
        lambda s: s.ever.net_usd,
    )
    yield measure("Effort so far", _effort, all_)
    yield measure(
        "Net per hour of effort",
        lambda s: _marked(s.ever, s.ever.per_hour),
        all_,
        lambda s: s.ever.per_hour,
    )


def _effort(subject: Subject) -> str:
    hours = subject.ever.effort_hours
    return f"{hours.quantize(TENTH):,} h" if hours else DASH


def _success(subject: Subject) -> str:
    health = subject.line.row.health
    if not health.finished:
        return DASH
    return f"{health.percent} %, {health.successes} of {health.finished}"


def _approval(subject: Subject) -> str:
    row = subject.line.row
    if not row.approval.reviewed:
        return DASH
    return f"{row.approval_percent} %, {row.approval.useful} of {row.approval.reviewed}"


def _cost(subject: Subject) -> str:
    spent = subject.line.row.spent
    return f"at least {usd(spent.cost_usd or 0)}" if spent.is_at_least else usd(spent.cost_usd)


def _marked(money: Money, amount: Decimal | None) -> str:
    """Say an amount, and whether it is made of sample rows."""
    return f"{usd(amount)}{' (sample)' if money.is_sample and amount is not None else ''}"


def _net(subject: Subject) -> str:
    money = subject.line.row.money
    said = _marked(money, money.net_usd)
    return f"at most {said}" if money.net_usd is not None and money.unpriced_runs else said

"""What a month's figures suggest: rules in words and in code. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from automations.models import Automation
from lifecycle import elput
from lifecycle.amounts import rate, usd
from lifecycle.models import PortfolioDecision
from lifecycle.portfolio_figures import Figures

Choice = PortfolioDecision.Decision
LEAST_SAMPLE = 10
SUCCESS_TARGET, APPROVAL_TARGET = 95, 90  # per cent, to be exceeded
GROWTH = Decimal("1.10")
STUCK_DAYS = 30
SAMPLE = "This rests on sample data."

RULES = (
    "Retired: kill, to confirm it.",
    f"It earns money, but success is not above {SUCCESS_TARGET} % or approval not above "
    f"{APPROVAL_TARGET} % (at least {LEAST_SAMPLE} counted): fix.",
    "It earns money and misses no target: double down when it earned at least 10 % more than the "
    "month before, in which it earned something too, or when there is no month before and its "
    "score says build; else keep.",
    "It lost money this month and the month before: kill. Lost or earned nothing only now: fix.",
    "No profit is recorded: fix in production, since nobody can tell whether it pays. Before "
    f"production kill when the score says skip and nobody overruled it, fix after {STUCK_DAYS} "
    "days at the same box, else keep.",
)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A decision that the figures suggest, and the sentence why."""

    choice: str
    why: str


def suggest(figures: Figures) -> Suggestion:
    """Return what the figures suggest; the first rule that fits. A person decides."""
    found = _suggested(figures)
    return replace(found, why=f"{found.why} {SAMPLE}") if figures.is_sample else found


def _suggested(figures: Figures) -> Suggestion:
    if figures.stage == Automation.Stage.RETIRED:
        return Suggestion(Choice.KILL, "It is retired; confirm it here.")
    if figures.net is None:
        return _without_profit(figures)
    net = Decimal(figures.net)
    return _earning(figures, net) if net > 0 else _losing(figures, net)


def _earning(figures: Figures, net: Decimal) -> Suggestion:
    earned = f"It earned {usd(net)}"
    weak = weakness_of(figures)
    if weak:
        return Suggestion(Choice.FIX, f"{earned}, but {weak}.")
    if figures.net_before is None:
        builds = figures.verdict == elput.Verdict.BUILD
        scored = f"its score of {figures.score} says build" if builds else "there is no month yet"
        choice = Choice.DOUBLE_DOWN if builds else Choice.KEEP
        return Suggestion(choice, f"{earned}; {scored}{'' if builds else ' to compare with'}.")
    before = Decimal(figures.net_before)
    if before <= 0:
        lost = f"a loss of {usd(-before)}" if before < 0 else "nothing"
        return Suggestion(Choice.KEEP, f"{earned}, after {lost} the month before.")
    compared = f"{earned}, after {usd(before)} the month before"
    if net >= before * GROWTH:
        return Suggestion(Choice.DOUBLE_DOWN, f"{compared}, and no target is missed.")
    return Suggestion(Choice.KEEP, f"{compared}.")


def _losing(figures: Figures, net: Decimal) -> Suggestion:
    now = f"It lost {usd(-net)}" if net < 0 else "It earned nothing"
    if figures.net_before is not None and Decimal(figures.net_before) < 0 and net < 0:
        before = usd(-Decimal(figures.net_before))
        return Suggestion(Choice.KILL, f"{now}, and {before} the month before.")
    weak = weakness_of(figures)
    return Suggestion(Choice.FIX, f"{now}{f'; {weak}' if weak else ''}.")


def _without_profit(figures: Figures) -> Suggestion:
    weak = weakness_of(figures)
    if figures.stage == Automation.Stage.PRODUCTION:
        also = f" Also, {weak}." if weak else ""
        says = f"It is in production and nobody recorded what it brings.{also}"
        return Suggestion(Choice.FIX, says)
    if figures.verdict == elput.Verdict.SKIP and not figures.overruled:
        says = f"It earns nothing yet and its score of {figures.score} says skip."
        return Suggestion(Choice.KILL, says)
    if figures.blocker and figures.blocked_days > STUCK_DAYS:
        says = f"Stuck {figures.blocked_days} days on: {figures.blocker}."
        return Suggestion(Choice.FIX, says)
    return Suggestion(Choice.KEEP, f"On its way, in phase {figures.phase}.")


def weakness_of(figures: Figures) -> str:
    """Say which target is missed on a large enough sample; '' when none is."""
    found = []
    if _misses(figures.success, figures.finished, SUCCESS_TARGET):
        found.append(
            f"{rate(figures.success_rate)} of {figures.finished} runs succeeded "
            f"(target: above {SUCCESS_TARGET} %)"
        )
    if _misses(figures.useful, figures.reviewed, APPROVAL_TARGET):
        found.append(
            f"{rate(figures.approval)} of {figures.reviewed} reviewed outputs were approved "
            f"(target: above {APPROVAL_TARGET} %)"
        )
    return " and ".join(found)


def _misses(good: int, n: int, target: int) -> bool:
    return n >= LEAST_SAMPLE and good * 100 <= target * n

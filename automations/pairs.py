"""Two tries of the same input, side by side: what each gave, and the difference in numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db.models import Q

from automations.differences import Budget, Piece, by_words, shared
from automations.models import AuditEvent, Run, Version
from automations.templatetags.ui import DASH, cost, duration_ms

LITTLE_SHARED = 0.3
RECIPE_CHANGES = ("save draft", "change version")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check said of the last answer, or of the input."""

    label: str
    direction: str
    passed: bool
    message: str


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its run, its version and what came of it."""

    key: str
    run: Run
    version: Version
    state: str
    headline: str
    waits: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def text(self) -> str:
        """What it answered: the output, or the last answer of a run that failed."""
        return self.run.output_text or self.run.answer

    @property
    def failed_checks(self) -> int:
        return sum(not verdict.passed for verdict in self.verdicts)

    @property
    def tokens(self) -> int | None:
        """Tokens in and out; None where no model was asked."""
        run = self.run
        return run.input_tokens + run.output_tokens if run.calls else None


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of both: the difference in words, and what it is made of."""

    label: str
    words: str
    note: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What differs between the two answers, word by word; None where there is nothing to say."""

    pieces: tuple[Piece, ...]
    percent: int
    is_coarse: bool

    @property
    def is_same(self) -> bool:
        return all(piece.kind == "same" for piece in self.pieces)

    @property
    def is_apart(self) -> bool:
        """Tell whether they have so little in common that marks do not help to read."""
        return self.percent < LITTLE_SHARED * 100


def verdicts_of(run: Run) -> tuple[Verdict, ...]:
    """Return the verdicts on the input and on the last answer, in the order of judging."""
    turns = [verdict["turn"] for verdict in run.verdicts if verdict["direction"] == "output"]
    last = max(turns, default=0)
    return tuple(
        Verdict(verdict["label"], verdict["direction"], verdict["passed"], verdict["message"])
        for verdict in run.verdicts
        if verdict["direction"] == "input" or verdict["turn"] == last
    )


def figures_of(first: Side, second: Side) -> list[Figure]:
    """Return the differences in numbers between two tries that have ended, seen from the first."""
    one, two = first.run, second.run
    lengths = len(first.text), len(second.text)
    return [
        _figure("Time", one.execution_time_ms, two.execution_time_ms, _time, say=duration_ms),
        _figure("Tokens", first.tokens, second.tokens, _percent("fewer", "more"), say=_number),
        _figure("Cost", one.cost_usd, two.cost_usd, _percent("less", "more"), say=_money),
        replace(_figure("Length", *lengths, _percent("shorter", "longer"), say=_size), tone=""),
        _checks(first, second),
    ]


def _figure(
    label: str, one: Any, two: Any, difference: Callable[[Any, Any], str], *,
    say: Callable[[Any], str],
) -> Figure:  # fmt: skip
    note = f"{say(one)} against {say(two)}"
    if one is None or two is None:
        return Figure(label, DASH, note)
    if one == two:
        return Figure(label, "the same", note)
    tone = "ok" if one < two else "bad"
    return Figure(label, difference(one, two), note, "" if 20 * abs(one - two) < two else tone)


def _number(value: int | None) -> str:
    return DASH if value is None else f"{value:,}"


def _size(value: int) -> str:
    return "1 character" if value == 1 else f"{value:,} characters"


def _time(one: int, two: int) -> str:
    return f"{duration_ms(abs(one - two))} {'faster' if one < two else 'slower'}"


def _money(value: Decimal | None) -> str:
    """Say a cost with all its digits: both are of one call, and small."""
    return cost(value) if not value or value >= 1 else f"${value:.6f}"


def _percent(less: str, more: str) -> Callable[[Any, Any], str]:
    def said(one: Any, two: Any) -> str:
        if not two:
            return more
        percent = 100 * abs(one - two) / two
        size = f"{percent:.0f} %" if percent >= 1 else "under 1 %"
        return f"{size} {less if one < two else more}"

    return said


def _checks(first: Side, second: Side) -> Figure:
    one, two = (f"{_passed(side)} of {len(side.verdicts)}" for side in (first, second))
    failed = first.failed_checks, second.failed_checks
    note = f"{one} against {two} passed"
    if not (first.verdicts or second.verdicts):
        return Figure("Checks", DASH, "neither has any")
    if failed == (0, 0):
        return Figure("Checks", "all passed", note, "ok")
    if failed[0] == failed[1]:
        return Figure("Checks", f"{failed[0]} failed in both", note, "bad")
    better = failed[0] < failed[1]
    words = f"{abs(failed[0] - failed[1])} {'fewer' if better else 'more'} failed"
    return Figure("Checks", words, note, "ok" if better else "bad")


def _passed(side: Side) -> int:
    return len(side.verdicts) - side.failed_checks


def outputs_of(first: Side, second: Side) -> Outputs | None:
    """Return what differs from the second's answer to the first's; None if one has none."""
    if not (first.text and second.text):
        return None
    budget = Budget()
    pieces = by_words(second.text, first.text, budget=budget)
    return Outputs(pieces, int(100 * shared(pieces)), budget.was_spent)


def changed_since(side: Side) -> AuditEvent | None:
    """Return the newest change of a draft that its try has not seen; None for published ones."""
    if side.version.is_published:
        return None
    key = side.version.pk
    rules = [str(pk) for pk in side.version.validator_rules.values_list("pk", flat=True)]
    recipe = Q(object_type="version", object_id=str(key), action__in=RECIPE_CHANGES)
    checks = Q(object_type="validatorrule") & (Q(object_id__in=rules) | Q(before__version=key))
    events = AuditEvent.objects.filter(recipe | checks, at__gt=side.run.queued_at)
    return events.order_by("-pk").first()

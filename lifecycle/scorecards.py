"""Scorecards as pages show them: small frozen objects, and what may be decided on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lifecycle import elput
from lifecycle.elput import Factor, Formula, Question, Verdict
from lifecycle.models import Decision, Scorecard

YES, NO, UNKNOWN = "yes", "no", "unknown"
ANSWERS = {YES: "Yes", NO: "No", UNKNOWN: "Unknown"}
CUSTOMER_FACING = "customer_facing"
BIG_CHANGE = 2

NEXT = {
    Verdict.BUILD: "It scores 7.5 or more: build it now.",
    Verdict.PROTOTYPE: "It scores 6.0 to 7.4: find out in three days whether it works.",
    Verdict.SKIP: "It scores under 6.0: leave it, or make it so simple that it scores better.",
}
# What each band lets a person decide without overruling the score, the first of them first.
FITTING: dict[str, tuple[str, ...]] = {
    Verdict.BUILD: (Decision.Verdict.BUILD,),
    Verdict.PROTOTYPE: (Decision.Verdict.PROTOTYPE,),
    Verdict.SKIP: (Decision.Verdict.SIMPLIFY, Decision.Verdict.SKIP),
}


@dataclass(frozen=True, slots=True)
class Way:
    """What one formula says: its score, verdict, and how it comes about in words."""

    formula: str
    label: str
    rule: str
    sum: str
    score: Decimal
    verdict: Verdict

    @property
    def title(self) -> str:
        return elput.VERDICTS[self.verdict]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Both formulas side by side; `formula` says which one decides."""

    published: Way
    adjusted: Way
    formula: str
    weights: str

    @property
    def deciding(self) -> Way:
        return self.adjusted if self.formula == Formula.ADJUSTED else self.published

    @property
    def other(self) -> Way:
        return self.published if self.formula == Formula.ADJUSTED else self.adjusted

    @property
    def differ(self) -> bool:
        return self.published.verdict != self.adjusted.verdict

    @property
    def ways(self) -> tuple[Way, Way]:
        return self.published, self.adjusted

    @property
    def step(self) -> str:
        """What the verdict asks for, as a sentence."""
        return NEXT[self.deciding.verdict]


RULES = {
    Formula.PUBLISHED: "the weighted mean of the five values as they are",
    Formula.ADJUSTED: "time and risk count as 11 minus the value, so that less of them is better",
}


def outcome(values: Mapping[str, int], weights: Mapping[str, str], formula: str) -> Outcome:
    """Return what both formulas say of five values.

    Raises:
        ValueError: a value outside 1 to 10, or weights that do not sum to 1.
    """
    found = {name: _way(values, weights, name) for name in Formula}
    words = elput.weights_in_words(weights)
    return Outcome(found[Formula.PUBLISHED], found[Formula.ADJUSTED], formula, words)


def _way(values: Mapping[str, int], weights: Mapping[str, str], formula: Formula) -> Way:
    scored = elput.score(values, weights, formula)
    label = str(Scorecard.Formula(formula.value).label)
    words = elput.in_words(values, weights, formula)
    return Way(formula.value, label, RULES[formula], words, scored, elput.verdict_of(scored))


@dataclass(frozen=True, slots=True)
class Assumption:
    """A question that nobody could answer, to be tested."""

    factor: str
    question: str
    note: str


def assumptions(answers: object) -> list[Assumption]:
    """Return every question that is not answered yes or no."""
    return [
        Assumption(factor.label, question.text, note_to(answers, question))
        for factor in elput.FACTORS
        for question in factor.questions
        if answer_to(answers, question) == UNKNOWN
    ]


def answer_to(answers: object, question: Question) -> str:
    """Return yes, no or unknown; unknown also where nothing was stored."""
    stored = _stored(answers, question).get("answer")
    return stored if stored in (YES, NO) else UNKNOWN


def note_to(answers: object, question: Question) -> str:
    """Return what was noted with an answer."""
    return str(_stored(answers, question).get("note") or "")


def _stored(answers: object, question: Question) -> dict[str, Any]:
    found = answers.get(question.key) if isinstance(answers, dict) else None
    return found if isinstance(found, dict) else {}


def is_customer_facing(answers: object) -> bool:
    """Tell whether the scorecard says that customers see the output."""
    asked = (q for factor in elput.FACTORS for q in factor.questions if q.key == CUSTOMER_FACING)
    return answer_to(answers, next(asked)) == YES


def reason_of(scorecard: Scorecard | None, factor: str) -> str:
    """Return the reason stored with one factor's value."""
    reasons = scorecard.reasons if scorecard else {}
    return str(reasons.get(factor) or "") if isinstance(reasons, dict) else ""


def unexplained(
    newest: Scorecard | None, values: Mapping[str, int], reasons: Mapping[str, str]
) -> dict[str, str]:
    """Return a sentence for each factor that moved by 2 or more without a reason of its own."""
    if newest is None:
        return {}
    wanted = {}
    for factor in elput.FACTORS:
        before, after = newest.values[factor.key], values[factor.key]
        given = reasons.get(factor.key, "").strip()
        if abs(after - before) >= BIG_CHANGE and given in ("", reason_of(newest, factor.key)):
            wanted[factor.key] = f"Say why it went from {before} to {after}."
    return wanted


@dataclass(frozen=True, slots=True)
class Answered:
    """One question with its answer."""

    text: str
    answer: str
    note: str

    @property
    def label(self) -> str:
        return ANSWERS[self.answer]


@dataclass(frozen=True, slots=True)
class FactorView:
    """One factor's value with its reason, its answers, and what it was before."""

    factor: Factor
    value: int
    before: int | None
    reason: str
    answers: tuple[Answered, ...]

    @property
    def change(self) -> int:
        return 0 if self.before is None else self.value - self.before


@dataclass(frozen=True, slots=True)
class Card:
    """One scorecard as it is shown; `decisions` newest first."""

    row: Scorecard
    outcome: Outcome
    factors: tuple[FactorView, ...]
    assumptions: tuple[Assumption, ...]
    decisions: tuple[Decision, ...]
    notices: tuple[str, ...]
    is_newest: bool

    @property
    def decision(self) -> Decision | None:
        return self.decisions[0] if self.decisions else None

    @property
    def title(self) -> str:
        return elput.VERDICTS[self.row.verdict]

    @property
    def step(self) -> str:
        return NEXT[self.row.verdict]

    @property
    def is_answered(self) -> bool:
        return bool(self.row.answers)

    @property
    def who(self) -> str:
        """Who scored it; "" where nobody is known: sample data, or a row from outside."""
        return str(self.row.created_by or "")


def card(row: Scorecard, *, before: Scorecard | None, is_newest: bool) -> Card:
    """Return a scorecard for its page; `before` is the one it followed."""
    return Card(
        row=row,
        outcome=outcome(row.values, row.counted_weights, row.formula),
        factors=tuple(_factor_view(row, factor, before) for factor in elput.FACTORS),
        assumptions=tuple(assumptions(row.answers)) if row.answers else (),
        decisions=tuple(row.decisions.all()),
        notices=tuple(_notices(row)),
        is_newest=is_newest,
    )


def cards(rows: Sequence[Scorecard]) -> list[Card]:
    """Return a history, newest first, each compared with the one before it."""
    older = [*rows, None][1:]
    return [
        card(row, before=before, is_newest=number == 0)
        for number, (row, before) in enumerate(zip(rows, older, strict=True))
    ]


def _factor_view(row: Scorecard, factor: Factor, before: Scorecard | None) -> FactorView:
    answers = tuple(
        Answered(q.text, answer_to(row.answers, q), note_to(row.answers, q))
        for q in factor.questions
    )
    earlier = before.values[factor.key] if before else None
    return FactorView(factor, row.values[factor.key], earlier, reason_of(row, factor.key), answers)


def _notices(row: Scorecard) -> Iterable[str]:
    """Say what of a row, which may come from outside, does not fit together."""
    try:
        elput.weights_of(row.weights)
    except ValueError as error:
        yield f"Its stored weights cannot be used, so equal ones are shown. {error}"
    if row.computed_score != row.elput_score:
        said = elput.VERDICTS[elput.verdict_of(row.computed_score)]
        yield (
            f"The stored score is {row.elput_score}; from its factors follows "
            f"{row.computed_score} ({said}). The stored one is kept as it was written."
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be decided: its button's words and icon."""

    verdict: str
    label: str
    shape: str


BUTTONS = {
    Decision.Verdict.BUILD: Choice("build", "Decide to build it", "rocket"),
    Decision.Verdict.PROTOTYPE: Choice("prototype", "Decide to prototype it", "flask"),
    Decision.Verdict.SIMPLIFY: Choice("simplify", "Simplify and score again", "down"),
    Decision.Verdict.SKIP: Choice("skip", "Skip it", "dash"),
}


def fitting(row: Scorecard) -> list[Choice]:
    """Return what may be decided without a reason, the next step first."""
    return [BUTTONS[Decision.Verdict(verdict)] for verdict in FITTING[row.verdict]]


def overruling(row: Scorecard) -> list[Choice]:
    """Return what would go against the score."""
    return [BUTTONS[v] for v in Decision.Verdict if v not in FITTING[row.verdict]]

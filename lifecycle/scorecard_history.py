"""How an automation's scorecards went over time: what is newest, what changed, the chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import OuterRef, Q, Subquery

from automations.models import Automation
from lifecycle import elput
from lifecycle.charts import Axis, Chart, Level, Moment, Series, line_chart
from lifecycle.models import Decision, Scorecard
from lifecycle.models.scorecard import ScorecardQuerySet
from lifecycle.scorecards import Card

DRAWN = 40
TENTHS = Axis("Value, 1 to 10", low=1, high=10, step=1)
BANDS = (
    Level(float(elput.BUILD_FROM), "7.5 build"),
    Level(float(elput.PROTOTYPE_FROM), "6.0 prototype"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One scorecard of a history; `rule` says what was new in how it was scored."""

    card: Card
    rule: str


@dataclass(frozen=True, slots=True)
class Log:
    """One decision and the scorecard it was made on."""

    decision: Decision
    card: Card


@dataclass(frozen=True, slots=True)
class History:
    """Entries and decisions, newest first; a chart from the second scorecard on."""

    entries: tuple[Entry, ...]
    decisions: tuple[Log, ...]
    chart: Chart | None


def newest_of_each() -> ScorecardQuerySet:
    """Return the newest scorecard of every automation that has one, with its decision."""
    own = Scorecard.objects.filter(automation=OuterRef("slug")).newest_first()
    newest = Automation.objects.annotate(newest_card=Subquery(own.values("pk")[:1]))
    found: ScorecardQuerySet = Scorecard.objects.filter(pk__in=newest.values("newest_card"))
    return with_decisions(found)


def with_decisions(cards: ScorecardQuerySet) -> ScorecardQuerySet:
    """Annotate scorecards with `decided`, the newest verdict on each; None without one."""
    made = Decision.objects.filter(scorecard=OuterRef("pk")).order_by("-pk")
    found: ScorecardQuerySet = cards.annotate(decided=Subquery(made.values("verdict")[:1]))
    return found


def before(row: Scorecard) -> Scorecard | None:
    """Return the scorecard that this one followed."""
    earlier = Q(date__lt=row.date) | Q(date=row.date, pk__lt=row.pk)
    return Scorecard.objects.filter(earlier, automation=row.automation).newest_first().first()


def of(cards: Sequence[Card]) -> History:
    """Return the history of an automation's cards, which come newest first."""
    older = [*cards, None][1:]
    entries = tuple(Entry(card, _rule(card, was)) for card, was in zip(cards, older, strict=True))
    log = [Log(decision, card) for card in cards for decision in card.decisions]
    log.sort(key=lambda entry: entry.decision.pk, reverse=True)
    chart = _chart(entries[:DRAWN][::-1]) if len(entries) > 1 else None
    return History(entries, tuple(log), chart)


def _rule(card: Card, was: Card | None) -> str:
    """Say what of formula and weights changed since the scorecard before; empty if nothing."""
    if was is None:
        return ""
    formula, weights = _changed(card, was)
    words = [f"{card.row.get_formula_display().lower()} decides"] if formula else []
    if weights:
        said = card.outcome.weights
        words.append(said if said.startswith("equal") else f"weights {said}")
    return ", ".join(words)


def _changed(card: Card, was: Card) -> tuple[bool, bool]:
    return card.row.formula != was.row.formula, card.outcome.weights != was.outcome.weights


def _short(card: Card, was: Card) -> str:
    """Say the same in the few words that fit into a picture."""
    formula, weights = _changed(card, was)
    words = [f"{card.row.formula} formula"] if formula else []
    if weights:
        words.append("equal weights" if card.outcome.weights.startswith("equal") else "new weights")
    return ", ".join(words)


def _chart(entries: Sequence[Entry]) -> Chart:
    """Draw the five factors and the score, oldest first."""
    cards = [entry.card for entry in entries]
    rows = [card.row for card in cards]
    factors = [
        Series(factor.label, [row.values[factor.key] for row in rows]) for factor in elput.FACTORS
    ]
    score = Series("Score", [float(row.elput_score) for row in rows], strong=True, digits=1)
    pairs = enumerate(zip(cards[1:], cards, strict=False), start=1)
    moments = [Moment(at, words) for at, (card, was) in pairs if (words := _short(card, was))]
    return line_chart(
        [*factors, score],
        [f"{row.date:%-d %b %y}" for row in rows],
        axis=TENTHS,
        label=_sentence(rows),
        levels=BANDS,
        moments=moments,
    )


def _sentence(rows: Sequence[Scorecard]) -> str:
    first, last = rows[0], rows[-1]
    moved = [
        f"{factor.label.lower()} {first.values[factor.key]} to {last.values[factor.key]}"
        for factor in elput.FACTORS
    ]
    return (
        f"{len(rows)} scorecards from {first.date:%-d %b %Y} to {last.date:%-d %b %Y}: the score "
        f"went from {first.elput_score} to {last.elput_score}; {', '.join(moved)}."
    )

"""What was predicted against what came of it: pairs, rank correlation, bias per factor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import fmean
from typing import Any

from django.db.models import Min, Sum
from django.utils import timezone

from automations.models import Automation
from lifecycle import elput
from lifecycle.elput import Factor, Formula
from lifecycle.models import Decision, Effort, ProfitPeriod, Promotion, Scorecard
from monitoring.stats import FEWEST_PAIRS, ranks, spearman

LEAST_DAYS = 28
A_MONTH_DAYS = 30
NOTICEABLE = 0.5  # points of a factor's 1 to 10


@dataclass(frozen=True, slots=True)
class Pair:
    """One automation that counts: its prediction and what it earned."""

    automation: Automation
    scorecard: Scorecard
    net_usd: Decimal
    days: int
    effort_hours: Decimal
    realised_usd: Decimal

    @property
    def predicted(self) -> float:
        return float(self.scorecard.elput_score)

    @property
    def published(self) -> Decimal:
        return _scored(self.scorecard, Formula.PUBLISHED)

    @property
    def adjusted(self) -> Decimal:
        return _scored(self.scorecard, Formula.ADJUSTED)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An automation with profit that does not count, and why."""

    automation: Automation
    why: str


@dataclass(frozen=True, slots=True)
class Rho:
    """A rank correlation with what it means; `value` is None when there are too few pairs."""

    label: str
    value: float | None
    n: int
    says: str


@dataclass(frozen=True, slots=True)
class Bias:
    """How a factor was rated, higher meaning better, where little and where much was earned."""

    factor: Factor
    rho: float | None
    low_mean: float | None
    high_mean: float | None
    says: str

    @property
    def difference(self) -> float | None:
        if self.low_mean is None or self.high_mean is None:
            return None
        return self.low_mean - self.high_mean


@dataclass(frozen=True, slots=True)
class Delay:
    """The rated time to implement, and the days from the first decision to production."""

    automation: Automation
    rated: int
    days: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The whole page. `per_hour`: profit is measured per hour of effort, else per month."""

    pairs: tuple[Pair, ...]
    left_out: tuple[LeftOut, ...]
    per_hour: bool
    is_sample: bool
    rhos: tuple[Rho, ...]
    biases: tuple[Bias, ...]
    delays: tuple[Delay, ...]
    delay_rho: float | None

    @property
    def missing(self) -> int:
        """How many pairs are missing until a correlation is worked out."""
        return max(0, FEWEST_PAIRS - len(self.pairs))

    @property
    def unit(self) -> str:
        return "per hour of effort" if self.per_hour else "per month"


def accuracy() -> Accuracy:
    """Compare every prediction with what came; sample rows only where there is nothing else.

    An automation counts with at least 28 recorded days and a scorecard from before them. Profit is
    per hour of effort when 5 automations that count have effort logged, else per 30 days: one unit
    for all, or ranks would mean nothing. Five queries for any number of automations.
    """
    periods, is_sample = _periods()
    found, left_out = _known(periods, is_sample=is_sample)
    with_effort = [pair for pair in found if pair.effort_hours]
    per_hour = len(with_effort) >= FEWEST_PAIRS
    if per_hour:
        why = "No effort is logged for it."
        left_out += [LeftOut(p.automation, why) for p in found if not p.effort_hours]
    pairs = tuple(_in_unit(p, per_hour=per_hour) for p in (with_effort if per_hour else found))
    delays = _delays(pairs, is_sample=is_sample)
    return Accuracy(
        pairs=tuple(sorted(pairs, key=lambda pair: -pair.realised_usd)),
        left_out=tuple(left_out),
        per_hour=per_hour,
        is_sample=is_sample,
        rhos=_rhos(pairs),
        biases=tuple(_bias(factor, pairs) for factor in elput.FACTORS),
        delays=delays,
        delay_rho=spearman((delay.rated, delay.days) for delay in delays),
    )


def _periods() -> tuple[dict[Automation, list[ProfitPeriod]], bool]:
    rows = list(ProfitPeriod.objects.select_related("automation").order_by("automation__name"))
    is_sample = bool(rows) and all(row.is_sample for row in rows)
    found: dict[Automation, list[ProfitPeriod]] = defaultdict(list)
    for row in rows:
        if row.is_sample == is_sample:
            found[row.automation].append(row)
    return found, is_sample


def _known(
    periods: dict[Automation, list[ProfitPeriod]], *, is_sample: bool
) -> tuple[list[Pair], list[LeftOut]]:
    """Return the automations that may count, profit not yet in a unit, and the others."""
    cards = _scorecards(periods, is_sample=is_sample)
    hours = _hours(periods, is_sample=is_sample)
    pairs, left_out = [], []
    for automation, rows in periods.items():
        first, days = min(row.starts_on for row in rows), _days(rows)
        card = next((c for c in cards[automation.slug] if known_on(c) <= first), None)
        if days < LEAST_DAYS:
            why = f"{days} days of profit are recorded; {LEAST_DAYS} are needed."
            left_out.append(LeftOut(automation, why))
        elif card is None:
            left_out.append(LeftOut(automation, _no_prediction(cards[automation.slug], first)))
        else:
            net = sum((row.net_usd for row in rows), Decimal(0))
            spent = hours.get(automation.pk, Decimal(0))
            pairs.append(Pair(automation, card, net, days, spent, Decimal(0)))
    return pairs, left_out


def known_on(card: Scorecard) -> date:
    """Return since when a prediction is known: its date, but not before it was entered.

    A date is typed, so a card entered after the profit came would foretell what is known. Sample
    cards are taken at their word.
    """
    if card.is_sample:
        return card.date
    entered = timezone.localdate(card.created_at, timezone=timezone.get_default_timezone())
    return max(card.date, entered)


def _no_prediction(cards: Iterable[Scorecard], first: date) -> str:
    """Say why none of these cards was made before the profit began."""
    dated = next((card for card in cards if card.date <= first), None)
    if dated is None:
        return f"It has no scorecard from before its profit began on {first:%Y-%m-%d}."
    return (
        f"Its scorecard of {dated.date:%Y-%m-%d} was entered on {known_on(dated):%Y-%m-%d}, "
        f"after its profit began on {first:%Y-%m-%d}."
    )


def _scorecards(
    automations: Iterable[Automation], *, is_sample: bool
) -> dict[str, list[Scorecard]]:
    slugs: Any = [automation.slug for automation in automations]
    cards: dict[str, list[Scorecard]] = defaultdict(list)
    rows = Scorecard.objects.filter(automation__in=slugs, is_sample=is_sample)
    for card in rows.newest_first():
        cards[card.automation_id].append(card)
    return cards


def _hours(automations: Iterable[Automation], *, is_sample: bool) -> dict[int, Decimal]:
    keys = [automation.pk for automation in automations]
    logged = Effort.objects.filter(automation__in=keys, is_sample=is_sample)
    return dict(logged.order_by().values_list("automation").annotate(hours=Sum("hours")))


def _days(rows: Sequence[ProfitPeriod]) -> int:
    """Count the days that at least one period covers."""
    count, reached = 0, date.min
    for row in sorted(rows, key=lambda row: row.starts_on):
        begin = max(row.starts_on, reached)
        count += max(0, (row.ends_on - begin).days + 1)
        reached = max(reached, row.ends_on + timedelta(days=1))
    return count


def _in_unit(pair: Pair, *, per_hour: bool) -> Pair:
    if per_hour:
        realised = pair.net_usd / pair.effort_hours
    else:
        realised = pair.net_usd * A_MONTH_DAYS / pair.days
    return Pair(
        pair.automation, pair.scorecard, pair.net_usd, pair.days, pair.effort_hours, realised
    )


def _rhos(pairs: Sequence[Pair]) -> tuple[Rho, ...]:
    scores: tuple[tuple[str, Callable[[Scorecard], Decimal]], ...] = (
        ("As decided", lambda card: card.elput_score),
        ("Published mean", lambda card: _scored(card, Formula.PUBLISHED)),
        ("Direction-adjusted", lambda card: _scored(card, Formula.ADJUSTED)),
    )
    return tuple(_rho(label, pairs, score) for label, score in scores)


def _scored(card: Scorecard, formula: Formula) -> Decimal:
    """Return the score by a formula, under equal weights where the row's own are no weights."""
    try:
        return elput.score(card.values, card.weights, formula)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return elput.score(card.values, elput.EQUAL, formula)


def _rho(label: str, pairs: Sequence[Pair], score: Callable[[Scorecard], Decimal]) -> Rho:
    value = spearman((float(score(pair.scorecard)), float(pair.realised_usd)) for pair in pairs)
    return Rho(label, value, len(pairs), meaning_of(value, len(pairs)))


def meaning_of(rho: float | None, n: int) -> str:
    """Say in a sentence what a rank correlation of predicted and realised profit means."""
    if n < FEWEST_PAIRS:
        return f"Too few: {n} of {FEWEST_PAIRS} needed."
    if rho is None:
        return "All of them have the same score, so there is no order to compare."
    if rho >= 0.7:
        return "The score puts automations nearly in the order of what they earn."
    if rho >= 0.4:
        return "A higher score tends to earn more, with clear exceptions."
    if rho > -0.4:
        return "The score says little about what an automation earns."
    return "The score points the wrong way: what was rated higher earned less."


def _bias(factor: Factor, pairs: Sequence[Pair]) -> Bias:
    """Compare a factor's ratings in the half that earned less with the half that earned more."""
    rated = [float(better(factor, pair.scorecard)) for pair in pairs]
    earned = [float(pair.realised_usd) for pair in pairs]
    if len(pairs) < FEWEST_PAIRS:
        return Bias(factor, None, None, None, "")
    middle = (len(pairs) + 1) / 2
    places = ranks(earned)
    low = [value for value, place in zip(rated, places, strict=True) if place < middle]
    high = [value for value, place in zip(rated, places, strict=True) if place > middle]
    rho = spearman(zip(rated, earned, strict=True))
    if not low or not high:
        return Bias(factor, rho, None, None, "All of them earned the same.")
    return Bias(factor, rho, fmean(low), fmean(high), _says(fmean(low) - fmean(high)))


def better(factor: Factor, card: Scorecard) -> int:
    """Return a factor's value so that higher is better: 11 - x where less is better."""
    value = card.values[factor.key]
    return elput.LOWEST + elput.HIGHEST - value if factor.lower_is_better else value


def _says(difference: float) -> str:
    if difference >= NOTICEABLE:
        return f"Too kind to what earned little, by {difference:.1f} points."
    if difference <= -NOTICEABLE:
        return f"Tells them apart: rated {-difference:.1f} points higher where more came."
    return "Rated alike in both halves, so it says little."


def _delays(pairs: Sequence[Pair], *, is_sample: bool) -> tuple[Delay, ...]:
    """Return the days from the first decision to the first promotion to production."""
    keys = [pair.automation.pk for pair in pairs]
    decided = Decision.objects.filter(scorecard__automation__pk__in=keys, is_sample=is_sample)
    firsts = decided.order_by().values_list("scorecard__automation__pk")
    begun = dict(firsts.annotate(first=Min("decided_at")))
    done = Promotion.objects.filter(
        automation__in=keys,
        state=Promotion.State.DONE,
        to_stage=Automation.Stage.PRODUCTION,
        is_sample=is_sample,
    )
    ended = dict(done.order_by().values_list("automation").annotate(first=Min("decided_at")))
    known = [pair for pair in pairs if begun.get(pair.automation.pk)]
    return tuple(
        Delay(pair.automation, pair.scorecard.time_to_implement, max(0, (end - start).days))
        for pair in known
        for start, end in [(begun[pair.automation.pk], ended.get(pair.automation.pk))]
        if end is not None
    )

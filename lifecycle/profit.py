"""Reading the money and the effort of automations: constant queries for any number of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from automations.models import Automation, Run
from lifecycle.models import Effort, ProfitPeriod
from lifecycle.phases import PHASES, Phase
from monitoring.models import Review

Span = tuple[date, date]  # a first and a last day, both included
MICRO = Decimal("0.000001")
NOTHING = Decimal(0)
PROTOTYPE = (1, 2)  # the phases that the article calls a fifth of the work


@dataclass(frozen=True, slots=True)
class Money:
    """What some days brought and cost; `net_usd` is None when no period is recorded.

    `is_sample`: it is made of sample rows, since nothing real is recorded.
    """

    gross_usd: Decimal = NOTHING
    model_cost_usd: Decimal = NOTHING
    review_cost_usd: Decimal = NOTHING
    net_usd: Decimal | None = None
    unpriced_runs: int = 0
    effort_hours: Decimal = NOTHING
    is_sample: bool = False

    @property
    def per_hour(self) -> Decimal | None:
        """Net profit in US dollars per hour of effort; None without a net or without effort."""
        if self.net_usd is None or not self.effort_hours:
            return None
        return self.net_usd / self.effort_hours


@dataclass(frozen=True, slots=True)
class Measured:
    """What runs and reviews of some days cost; runs without a known price are only counted."""

    model_cost_usd: Decimal
    unpriced_runs: int
    review_seconds: int


def moments(start: date, end: date) -> tuple[datetime, datetime]:
    """Return when the first day begins and the last one ends, in the installation's time zone."""
    zone = timezone.get_default_timezone()
    first, after = (datetime.combine(day, time(), zone) for day in (start, end + timedelta(days=1)))
    return first, after


def carried(period: ProfitPeriod, others: Iterable[ProfitPeriod]) -> list[Span]:
    """Return the days whose costs a period carries: those that no earlier recorded one covers.

    So a day on which there was both revenue and saved time costs once. A period that is not
    stored yet comes after all others.
    """
    left = [(period.starts_on, period.ends_on)]
    for other in others:
        if _carries_first(other, period):
            left = [part for span in left for part in _without(span, other)]
    return left


def _carries_first(other: ProfitPeriod, period: ProfitPeriod) -> bool:
    same = (other.automation_id, other.is_sample) == (period.automation_id, period.is_sample)
    return same and (period._state.adding or other.pk < period.pk)


def _without(span: Span, other: ProfitPeriod) -> list[Span]:
    """Return what is left of a span without the days of a period: two parts at most."""
    first, last = span
    if other.ends_on < first or last < other.starts_on:
        return [span]
    before, after = other.starts_on - timedelta(days=1), other.ends_on + timedelta(days=1)
    return [part for part in ((first, before), (after, last)) if part[0] <= part[1]]


def overlapping(period: ProfitPeriod) -> QuerySet[ProfitPeriod]:
    """Return the stored periods of its automation that share days with it, without itself."""
    same = ProfitPeriod.objects.filter(automation=period.automation_id, is_sample=period.is_sample)
    touching = same.filter(starts_on__lte=period.ends_on, ends_on__gte=period.starts_on)
    return touching.exclude(pk=period.pk).order_by("pk")


def measured(period: ProfitPeriod) -> Measured:
    """Measure a period's costs from the runs that began and the reviews given on days it carries.

    What was tried in the playground counts, since it cost money; drills do not. A sample period
    counts sample rows, every other one real rows. Three queries, each on an index.
    """
    spans = [moments(*span) for span in carried(period, overlapping(period))]
    if not spans:
        return Measured(NOTHING, 0, 0)
    runs = Run.objects.filter(
        _within("started_at", spans),
        automation_id=period.automation.slug,
        is_sample=period.is_sample,
        fault="",
    )
    unpriced = Count("pk", filter=Q(calls__gt=0, cost_usd=None, status__in=Run.FINAL))
    cost = runs.order_by().aggregate(usd=Sum("cost_usd"), unpriced=unpriced)
    reviews = Review.objects.filter(
        _within("at", spans), automation=period.automation_id, is_sample=period.is_sample
    )
    spent = reviews.order_by().aggregate(seconds=Sum("seconds_spent"))
    usd = (cost["usd"] or NOTHING).quantize(MICRO)
    return Measured(usd, cost["unpriced"], spent["seconds"] or 0)


def _within(field: str, spans: Iterable[tuple[datetime, datetime]]) -> Q:
    found = Q()
    for begin, end in spans:
        found |= Q(**{f"{field}__gte": begin, f"{field}__lt": end})
    return found


def money_of(automations: Iterable[Automation], *, start: date, end: date) -> dict[int, Money]:
    """Return the money of each automation, by primary key, between two days, both included.

    A period that lies only partly between them counts pro rata: what it brought by its days, what
    it cost by the days whose costs it carries. Sample rows count only where an automation has no
    real period and no real effort at all, and `is_sample` says so. Two queries.
    """
    keys = [automation.pk for automation in automations]
    periods = defaultdict(list)
    for period in _with_overlapping(keys, start, end):
        periods[period.automation_id].append(period)
    spent = effort_of(keys, start=start, end=end)
    return {key: _money(periods[key], spent.get(key), start, end) for key in keys}


def _with_overlapping(keys: Collection[int], start: date, end: date) -> QuerySet[ProfitPeriod]:
    """Return the periods that touch some days, and those that share days with one of them."""
    shares_days = ProfitPeriod.objects.filter(
        automation=OuterRef("automation"),
        starts_on__lte=OuterRef("ends_on"),
        ends_on__gte=OuterRef("starts_on"),
    ).filter(starts_on__lte=end, ends_on__gte=start)
    found = ProfitPeriod.objects.filter(Exists(shares_days), automation__in=keys)
    return found.filter(_counts(OuterRef("automation")))


def _counts(automation: Any) -> Q:
    """Leave real rows, and sample rows where an automation has no real ones."""
    periods = ProfitPeriod.objects.filter(automation=automation, is_sample=False)
    efforts = Effort.objects.filter(automation=automation, is_sample=False)
    return Q(is_sample=False) | ~(Q(Exists(periods)) | Q(Exists(efforts)))


@dataclass(frozen=True, slots=True)
class Spent:
    """The hours of effort on an automation; `is_sample`: nothing real is recorded."""

    hours: Decimal
    is_sample: bool


def effort_of(keys: Collection[int], *, start: date, end: date) -> dict[int, Spent]:
    """Return the effort between two days, by automation; those without are left out."""
    logged = Effort.objects.filter(automation__in=keys, on__gte=start, on__lte=end)
    sums = logged.filter(_counts(OuterRef("automation"))).order_by()
    found = sums.values_list("automation", "is_sample").annotate(hours=Sum("hours"))
    return {key: Spent(hours, is_sample) for key, is_sample, hours in found}


def _money(periods: list[ProfitPeriod], spent: Spent | None, start: date, end: date) -> Money:
    """Sum the periods that touch some days; the others only say who carries which costs."""
    hours, is_sample = (spent.hours, spent.is_sample) if spent else (NOTHING, False)
    touching = [row for row in periods if row.share_within(start, end)]
    if not touching:
        return Money(effort_hours=hours, is_sample=is_sample)
    beside = _sharing_days(periods)
    costs = [(row, _carried_share(row, beside[row.pk], start, end)) for row in touching]
    gross = _sum(row.gross_usd * row.share_within(start, end) for row in touching)
    model = _sum(row.model_cost_usd * share for row, share in costs)
    review = _sum(row.review_cost_usd * share for row, share in costs)
    return Money(
        gross_usd=gross,
        model_cost_usd=model,
        review_cost_usd=review,
        net_usd=gross - model - review,
        unpriced_runs=sum(row.unpriced_runs for row, share in costs if share),
        effort_hours=hours,
        is_sample=any(row.is_sample for row in touching),
    )


def _carried_share(
    period: ProfitPeriod, others: Iterable[ProfitPeriod], start: date, end: date
) -> Decimal:
    """Return which share of the days whose costs a period carries lies between two days."""
    spans = carried(period, others)
    inside = sum(_days(max(first, start), min(last, end)) for first, last in spans)
    return Decimal(inside) / (sum(_days(*span) for span in spans) or 1)


def _days(first: date, last: date) -> int:
    return max(0, (last - first).days + 1)


def carriers(periods: Iterable[ProfitPeriod]) -> dict[int, list[tuple[Span, ProfitPeriod]]]:
    """Return, by primary key, the days of a period whose costs an earlier one carries, and which.

    Pass all periods of one automation.
    """
    known = list(periods)
    beside = _sharing_days(known)
    spans = {row.pk: carried(row, beside[row.pk]) for row in known}
    return {
        row.pk: [
            ((max(first, row.starts_on), min(last, row.ends_on)), other)
            for other in sorted(beside[row.pk], key=lambda other: other.pk)
            if _carries_first(other, row)
            for first, last in spans[other.pk]
            if first <= row.ends_on and row.starts_on <= last
        ]
        for row in known
    }


def _sharing_days(periods: Iterable[ProfitPeriod]) -> dict[int, list[ProfitPeriod]]:
    """Return, by primary key, the other periods that share days with one: each pair is met once."""
    beside: dict[int, list[ProfitPeriod]] = {}
    running: list[ProfitPeriod] = []
    for row in sorted(periods, key=lambda row: row.starts_on):
        running = [other for other in running if other.ends_on >= row.starts_on]
        beside[row.pk] = list(running)
        for other in running:
            beside[other.pk].append(row)
        running.append(row)
    return beside


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, NOTHING).quantize(MICRO)


def whole_of(automations: Iterable[Automation]) -> dict[int, Money]:
    """Return the money of all recorded time, by primary key of the automation."""
    return money_of(automations, start=date.min, end=date.max)


@dataclass(frozen=True, slots=True)
class PhaseEffort:
    """The hours that went into one phase, and their share of all hours, 0 to 1."""

    phase: Phase
    hours: Decimal
    share: float


@dataclass(frozen=True, slots=True)
class EffortSplit:
    """All hours by phase; the article expects a fifth of them before the prototype is judged."""

    phases: tuple[PhaseEffort, ...]
    hours: Decimal

    @property
    def prototype_share(self) -> float:
        return sum(part.share for part in self.phases if part.phase.number in PROTOTYPE)

    @property
    def rest_share(self) -> float:
        return 1 - self.prototype_share


def split_of(automation: Automation) -> EffortSplit:
    """Return where an automation's hours went; sample hours as in `money_of`. One query."""
    logged = automation.efforts.filter(_counts(automation.pk)).order_by().values_list("phase")
    by_number: dict[int, Decimal] = dict(logged.annotate(hours=Sum("hours")))
    total = sum(by_number.values(), NOTHING)
    parts = tuple(
        PhaseEffort(phase, spent, float(spent / total) if total else 0.0)
        for phase in PHASES
        for spent in [by_number.get(phase.number, NOTHING)]
    )
    return EffortSplit(parts, total)

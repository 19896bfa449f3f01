"""Reading the money and the effort of automations: constant queries for any number of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import Count, Q, Sum
from django.utils import timezone

from automations.models import Automation, Run
from lifecycle.models import Effort, ProfitPeriod
from lifecycle.phases import PHASES, Phase
from monitoring.models import Review

MICRO = Decimal("0.000001")
NOTHING = Decimal(0)
PROTOTYPE = (1, 2)  # the phases that the article calls a fifth of the work


@dataclass(frozen=True, slots=True)
class Money:
    """What some days brought and cost; `net_usd` is None when no period is recorded."""

    gross_usd: Decimal = NOTHING
    model_cost_usd: Decimal = NOTHING
    review_cost_usd: Decimal = NOTHING
    net_usd: Decimal | None = None
    unpriced_runs: int = 0
    effort_hours: Decimal = NOTHING

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


def measured(period: ProfitPeriod) -> Measured:
    """Measure a period's costs from the runs that began and the reviews given on its days.

    What was tried in the playground counts, since it cost money; drills do not. A sample period
    counts sample rows, every other one real rows. Two queries, each on an index.
    """
    begin, end = moments(period.starts_on, period.ends_on)
    runs = Run.objects.filter(
        automation_id=period.automation.slug,
        started_at__gte=begin,
        started_at__lt=end,
        is_sample=period.is_sample,
        fault="",
    )
    unpriced = Count("pk", filter=Q(calls__gt=0, cost_usd=None, status__in=Run.FINAL))
    cost = runs.order_by().aggregate(usd=Sum("cost_usd"), unpriced=unpriced)
    reviews = Review.objects.filter(
        automation=period.automation_id, at__gte=begin, at__lt=end, is_sample=period.is_sample
    )
    spent = reviews.order_by().aggregate(seconds=Sum("seconds_spent"))
    usd = (cost["usd"] or NOTHING).quantize(MICRO)
    return Measured(usd, cost["unpriced"], spent["seconds"] or 0)


def money_of(automations: Iterable[Automation], *, start: date, end: date) -> dict[int, Money]:
    """Return the money of each automation, by primary key, between two days, both included.

    A period that lies only partly between them counts pro rata, by day. Two queries.
    """
    keys = [automation.pk for automation in automations]
    touching = ProfitPeriod.objects.filter(
        automation__in=keys, starts_on__lte=end, ends_on__gte=start
    )
    periods = defaultdict(list)
    for period in touching:
        periods[period.automation_id].append(period)
    hours = effort_of(keys, start=start, end=end)
    return {key: _money(periods[key], hours.get(key, NOTHING), start, end) for key in keys}


def effort_of(keys: Collection[int], *, start: date, end: date) -> dict[int, Decimal]:
    """Return the hours of effort between two days, by automation; those without are left out."""
    logged = Effort.objects.filter(automation__in=keys, on__gte=start, on__lte=end)
    sums = logged.order_by().values_list("automation").annotate(hours=Sum("hours"))
    return dict(sums)


def _money(periods: list[ProfitPeriod], hours: Decimal, start: date, end: date) -> Money:
    if not periods:
        return Money(effort_hours=hours)
    shares = [(period, period.share_within(start, end)) for period in periods]
    gross = _sum(period.gross_usd * share for period, share in shares)
    model = _sum(period.model_cost_usd * share for period, share in shares)
    review = _sum(period.review_cost_usd * share for period, share in shares)
    return Money(
        gross_usd=gross,
        model_cost_usd=model,
        review_cost_usd=review,
        net_usd=gross - model - review,
        unpriced_runs=sum(period.unpriced_runs for period in periods),
        effort_hours=hours,
    )


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
    """Return where an automation's hours went. One query."""
    logged = automation.efforts.order_by().values_list("phase").annotate(hours=Sum("hours"))
    by_number: dict[int, Decimal] = dict(logged)
    total = sum(by_number.values(), NOTHING)
    parts = tuple(
        PhaseEffort(phase, spent, float(spent / total) if total else 0.0)
        for phase in PHASES
        for spent in [by_number.get(phase.number, NOTHING)]
    )
    return EffortSplit(parts, total)

"""Success criteria beside what is measured: the last 30 days, real runs only."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

from django.utils import timezone

from automations.models import Automation
from lifecycle import profit
from lifecycle.evidence import runs
from lifecycle.evidence.runs import EndedRun
from lifecycle.evidence.subject import WINDOW_DAYS, Subject
from lifecycle.models import Criterion, ProfitPeriod
from lifecycle.phases import State
from monitoring.reviews import approvals_of

Metric, Operator = Criterion.Metric, Criterion.Operator
COMPARE: dict[str, Callable[[Decimal, Decimal], bool]] = {
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
}
FLOORS = (Operator.MORE, Operator.AT_LEAST)
HUNDRED = Decimal(100)


DOLLARS = "${}"
SPACE = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a metric can be at all, and its unit; `per` is how its values are shown."""

    low: Decimal
    high: Decimal
    shown: str

    def show(self, value: Decimal) -> str:
        """Return a value with its unit: "95 %", "$0.10", "12.5 s"."""
        places = Decimal("0.0001") if abs(value) < 1 else Decimal("0.01")
        exact = value.quantize(places).normalize()
        if self.shown == DOLLARS and exact != exact.to_integral_value():
            exact = exact.quantize(min(Decimal("0.01"), Decimal(1).scaleb(_exponent(exact))))
        return self.shown.format(f"{exact:,f}").replace("$-", "\N{MINUS SIGN}$")


def _exponent(value: Decimal) -> int:
    """Return the power of ten of the last digit of a finite number."""
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


BOUNDS: dict[str, Bounds] = {
    Metric.SUCCESS_RATE: Bounds(Decimal(0), HUNDRED, f"{{}}{SPACE}%"),
    Metric.APPROVAL_RATE: Bounds(Decimal(0), HUNDRED, f"{{}}{SPACE}%"),
    Metric.EXECUTION_TIME_S: Bounds(Decimal(0), Decimal(86_400), f"{{}}{SPACE}s"),
    Metric.COST_PER_SUCCESS_USD: Bounds(Decimal(0), Decimal(100_000), DOLLARS),
    Metric.RUNS_PER_DAY: Bounds(Decimal(0), Decimal(10_000_000), "{}"),
    Metric.NET_PROFIT_USD: Bounds(Decimal(-1_000_000_000), Decimal(1_000_000_000), DOLLARS),
    Metric.HOURS_SAVED: Bounds(Decimal(0), Decimal(1_000_000), f"{{}}{SPACE}h"),
}
SUGGESTED = (
    (Metric.SUCCESS_RATE, Operator.MORE, Decimal(95)),
    (Metric.APPROVAL_RATE, Operator.MORE, Decimal(90)),
    (Metric.EXECUTION_TIME_S, Operator.LESS, Decimal(60)),
    (Metric.COST_PER_SUCCESS_USD, Operator.LESS, Decimal("0.10")),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a metric is now: a value, or why there is none; `of` says what it rests on."""

    value: Decimal | None
    of: str


@dataclass(frozen=True, slots=True)
class Aim:
    """A criterion beside its reading."""

    criterion: Criterion
    state: State
    reading: Reading

    @property
    def target(self) -> str:
        """The aim in words: "more than 95 %"."""
        shown = BOUNDS[self.criterion.metric].show(self.criterion.number)
        return f"{self.criterion.get_operator_display()} {shown}"

    @property
    def title(self) -> str:
        """The metric without its unit."""
        return title_of(self.criterion.metric)

    @property
    def shown(self) -> str:
        """The measured value with its unit; a dash when there is none."""
        if self.reading.value is None:
            return "\N{EN DASH}"
        return BOUNDS[self.criterion.metric].show(self.reading.value)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A criterion that can be added with one click."""

    metric: str
    operator: str
    number: Decimal
    in_words: str


def title_of(metric: str) -> str:
    """Return a metric's name without its unit: "Success rate"."""
    return str(Metric(metric).label).rpartition(",")[0] or str(Metric(metric).label)


def aims_of(automation: Automation, *, now: datetime | None = None) -> list[Aim]:
    """Return the automation's own criteria, each with what was measured in the last 30 days."""
    wanted = list(automation.criteria.order_by("pk"))
    if not wanted:
        return []
    measure = Measure(Subject(automation, now or timezone.now()))
    read = {metric: measure.read(metric) for metric in {row.metric for row in wanted}}
    return [Aim(row, _state(row, read[row.metric]), read[row.metric]) for row in wanted]


def _state(row: Criterion, reading: Reading) -> State:
    if reading.value is None:
        return State.NOT_MEASURED
    reached = COMPARE[row.operator](reading.value, row.number)
    return State.MET if reached else State.NOT_MET


class Measure:
    """Reads the metrics of one automation; what several need is asked once."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.runs: list[EndedRun] = runs.since(subject.proving, subject.days_ago(WINDOW_DAYS))
        self.succeeded = [run for run in self.runs if run.succeeded]

    def read(self, metric: str) -> Reading:
        """Return what a metric is now."""
        return READERS[metric](self)

    def success_rate(self) -> Reading:
        if not self.runs:
            return Reading(None, "no run has ended")
        of = f"{len(self.succeeded):,} of {len(self.runs):,} runs"
        return Reading(HUNDRED * len(self.succeeded) / len(self.runs), of)

    def approval_rate(self) -> Reading:
        pk, since = self.subject.automation.pk, self.subject.days_ago(WINDOW_DAYS)
        approval = approvals_of([pk], since=since)[pk]
        if approval.share is None:
            return Reading(None, "no output was reviewed")
        return Reading(HUNDRED * approval.useful / approval.reviewed, approval.in_words)

    def execution_time_s(self) -> Reading:
        times = [r.execution_time_ms for r in self.succeeded if r.execution_time_ms is not None]
        if not times:
            return Reading(None, "no run has succeeded")
        return Reading(Decimal(median(times)) / 1000, f"median of {len(times):,} successes")

    def cost_per_success_usd(self) -> Reading:
        priced = [run.cost_usd for run in self.runs if run.cost_usd is not None]
        if not self.succeeded or not priced:
            return Reading(None, "no run with a known price has succeeded")
        unknown = len(self.runs) - len(priced)
        of = f"{len(self.succeeded):,} successes" + (f", {unknown:,} unpriced" if unknown else "")
        return Reading(sum(priced, Decimal(0)) / len(self.succeeded), of)

    def runs_per_day(self) -> Reading:
        """Count over the window, over the automation's age, or over what the runs read span."""
        if not self.runs:
            return Reading(None, "no run has ended")
        begin = max(self.subject.days_ago(WINDOW_DAYS), self.subject.automation.created_at)
        if len(self.subject.ended) >= runs.MOST:
            begin = max(begin, self.runs[-1].completed_at)
        days = max(Decimal(1), Decimal((self.subject.now - begin) / timedelta(days=1)))
        of = f"{len(self.runs):,} runs in {days.quantize(Decimal('0.1')).normalize():f} days"
        return Reading(len(self.runs) / days, of)

    def net_profit_usd(self) -> Reading:
        automation, end = self.subject.automation, self.subject.today
        start = end - timedelta(days=WINDOW_DAYS - 1)
        money = profit.money_of([automation], start=start, end=end)[automation.pk]
        if money.is_sample or money.net_usd is None:
            return Reading(None, "no profit is recorded")
        return Reading(money.net_usd, "")

    def hours_saved(self) -> Reading:
        end = self.subject.today
        start = end - timedelta(days=WINDOW_DAYS - 1)
        periods = ProfitPeriod.objects.filter(
            automation=self.subject.automation,
            is_sample=False,
            hours_saved__isnull=False,
            starts_on__lte=end,
            ends_on__gte=start,
        )
        saved = [(row.hours_saved or 0) * row.share_within(start, end) for row in periods]
        if not saved:
            return Reading(None, "no saved hours are recorded")
        return Reading(sum(saved, Decimal(0)), f"{len(saved)} period{'s' * (len(saved) > 1)}")


READERS: dict[str, Callable[[Measure], Reading]] = {
    Metric.SUCCESS_RATE: Measure.success_rate,
    Metric.APPROVAL_RATE: Measure.approval_rate,
    Metric.EXECUTION_TIME_S: Measure.execution_time_s,
    Metric.COST_PER_SUCCESS_USD: Measure.cost_per_success_usd,
    Metric.RUNS_PER_DAY: Measure.runs_per_day,
    Metric.NET_PROFIT_USD: Measure.net_profit_usd,
    Metric.HOURS_SAVED: Measure.hours_saved,
}


# --- what can be aimed at ------------------------------------------------------------------


def fault_of(metric: str, op: str, number: Decimal) -> str:
    """Return why a number can never be reached, or is no aim at all; '' when it is one."""
    bounds = BOUNDS[metric]
    if not bounds.low <= number <= bounds.high:
        return f"Choose a number from {bounds.show(bounds.low)} to {bounds.show(bounds.high)}."
    beyond = bounds.high if op == Operator.MORE else bounds.low if op == Operator.LESS else None
    if number == beyond:
        return f"{Operator(op).label.capitalize()} {bounds.show(number)} can never be reached."
    return ""


def contradictions(criteria: Sequence[Criterion]) -> list[str]:
    """Return a sentence for each two criteria that no value can meet together."""
    floors = [row for row in criteria if row.operator in FLOORS]
    ceilings = [row for row in criteria if row.operator not in FLOORS]
    return [
        f"“{low}” and “{high}” cannot both be met; change or remove one."
        for low in floors
        for high in ceilings
        if low.metric == high.metric and _apart(low, high)
    ]


def _apart(low: Criterion, high: Criterion) -> bool:
    strict = low.operator == Operator.MORE or high.operator == Operator.LESS
    return low.number > high.number or (low.number == high.number and strict)


def suggestions(criteria: Sequence[Criterion]) -> list[Suggestion]:
    """Return the usual criteria on metrics for which there is none yet."""
    taken = {row.metric for row in criteria}
    return [
        Suggestion(metric, op, number, _in_words(metric, op, number))
        for metric, op, number in SUGGESTED
        if metric not in taken
    ]


def _in_words(metric: str, op: str, number: Decimal) -> str:
    return f"{title_of(metric)} {Operator(op).label} {BOUNDS[metric].show(number)}"

"""The figures of a month for many automations, ready to be frozen as JSON. Constant queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum
from django.utils import timezone

from automations.models import Automation, Run
from lifecycle import checklists, elput, profit
from lifecycle.amounts import cents
from lifecycle.elput import Formula
from lifecycle.models import Checklist, Decision, Scorecard, Team
from lifecycle.models.profit import installation_today
from lifecycle.profit import Money
from monitoring.models import Review
from monitoring.reviews import FOUND_USEFUL, counted
from monitoring.stats import wilson

BEYOND = 8  # the number of the phase after the last


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of one automation in one month; amounts in US dollars, as decimal texts.

    Stage, phase and what blocks are as they were when this was computed; the rest is the month's.
    `net` = `gross` - `period_model_cost` - `review_cost`, those of the recorded days; `model_cost`
    is that of the whole month, recorded or not.
    """

    stage: str
    phase: int
    phase_title: str
    satisfied: int
    blocker: str
    blocked_days: int
    owed_late: list[str]
    score: str | None = None
    published: str | None = None
    adjusted: str | None = None
    verdict: str = ""
    decided: str = ""
    overruled: str = ""
    gross: str | None = None
    net: str | None = None
    net_before: str | None = None
    trend: str | None = None
    period_model_cost: str | None = None
    model_cost: str = "0"
    review_cost: str | None = None
    unpriced: int = 0
    effort_hours: str = "0"
    runs: int = 0
    success: int = 0
    finished: int = 0
    useful: int = 0
    reviewed: int = 0
    approval_low: float | None = None
    approval_high: float | None = None
    is_sample: bool = False
    money_is_sample: bool = False
    computed_at: str = ""

    @property
    def has_money(self) -> bool:
        """Whether a net is known, of the month or of the one before."""
        return self.net is not None or self.net_before is not None

    @property
    def success_rate(self) -> float | None:
        return self.success / self.finished if self.finished else None

    @property
    def approval(self) -> float | None:
        return self.useful / self.reviewed if self.reviewed else None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The interval of the approval, 0 to 1."""
        if self.approval_low is None or self.approval_high is None:
            return None
        return self.approval_low, self.approval_high

    @property
    def verdict_words(self) -> str:
        return elput.VERDICTS[elput.Verdict(self.verdict)] if self.verdict else ""

    @property
    def formulas_differ(self) -> bool:
        """Whether the two formulas lead to different verdicts."""
        known = [Decimal(text) for text in (self.published, self.adjusted) if text]
        return len({elput.verdict_of(score) for score in known}) > 1

    def as_json(self) -> dict[str, Any]:
        """Return it for a JSON column; `thawed` reads it back."""
        return asdict(self)


def thawed(stored: dict[str, Any]) -> Figures:
    """Read figures back; what a later version added to them has its default."""
    known = {name: stored[name] for name in Figures.__dataclass_fields__ if name in stored}
    return Figures(**known)


def last_day(month: date) -> date:
    """Return the last day of the month that begins on `month`."""
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def month_before(month: date) -> date:
    """Return the first day of the month before."""
    return (month - timedelta(days=1)).replace(day=1)


def figures_of(automations: Sequence[Automation], month: date) -> dict[int, Figures]:
    """Return the figures of a month, a running one until today, by primary key."""
    before = month_before(month)
    until = min(last_day(month), installation_today())
    parts: tuple[dict[int, dict[str, Any]], ...] = (
        _progress(automations),
        _scores(automations, until),
        _money(
            profit.money_of(automations, start=month, end=until),
            profit.money_of(automations, start=before, end=last_day(before)),
        ),
        _runs(automations, month, until),
        _approvals(automations, month, until),
    )
    now = timezone.now().isoformat()
    return {a.pk: _joined([part.get(a.pk, {}) for part in parts], now) for a in automations}


def _joined(parts: Iterable[dict[str, Any]], now: str) -> Figures:
    values: dict[str, Any] = {"computed_at": now}
    is_sample = False
    for part in parts:
        is_sample = is_sample or part.get("is_sample", False)
        values |= part
    return Figures(**{**values, "is_sample": is_sample})


def _progress(automations: Iterable[Automation]) -> dict[int, dict[str, Any]]:
    found = Checklist.objects.filter(automation__in=automations).prefetch_related("boxes")
    known = {checklist.automation_id: checklist for checklist in found}
    team = Team.current()
    return {a.pk: _standing(a, known.get(a.pk), team) for a in automations}


def _standing(automation: Automation, checklist: Checklist | None, team: Team) -> dict[str, Any]:
    view = checklists.read(
        automation, checklist, checklist.boxes.all() if checklist else (), team=team
    )
    blocker = view.blocker
    since = (blocker.since if blocker else None) or view.phase_since
    return {
        "stage": automation.stage,
        "phase": view.current.phase.number if view.current else BEYOND,
        "phase_title": view.current.phase.title if view.current else "all seven done",
        "satisfied": view.satisfied,
        "blocker": blocker.box.title if blocker else "",
        "blocked_days": max(0, (timezone.now() - since).days) if blocker and since else 0,
        "owed_late": [owed.view.box.title for owed in view.owed if owed.is_late],
    }


def _scores(automations: Iterable[Automation], until: date) -> dict[int, dict[str, Any]]:
    """Return the scorecard that was current at the month's end, and what was decided on it."""
    keys = {automation.slug: automation.pk for automation in automations}
    slugs: Any = list(keys)
    current: dict[str, Scorecard] = {}
    for card in Scorecard.objects.filter(automation__in=slugs, date__lte=until).newest_first():
        current.setdefault(card.automation_id, card)
    decided: dict[int, Decision] = {}
    for decision in Decision.objects.filter(scorecard__in=current.values()).order_by("-pk"):
        decided.setdefault(decision.scorecard_id, decision)
    return {keys[slug]: _score(card, decided.get(card.pk)) for slug, card in current.items()}


def _score(card: Scorecard, decision: Decision | None) -> dict[str, Any]:
    return {
        "score": str(card.elput_score),
        "published": _by(card, Formula.PUBLISHED),
        "adjusted": _by(card, Formula.ADJUSTED),
        "verdict": card.verdict.value,
        "decided": decision.get_verdict_display() if decision else "",
        "overruled": decision.reason if decision and decision.overrules else "",
        "is_sample": card.is_sample,
    }


def _by(card: Scorecard, formula: Formula) -> str | None:
    """Return the score by one formula; None for a row whose weights are no weights."""
    try:
        return str(elput.score(card.values, card.weights, formula))
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None


def _money(now: dict[int, Money], before: dict[int, Money]) -> dict[int, dict[str, Any]]:
    return {pk: _amounts(money, before[pk]) for pk, money in now.items()}


def _amounts(money: Money, before: Money) -> dict[str, Any]:
    is_sample, net_before = money.is_sample or before.is_sample, _net(before)
    known = {
        "effort_hours": str(money.effort_hours),
        "net_before": None if net_before is None else str(net_before),
        "is_sample": is_sample,
        "money_is_sample": is_sample,
    }
    net = _net(money)
    if net is None:
        return known
    return {
        **known,
        "gross": str(cents(money.gross_usd)),
        "net": str(net),
        "trend": None if net_before is None else str(net - net_before),
        "period_model_cost": str(cents(money.model_cost_usd)),
        "review_cost": str(cents(money.review_cost_usd)),
    }


def _net(money: Money) -> Decimal | None:
    """Return the net of amounts in cents, so that it adds up with the numbers beside it."""
    if money.net_usd is None:
        return None
    costs = cents(money.model_cost_usd) + cents(money.review_cost_usd)
    return cents(money.gross_usd) - costs


def _runs(automations: Iterable[Automation], month: date, until: date) -> dict[int, dict[str, Any]]:
    """Count the runs that began in the month; the playground's only cost money."""
    begin, end = profit.moments(month, until)
    real = Q(is_simulated=False)
    rows = (
        Run.objects.filter(started_at__gte=begin, started_at__lt=end, fault="")
        .order_by()
        .values("automation_id", "is_sample")
        .annotate(
            runs=Count("pk", filter=real),
            success=Count("pk", filter=real & Q(status=Run.Status.SUCCESS)),
            failed=Count("pk", filter=real & Q(status=Run.Status.FAILED)),
            cost=Sum("cost_usd"),
            unpriced=Count("pk", filter=Q(calls__gt=0, cost_usd=None, status__in=Run.FINAL)),
        )
    )
    keys = {automation.slug: automation.pk for automation in automations}
    return _real_first(rows, lambda row: keys.get(row["automation_id"]), _run_counts, "runs")


def _run_counts(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "runs": row["runs"],
        "success": row["success"],
        "finished": row["success"] + row["failed"],
        "model_cost": str((row["cost"] or profit.NOTHING).quantize(profit.MICRO)),
        "unpriced": row["unpriced"],
        "is_sample": row["is_sample"],
    }


def _approvals(
    automations: Iterable[Automation], month: date, until: date
) -> dict[int, dict[str, Any]]:
    begin, end = profit.moments(month, until)
    given = Review.objects.filter(automation__in=automations, at__gte=begin, at__lt=end)
    rows = (
        counted(given, until=end)
        .order_by()
        .values("automation_id", "is_sample")
        .annotate(useful=Count("pk", filter=FOUND_USEFUL), reviewed=Count("pk"))
    )
    return _real_first(rows, lambda row: row["automation_id"], _approval, "reviewed")


def _approval(row: dict[str, Any]) -> dict[str, Any]:
    low, high = wilson(row["useful"], row["reviewed"])
    return {
        "useful": row["useful"],
        "reviewed": row["reviewed"],
        "approval_low": low,
        "approval_high": high,
        "is_sample": row["is_sample"],
    }


def _real_first(
    rows: Iterable[Any],
    key_of: Callable[[dict[str, Any]], int | None],
    said: Callable[[dict[str, Any]], dict[str, Any]],
    count: str,
) -> dict[int, dict[str, Any]]:
    """Return what real rows say by automation; sample rows only where there are no real ones.

    Rows that count nothing under `count`, such as mere tries, hide no sample rows that do.
    """
    best_last = sorted(rows, key=lambda row: (row[count] > 0, not row["is_sample"]))
    return {key: said(row) for row in best_last if (key := key_of(row)) is not None}

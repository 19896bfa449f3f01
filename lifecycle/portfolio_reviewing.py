"""The monthly review: which month is due, who is in it, what became of the last decisions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from automations.models import Automation, Run
from lifecycle.amounts import rate, usd
from lifecycle.models import (
    Decision,
    PortfolioDecision,
    PortfolioReview,
    ProfitPeriod,
    Promotion,
    Scorecard,
)
from lifecycle.models.profit import installation_today
from lifecycle.portfolio_figures import Figures, last_day, month_before, thawed
from lifecycle.profit import moments

Choice = PortfolioDecision.Decision
MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")
OFFERED = 12
BY, CLOSED_BY = "by", "closed_by"  # names kept in the figures of a row
TO = "\N{RIGHTWARDS ARROW}"


def month_of(text: str) -> date | None:
    """Return the first day of the month written as 2026-11; None for anything else."""
    found = MONTH.fullmatch(text)
    return date(int(found[1]), int(found[2]), 1) if found else None


def this_month() -> date:
    """Return the first day of the running month, in the installation's time zone."""
    return installation_today().replace(day=1)


def review_due(now: datetime) -> date | None:
    """Return the newest month that has ended and whose review is not closed; None if none is due.

    A month in which there was nothing but ideas is never due. At most two queries.
    """
    today = timezone.localdate(now, timezone=timezone.get_default_timezone())
    month = month_before(today.replace(day=1))
    if PortfolioReview.objects.filter(month=month, closed_at__isnull=False).exists():
        return None
    _, end = moments(month, last_day(month))
    there = Automation.objects.filter(created_at__lt=end).exclude(stage=Automation.Stage.IDEA)
    return month if there.exclude(stage=Automation.Stage.RETIRED).exists() else None


def months_to_open() -> list[date]:
    """Return the last months, the running one first, that have no review yet."""
    months = [this_month()]
    while len(months) < OFFERED:
        months.append(month_before(months[-1]))
    known = PortfolioReview.objects.filter(month__in=months).values_list("month", flat=True)
    return [month for month in months if month not in set(known)]


def candidates(month: date) -> list[Automation]:
    """Return the automations that the review of a month is about, by name.

    Prototypes and production that were there; an idea when it has a scorecard on which nobody
    decided to skip; any that ran, brought something or was retired in the month; and those of
    which the review before decided something, so that its outcome is told.
    """
    begin, end = moments(month, last_day(month))
    ran = Run.objects.filter(
        automation_id=OuterRef("slug"), started_at__gte=begin, started_at__lt=end,
        is_simulated=False,
    )  # fmt: skip
    earned = ProfitPeriod.objects.filter(
        automation=OuterRef("pk"), starts_on__lte=last_day(month), ends_on__gte=month
    )
    retired = Promotion.objects.filter(
        automation=OuterRef("pk"), to_stage=Automation.Stage.RETIRED,
        decided_at__gte=begin, decided_at__lt=end,
    )  # fmt: skip
    previous = previous_review(month)
    decided = PortfolioDecision.objects.filter(review=previous, automation=OuterRef("pk"))
    at_work = Q(
        stage__in=(Automation.Stage.PROTOTYPE, Automation.Stage.PRODUCTION), created_at__lt=end
    )
    wanted = at_work | Exists(earned) | Exists(retired) | Exists(decided) | _is_live_idea(month)
    known = Automation.objects.defer("input_schema").annotate(
        last_verdict=Coalesce(Subquery(_last_verdict()), Value(""))
    )
    # Runs are asked for last: only automations that nothing else brings in need a look at them.
    found = {a.pk: a for a in known.filter(wanted)}
    found |= {a.pk: a for a in known.exclude(pk__in=found).filter(Exists(ran))}
    return sorted(found.values(), key=lambda automation: automation.name.lower())


def _is_live_idea(month: date) -> Q:
    cards = Scorecard.objects.filter(automation=OuterRef("slug"), date__lte=last_day(month))
    skipped = Q(last_verdict=Decision.Verdict.SKIP)
    return Q(stage=Automation.Stage.IDEA) & Exists(cards) & ~skipped


def _last_verdict() -> QuerySet[Decision, str]:
    decisions = Decision.objects.filter(scorecard__automation=OuterRef("slug"))
    return decisions.order_by("-pk").values_list("verdict", flat=True)[:1]


def previous_review(month: date) -> PortfolioReview | None:
    """Return the newest closed review before a month."""
    closed = PortfolioReview.objects.filter(month__lt=month, closed_at__isnull=False)
    return closed.order_by("-month").first()


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of an earlier decision; `tone` is ok, bad or off."""

    month: str
    choice: str
    label: str
    says: str
    tone: str

    def as_json(self) -> dict[str, str]:
        """Return it for the figures of the row that tells it."""
        return asdict(self)


def follow_up(
    month: date, figures: dict[int, Figures], automations: Iterable[Automation]
) -> dict[int, Followed]:
    """Return what became of each decision of the review before, by automation."""
    previous = previous_review(month)
    if previous is None:
        return {}
    retired_at = _retirements(automations)
    return {
        row.automation_id: _followed(row, previous, now, retired_at.get(row.automation_id))
        for row in previous.decisions.all()
        for now in [figures.get(row.automation_id)]
        if now is not None
    }


def _retirements(automations: Iterable[Automation]) -> dict[int, datetime]:
    moves = Promotion.objects.filter(
        automation__in=[automation.pk for automation in automations],
        to_stage=Automation.Stage.RETIRED, state=Promotion.State.DONE,
    )  # fmt: skip
    return dict(moves.order_by().values_list("automation").annotate(at=Max("decided_at")))


def _followed(
    row: PortfolioDecision, previous: PortfolioReview, now: Figures, retired_at: datetime | None
) -> Followed:
    before = thawed(row.figures)
    if row.decision == Choice.KILL:
        says, tone = _after_kill(row, now, retired_at)
    elif row.decision == Choice.FIX:
        says, tone = _after_fix(before, now)
    else:
        says, tone = _after_money(before, now)
    label = row.get_decision_display()
    return Followed(f"{previous.month:%Y-%m}", row.decision, label, says, tone)


def _after_kill(
    row: PortfolioDecision, now: Figures, retired_at: datetime | None
) -> tuple[str, str]:
    if now.stage == Automation.Stage.RETIRED:
        on = f" on {timezone.localtime(retired_at):%Y-%m-%d}" if retired_at else ""
        return f"Retired{on}.", "ok"
    days = (timezone.now() - row.decided_at).days if row.decided_at else 0
    return f"Not retired {days} day{'' if days == 1 else 's'} after the decision.", "bad"


def _after_fix(before: Figures, now: Figures) -> tuple[str, str]:
    pairs = [
        ("success", before.success_rate, now.success_rate),
        ("approval", before.approval, now.approval),
    ]
    known = [(name, old, new) for name, old, new in pairs if old is not None and new is not None]
    if not known:
        return _after_money(before, now)
    says = "; ".join(f"{name} {rate(old)} {TO} {rate(new)}" for name, old, new in known)
    changes = [new - old for _, old, new in known]
    worst = min(changes)
    return f"{says[0].upper()}{says[1:]}.", _tone(worst if worst < 0 else max(changes))


def _after_money(before: Figures, now: Figures) -> tuple[str, str]:
    if before.net is None and now.net is None:
        return "No profit is recorded, before or since.", "off"
    if before.net is None or now.net is None:
        return f"Net {usd(before.net)} {TO} {usd(now.net)}.", "off"
    change = Decimal(now.net) - Decimal(before.net)
    return f"Net {usd(before.net)} {TO} {usd(now.net)}.", _tone(change)


def _tone(change: float | Decimal) -> str:
    return "ok" if change > 0 else "bad" if change < 0 else "off"


@dataclass(frozen=True, slots=True)
class Entry:
    """One automation on the page of a review."""

    row: PortfolioDecision
    figures: Figures
    followed: Followed | None

    @property
    def by(self) -> str:
        """Who decided: as noted when it was decided, since a person's account may be gone."""
        return self.row.figures.get(BY) or str(self.row.decided_by or "")

    @property
    def is_against(self) -> bool:
        """Whether a person decided against the suggestion."""
        return bool(self.row.decision) and self.row.decision != self.row.suggested


def entries_of(review: PortfolioReview) -> list[Entry]:
    """Return what a review's page shows, from what was stored when it was computed."""
    rows = review.decisions.select_related("automation", "decided_by").order_by("automation__name")
    return [_entry(row) for row in rows]


def closed_by(review: PortfolioReview, entries: Iterable[Entry]) -> str:
    """Return who closed a review, as noted when it was closed; '' when nobody knows."""
    noted = (entry.row.figures.get(CLOSED_BY) for entry in entries)
    return next(filter(None, noted), str(review.closed_by or ""))


def _entry(row: PortfolioDecision) -> Entry:
    stored = row.figures.get("followed")
    return Entry(row, thawed(row.figures), Followed(**stored) if stored else None)


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums over a review; None when nothing is recorded."""

    net: Decimal | None
    net_before: Decimal | None
    decided: int
    count: int
    is_sample: bool

    @property
    def trend(self) -> Decimal | None:
        if self.net is None or self.net_before is None:
            return None
        return self.net - self.net_before


def totals_of(entries: Sequence[Entry]) -> Totals:
    """Return the sums of what is known; what samples brought only where there is nothing else."""
    earned = [entry.figures for entry in entries if entry.figures.has_money]
    counted = [figures for figures in earned if not figures.money_is_sample] or earned
    return Totals(
        _sum(figures.net for figures in counted),
        _sum(figures.net_before for figures in counted),
        sum(bool(entry.row.decision) for entry in entries),
        len(entries),
        any(figures.money_is_sample for figures in counted),
    )


def _sum(amounts: Iterable[str | None]) -> Decimal | None:
    known = [Decimal(amount) for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None

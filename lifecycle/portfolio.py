"""The portfolio: every automation with its phase, score, health, approval, cost and profit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from automations.models import Automation
from lifecycle import checklists, elput, phases, scorecards
from lifecycle.checklists import ChecklistView, PhaseView
from lifecycle.health import NO_RUNS, NOTHING_SPENT, Health, Spent, health_of, spent_since
from lifecycle.models import BoxState, Checklist, Decision, Scorecard, Team
from lifecycle.profit import Money, money_of
from lifecycle.scorecard_history import newest_of_each, with_decisions
from lifecycle.scorecards import Outcome
from monitoring.reviews import Approval, judged_of

APPROVAL_PERCENT = 90
REVIEWED_WITHIN = timedelta(days=90)
DONE = len(phases.PHASES) + 1
BEYOND = "All seven"


@dataclass(frozen=True, slots=True)
class Row:
    """One automation among the others; light enough for hundreds of them."""

    automation: Automation
    checklist: Checklist | None
    scorecard: Scorecard | None
    outcome: Outcome | None
    money: Money
    spent: Spent
    health: Health
    approval: Approval
    now: datetime

    @property
    def phase(self) -> int:
        """The phase that is worked on; 8 when all may be left."""
        return self.checklist.phase if self.checklist else 1

    @property
    def phase_title(self) -> str:
        return phases.PHASES[self.phase - 1].short if self.phase < DONE else BEYOND

    @property
    def days_in_phase(self) -> int:
        since = self.checklist.phase_since if self.checklist else self.automation.created_at
        return max(0, (self.now - since).days)

    @property
    def is_stuck(self) -> bool:
        """Whether it has worked on one phase for 14 days or more."""
        waits = self.automation.stage != Automation.Stage.RETIRED and self.phase < DONE
        return waits and self.days_in_phase >= checklists.STUCK_DAYS

    @property
    def age_days(self) -> int:
        return max(0, (self.now - self.automation.created_at).days)

    @property
    def verdict(self) -> str:
        """The band of the stored score; "" without a scorecard."""
        return self.scorecard.verdict.value if self.scorecard else ""

    @property
    def decided(self) -> str:
        """The newest decision on that scorecard; "" where there is none."""
        return getattr(self.scorecard, "decided", None) or ""

    @property
    def is_overruled(self) -> bool:
        """Whether people decided otherwise than the score says; a low one says simplify too."""
        is_low = self.verdict == elput.Verdict.SKIP
        agreeing = ("", self.verdict, Decision.Verdict.SIMPLIFY if is_low else "")
        return self.decided not in agreeing

    @property
    def approval_percent(self) -> int | None:
        """Approved of those reviewed in whole per cent, rounded down."""
        reviewed = self.approval.reviewed
        return self.approval.useful * 100 // reviewed if reviewed else None

    @property
    def approval_reaches_target(self) -> bool:
        return self.approval.useful * 100 > APPROVAL_PERCENT * self.approval.reviewed

    @property
    def has_samples(self) -> bool:
        return self.money.is_sample or self.health.has_samples


@dataclass(frozen=True, slots=True)
class Circle:
    """One phase on a small track: "done", "current" or "ahead"."""

    number: int
    title: str
    state: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row as a page shows it: with how its boxes stand."""

    row: Row
    view: ChecklistView

    @property
    def circles(self) -> list[Circle]:
        return [
            Circle(shown.phase.number, shown.phase.short, _state(shown))
            for shown in self.view.phases
        ]

    @property
    def in_words(self) -> str:
        """Say how far it is: "Phase 3 of 7, Reliability: 2 of 5 boxes"."""
        now = self.view.current
        if now is None:
            return f"All seven phases may be left: {self.view.satisfied} of {self.view.total} boxes"
        counted = f"{now.satisfied} of {len(now.boxes)} boxes"
        return f"Phase {now.phase.number} of {len(phases.PHASES)}, {now.phase.short}: {counted}"


def _state(shown: PhaseView) -> str:
    if shown.is_current:
        return "current"
    return "done" if shown.may_be_left else "ahead"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many automations work on one phase; the eighth is that all may be left."""

    number: int
    title: str
    count: int

    @property
    def key(self) -> str:
        """Its value in an address."""
        return str(self.number)

    @property
    def is_shown(self) -> bool:
        return self.count > 0 or self.number < DONE


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole in figures; `net_usd` and `cost_usd` are None where nothing is recorded."""

    automations: int
    by_phase: tuple[Tally, ...]
    stuck: int
    net_usd: Decimal | None
    net_of: int
    net_is_at_most: bool
    net_is_sample: bool
    cost_usd: Decimal | None
    cost_is_at_least: bool
    has_samples: bool

    @property
    def cost_is_unknown(self) -> bool:
        """Whether runs cost something, and of none the price is known."""
        return self.cost_is_at_least and not self.cost_usd

    @property
    def most(self) -> int:
        return max(tally.count for tally in self.by_phase) or 1


def rows_of(automations: Iterable[Automation], *, now: datetime | None = None) -> list[Row]:
    """Return a row per automation, in their order; six queries for any number of them.

    The automations come from `listed()`. Money and cost are those of the month so far.
    """
    now, found = now or timezone.now(), list(automations)
    today = timezone.localdate(now)
    first = today.replace(day=1)
    began = timezone.localtime(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    cards = {card.automation_id: card for card in newest_of_each().order_by()}
    health = health_of([automation.slug for automation in found])
    keys, since = [automation.pk for automation in found], now - REVIEWED_WITHIN
    approvals = judged_of(keys, since=since)
    money, spent = money_of(found, start=first, end=today), spent_since(began)
    return [
        Row(
            automation=automation,
            checklist=getattr(automation, "progress", None),
            scorecard=(card := cards.get(automation.slug)),
            outcome=_outcome(card),
            money=money[automation.pk],
            spent=spent.get(automation.slug, NOTHING_SPENT),
            health=health.get(automation.slug, NO_RUNS),
            approval=approvals[automation.pk],
            now=now,
        )
        for automation in found
    ]


def listed(slugs: Iterable[str] | None = None) -> list[Automation]:
    """Return automations with owner and progress by name, all or those named; one query."""
    found = Automation.objects.select_related("owner", "progress").defer("input_schema")
    if slugs is not None:
        found = found.filter(slug__in=list(slugs))
    return list(found.order_by("name", "pk"))


def row_of(automation: Automation) -> Row:
    """Return the row of one automation, its cost left out; five queries."""
    now = timezone.now()
    today = timezone.localdate(now)
    card = with_decisions(Scorecard.objects.filter(automation=automation)).newest_first().first()
    key, since = automation.pk, now - REVIEWED_WITHIN
    return Row(
        automation=automation,
        checklist=None,
        scorecard=card,
        outcome=_outcome(card),
        money=money_of([automation], start=today.replace(day=1), end=today)[key],
        spent=NOTHING_SPENT,
        health=health_of([automation.slug]).get(automation.slug, NO_RUNS),
        approval=judged_of([key], since=since)[key],
        now=now,
    )


def _outcome(card: Scorecard | None) -> Outcome | None:
    """Return what both formulas say; None where another program stored weights of its own."""
    if card is None:
        return None
    try:
        return scorecards.outcome(card.values, card.weights, card.formula)
    except ValueError:
        return None


def lines_of(rows: Sequence[Row], *, team: Team | None = None) -> list[Line]:
    """Return rows with their checklists as they are stored; two queries for any number."""
    team = team or Team.current()
    boxes = boxes_of([row.checklist.pk for row in rows if row.checklist])
    return [Line(row, _view(row, boxes, team)) for row in rows]


def boxes_of(checklist_ids: Iterable[int]) -> dict[int, list[BoxState]]:
    """Return the boxes of several checklists, by the checklist's key; one query."""
    found: dict[int, list[BoxState]] = defaultdict(list)
    for box in BoxState.objects.filter(checklist_id__in=list(checklist_ids)):
        found[box.checklist_id].append(box)
    return found


def _view(row: Row, boxes: dict[int, list[BoxState]], team: Team) -> ChecklistView:
    own = boxes[row.checklist.pk] if row.checklist else []
    return checklists.read(row.automation, row.checklist, own, team=team)


def totals_of(rows: Sequence[Row]) -> Totals:
    """Return the figures of the whole portfolio; retired automations are in no phase."""
    active = [row for row in rows if row.automation.stage != Automation.Stage.RETIRED]
    counts = Counter(row.phase for row in active)
    nets = _real_first(row.money for row in rows if row.money.net_usd is not None)
    costs = [row.spent for row in rows if row.spent.cost_usd is not None]
    return Totals(
        automations=len(active),
        by_phase=tuple(_tallies(counts)),
        stuck=sum(row.is_stuck for row in rows),
        net_usd=sum((m.net_usd or Decimal(0) for m in nets), Decimal(0)) if nets else None,
        net_of=len(nets),
        net_is_sample=any(money.is_sample for money in nets),
        net_is_at_most=any(money.unpriced_runs for money in nets),
        cost_usd=sum((s.cost_usd or Decimal(0) for s in costs), Decimal(0)) if costs else None,
        cost_is_at_least=any(row.spent.is_at_least for row in rows),
        has_samples=any(row.has_samples for row in rows),
    )


def _real_first(known: Iterable[Money]) -> list[Money]:
    """Leave the real money; what samples brought only where there is no other."""
    found = list(known)
    return [money for money in found if not money.is_sample] or found


def _tallies(counts: Counter[int]) -> Iterable[Tally]:
    for phase in phases.PHASES:
        yield Tally(phase.number, phase.short, counts[phase.number])
    yield Tally(DONE, BEYOND, counts[DONE])

"""A checklist as pages, the command and the API show it: small frozen objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from automations.models import Automation
from lifecycle import evaluating, phases
from lifecycle.evidence.base import Link
from lifecycle.models import BoxState, Checklist, Team
from lifecycle.phases import Box, Phase, State

FRESH_FOR = timedelta(seconds=5)
STUCK_DAYS = 14  # without a change of phase


@dataclass(frozen=True, slots=True)
class BoxView:
    """One box: how it stands, why, on which rows, what to do next, since when."""

    box: Box
    state: State
    why: str
    rows: tuple[Link, ...]
    step: Link | None
    since: datetime | None

    @property
    def is_satisfied(self) -> bool:
        return self.state in phases.SATISFIED

    @property
    def is_later(self) -> bool:
        """Whether nobody can do anything about it: what would measure it is not there yet."""
        return self.state == State.NOT_MEASURED and self.step is None


@dataclass(frozen=True, slots=True)
class Owed:
    """A box that is missing in a phase that was left, and by when it is to be paid."""

    view: BoxView
    due_on: date
    is_late: bool


@dataclass(frozen=True, slots=True)
class PhaseView:
    """One phase; `owed` are its missing boxes when it may be left all the same.

    What nobody can do anything about is not owed: it has no day.
    """

    phase: Phase
    boxes: tuple[BoxView, ...]
    may_be_left: bool
    is_current: bool
    owed: tuple[Owed, ...]

    @property
    def satisfied(self) -> int:
        return sum(view.is_satisfied for view in self.boxes)

    @property
    def missing_must(self) -> list[BoxView]:
        return [view for view in self.boxes if view.box.must and not view.is_satisfied]

    @property
    def lacking(self) -> int:
        """How many boxes more it takes at least to leave it, by share and musts."""
        if self.may_be_left:
            return 0
        asked = -(-len(self.boxes) * phases.SHARE_TO_LEAVE // 100)
        return max(asked - self.satisfied, len(self.missing_must))

    @property
    def percent(self) -> int:
        return self.satisfied * 100 // len(self.boxes)

    @property
    def later(self) -> list[BoxView]:
        return [view for view in self.boxes if view.is_later]

    @property
    def needs_all(self) -> bool:
        """Whether it can be left only with every box that somebody can do something about."""
        asked = phases.SHARE_TO_LEAVE * len(self.boxes)
        reachable = (len(self.boxes) - len(self.later)) * 100
        return reachable - 100 < asked <= reachable

    @property
    def is_whole(self) -> bool:
        return self.satisfied == len(self.boxes)

    @property
    def is_late(self) -> bool:
        return any(owed.is_late for owed in self.owed)


@dataclass(frozen=True, slots=True)
class ChecklistView:
    """The whole: `blocker` is the box in the way, `next_step` the one primary thing to do."""

    automation: Automation
    phases: tuple[PhaseView, ...]
    current: PhaseView | None
    phase_since: datetime | None
    evaluated_at: datetime | None
    blocker: BoxView | None
    next_step: Link | None

    @property
    def boxes(self) -> list[BoxView]:
        return [view for phase in self.phases for view in phase.boxes]

    @property
    def satisfied(self) -> int:
        return sum(phase.satisfied for phase in self.phases)

    @property
    def total(self) -> int:
        return len(phases.BOXES)

    @property
    def stuck_days(self) -> int:
        """Whole days since the current phase began."""
        began = self.phase_since
        return (timezone.now() - began).days if began and self.current else 0

    @property
    def is_stuck(self) -> bool:
        return self.stuck_days >= STUCK_DAYS

    @property
    def owed(self) -> list[Owed]:
        """What is missing in the phases before the current one, and can be paid."""
        return [owed for view in self._passed for owed in view.owed]

    @property
    def later(self) -> list[BoxView]:
        """What is missing there and nobody can do anything about."""
        return [shown for view in self._passed for shown in view.later]

    @property
    def _passed(self) -> list[PhaseView]:
        reached = self.current.phase.number if self.current else len(self.phases) + 1
        return [view for view in self.phases if view.phase.number < reached]


def current(automation: Automation) -> ChecklistView:
    """Return the checklist as it stands now; it is looked at anew if anything has happened."""
    now = timezone.now()
    checklist = Checklist.objects.filter(automation=automation).first()
    if checklist is None or _is_stale(checklist, now):
        checklist = evaluating.evaluate(automation, now=now)
    return read(automation, checklist)


def _is_stale(checklist: Checklist, now: datetime) -> bool:
    if checklist.evaluated_at is None or checklist.due_at <= now:
        return True
    soon = checklist.due_at <= now + Checklist.AFTER_RUNS
    return soon and checklist.evaluated_at < now - FRESH_FOR


def read(
    automation: Automation,
    checklist: Checklist | None,
    rows: Iterable[BoxState] | None = None,
    *,
    team: Team | None = None,
) -> ChecklistView:
    """Return the checklist as it is stored; boxes that nobody has looked at are not measured."""
    if rows is None:
        rows = checklist.boxes.all() if checklist else ()
    views = _views({row.number: row for row in rows})
    satisfied = [number for number, view in views.items() if view.is_satisfied]
    at = phases.current_phase(satisfied)
    days = (team or Team.current()).owed_days
    left = checklist.left if checklist else {}
    shown = tuple(_phase(phase, views, at=at, left=left, days=days) for phase in phases.PHASES)
    working = next((view for view in shown if view.is_current), None)
    blocker = _blocker(working) if working else None
    return ChecklistView(
        automation=automation,
        phases=shown,
        current=working,
        phase_since=checklist.phase_since if checklist else None,
        evaluated_at=checklist.evaluated_at if checklist else None,
        blocker=blocker,
        next_step=_next_step(automation, at, _to_do(working) if working else _most_owed(shown)),
    )


def _views(rows: dict[int, BoxState]) -> dict[int, BoxView]:
    return {number: _view(box, rows.get(number)) for number, box in phases.BOXES.items()}


def _view(box: Box, row: BoxState | None) -> BoxView:
    if row is None:
        why = "Not measured: nobody has looked yet."
        return BoxView(box, State.NOT_MEASURED, why, (), None, None)
    links = tuple(Link(label, url) for label, url in row.rows)
    step = Link(row.step, row.step_url) if row.step else None
    return BoxView(box, State(row.state), row.why, links, step, row.since)


def _phase(
    phase: Phase, views: dict[int, BoxView], *, at: int, left: dict[str, str], days: int
) -> PhaseView:
    boxes = tuple(views[box.number] for box in phase.boxes)
    may = phase.may_be_left([view.box.number for view in boxes if view.is_satisfied])
    owed: tuple[Owed, ...] = ()
    if may:
        stored = left.get(str(phase.number))
        since = datetime.fromisoformat(stored) if stored else timezone.now()
        due = timezone.localdate(since) + timedelta(days=days)
        late = due < timezone.localdate()
        missing = [view for view in boxes if not view.is_satisfied and not view.is_later]
        owed = tuple(Owed(view, due, late) for view in missing)
    return PhaseView(phase, boxes, may, phase.number == at, owed)


def _blocker(phase: PhaseView) -> BoxView | None:
    """Return the first must box that is missing, else the first box that is."""
    missing = [view for view in phase.boxes if not view.is_satisfied]
    return next(iter(phase.missing_must), None) or next(iter(missing), None)


def _to_do(phase: PhaseView) -> BoxView | None:
    """Return the first missing box that somebody can do something about, must boxes first."""
    missing = [view for view in phase.boxes if not view.is_satisfied]
    ordered = [*phase.missing_must, *missing]
    return next((view for view in ordered if view.step), None) or _blocker(phase)


def _most_owed(shown: Iterable[PhaseView]) -> BoxView | None:
    """Return the box that is owed first; nothing else is left to do when no phase is open."""
    owed = [one for phase in shown for one in phase.owed]
    return min(owed, key=lambda one: one.due_on).view if owed else None


def _next_step(automation: Automation, at: int, box: BoxView | None) -> Link | None:
    """Return the move that the phases allow, else what the box in the way, or owed, asks for."""
    stage = automation.stage
    moves = reverse("promotions", args=[automation.slug])
    if stage == Automation.Stage.IDEA and at > phases.LEAVES_IDEA:
        return Link("Move to prototype", moves)
    if stage == Automation.Stage.PROTOTYPE and at > phases.LEAVES_PROTOTYPE:
        return Link("Promote to production", moves)
    if stage == Automation.Stage.RETIRED or box is None:
        return None
    page = reverse("checklist", args=[automation.slug])
    return box.step or Link(f"Look at “{box.box.title}”", f"{page}#box-{box.box.number}")


def frozen(view: ChecklistView) -> dict[str, Any]:
    """Return the checklist as JSON, to be kept with a decision: stored history never changes."""
    return {
        "phase": view.current.phase.number if view.current else len(phases.PHASES) + 1,
        "satisfied": view.satisfied,
        "total": view.total,
        "evaluated_at": view.evaluated_at.isoformat() if view.evaluated_at else None,
        "boxes": [
            {"number": b.box.number, "title": b.box.title, "state": b.state.value, "why": b.why}
            for b in view.boxes
        ],
    }

"""The promotions pages: which moves there are and for whom, and what has become of the boxes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from automations import services as ground
from automations.errors import NotAllowed
from automations.models import Automation, Version
from lifecycle import promotions
from lifecycle.checklists import ChecklistView
from lifecycle.models import Promotion, Team
from lifecycle.phases import PHASE_OF, PHASES, State
from lifecycle.promotions import Gate

Person = AbstractBaseUser | AnonymousUser
Stage = Automation.Stage
WORKED_ON = {
    Stage.IDEA: "Phase 1",
    Stage.PROTOTYPE: "Phases 2 to 4",
    Stage.PRODUCTION: "Phases 5 to 7",
}


@dataclass(frozen=True, slots=True)
class Stop:
    """One stage on the track."""

    number: int
    label: str
    note: str
    is_current: bool
    is_done: bool


@dataclass(frozen=True, slots=True)
class Move:
    """One stage that an automation can be moved to, and what the checklist says of it."""

    stage: str
    gate: Gate
    is_forward: bool
    asks_second: bool
    may: bool

    @property
    def label(self) -> str:
        if self.stage == Stage.RETIRED:
            return "Retire"
        if self.stage == Stage.PRODUCTION:
            return "Promote to production"
        return f"Move {'' if self.is_forward else 'back '}to {self.stage}"


@dataclass(frozen=True, slots=True)
class WayBack:
    """Where a rollback leads; no `before`: there is none.

    `asks_second`: it has to wait for another approver; `is_guess`: nothing tells that `before` was
    ever live.
    """

    live: Version | None
    before: Version | None
    rehearsal: Promotion | None
    may: bool
    asks_second: bool
    is_guess: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """One box as it stood at a move and as it stands now."""

    number: int
    title: str
    then: str
    why_then: str
    now: str
    why_now: str

    @property
    def has_changed(self) -> bool:
        return self.then != self.now


@dataclass(frozen=True, slots=True)
class ComparedPhase:
    """The boxes of one phase, then and now."""

    title: str
    boxes: tuple[Compared, ...]

    @property
    def satisfied_then(self) -> int:
        return sum(box.then in (State.MET, State.EXEMPT) for box in self.boxes)


def track(automation: Automation) -> list[Stop]:
    """Return the three stages in order; a retired automation is at none of them."""
    at = promotions.TRACK.index(Stage(promotions.where_it_stands(automation)))
    retired = automation.stage == Stage.RETIRED
    return [
        Stop(
            number=place + 1,
            label=stage.label,
            note="retired from here" if retired and place == at else WORKED_ON[stage],
            is_current=place == at and not retired,
            is_done=place < at,
        )
        for place, stage in enumerate(promotions.TRACK)
    ]


def moves_of(automation: Automation, view: ChecklistView, user: Person) -> list[Move]:
    """Return the moves to all other stages, the next one of the track first."""
    team = Team.current()
    found = [
        _move(automation, stage, view, user, team)
        for stage in Stage.values
        if stage != automation.stage
    ]
    following = _next_stage(automation)
    return sorted(found, key=lambda move: move.stage != following)


def _next_stage(automation: Automation) -> str:
    """Return the stage that comes next: of a retired automation the one it was retired from."""
    stands = Stage(promotions.where_it_stands(automation))
    if automation.stage == Stage.RETIRED:
        return stands
    beyond = promotions.TRACK[promotions.TRACK.index(stands) + 1 :]
    return beyond[0] if beyond else ""


def _move(
    automation: Automation, stage: str, view: ChecklistView, user: Person, team: Team
) -> Move:
    wish = Promotion(automation=automation, kind=Promotion.Kind.STAGE, to_stage=stage)
    return Move(
        stage=stage,
        gate=promotions.gate_of(automation, stage, view),
        is_forward=promotions.is_forward(automation, stage),
        asks_second=promotions.waits_for_second(wish, team),
        may=_may(lambda: ground.require_move(automation, stage, by=user)),
    )


def next_of(automation: Automation, moves: Iterable[Move]) -> Move | None:
    """Return the move along the track; None in production."""
    following = _next_stage(automation)
    return next((move for move in moves if move.stage == following), None)


def way_back(automation: Automation, user: Person) -> WayBack:
    """Return where a rollback leads, and what the last rehearsal found."""
    rehearsals = Promotion.objects.filter(automation=automation, kind=Promotion.Kind.REHEARSAL)
    before = promotions.version_before(automation)
    wish = Promotion(automation=automation, kind=Promotion.Kind.ROLLBACK, to_version=before)
    return WayBack(
        live=automation.live_version,
        before=before,
        rehearsal=rehearsals.select_related("to_version", "from_version", "asked_by").first(),
        may=_may(lambda: ground.require_live(automation, by=user)),
        asks_second=promotions.waits_for_second(wish, Team.current()),
        is_guess=before is not None and not promotions.was_live(before),
    )


def _may(require: Any) -> bool:
    try:
        require()
    except NotAllowed:
        return False
    return True


def waiting_of(automation: Automation) -> Promotion | None:
    """Return the request that waits for a second person, if there is one."""
    related = ("asked_by", "from_version", "to_version")
    waiting = Promotion.objects.filter(automation=automation, state=Promotion.State.WAITING)
    return waiting.select_related(*related).first()


def may_decide(promotion: Promotion, user: Person) -> bool:
    """Tell whether this person may grant or decline a request."""
    own = promotion.asked_by_id == user.pk and Team.current().second_person
    return not own and all(
        user.has_perm(right)  # type: ignore[union-attr]
        for right in ("lifecycle.change_promotion", promotions.RIGHT)
    )


def compared(promotion: Promotion, view: ChecklistView) -> list[ComparedPhase]:
    """Return the boxes as they were kept with a move beside today's, by phase; [] if none were."""
    today = {box.box.number: box for box in view.boxes}
    kept = [box for box in promotion.checklist.get("boxes", []) if box.get("number") in today]
    pairs = [_compared(box, today[box["number"]]) for box in kept]
    pairs.sort(key=lambda box: box.number)
    titles = {phase.number: f"{phase.number}. {phase.title}" for phase in PHASES}
    groups = groupby(pairs, key=lambda box: PHASE_OF[box.number].number)
    return [ComparedPhase(titles[number], tuple(boxes)) for number, boxes in groups]


def _compared(kept: dict[str, Any], now: Any) -> Compared:
    return Compared(
        number=kept["number"],
        title=kept.get("title", now.box.title),
        then=kept.get("state", ""),
        why_then=kept.get("why", ""),
        now=now.state.value,
        why_now=now.why,
    )

"""What the page of a checklist says beyond its boxes: the rule in words, four lights, changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Min, QuerySet
from django.utils.formats import date_format

from automations.models import Automation
from lifecycle.checklists import BoxView, ChecklistView, PhaseView
from lifecycle.models import BoxChange, Promotion
from lifecycle.phases import LEAVES_PROTOTYPE, PHASE_OF, SATISFIED, SHARE_TO_LEAVE, State

# What tells automations that last from those that die in staging, by the source article's end.
LASTING = (
    ("Error handling", (8, 9, 10)),
    ("Monitoring", (17, 18, 19, 20)),
    ("Documentation", (25, 26, 27, 28, 29)),
    ("Improvement", (21, 22, 23, 24)),
)
TALLY = (State.MET, State.EXEMPT, State.NOT_MET, State.NOT_MEASURED)


@dataclass(frozen=True, slots=True)
class Light:
    """One of the four: green when all its boxes are met; exempt ones are none of them.

    `number` is its first box.
    """

    title: str
    number: int
    met: int
    exempt: int
    total: int

    @property
    def is_green(self) -> bool:
        return self.met == self.total


@dataclass(frozen=True, slots=True)
class GoneLive:
    """When an automation first went to production, and how many boxes were met only then."""

    at: datetime
    met_later: int


def lights(view: ChecklistView) -> tuple[Light, ...]:
    """Return the four lights; all green is what production-ready means."""
    boxes = {shown.box.number: shown for shown in view.boxes}
    return tuple(_light(title, [boxes[n] for n in numbers]) for title, numbers in LASTING)


def _light(title: str, boxes: list[BoxView]) -> Light:
    return Light(
        title=title,
        number=boxes[0].box.number,
        met=sum(shown.state == State.MET for shown in boxes),
        exempt=sum(shown.state == State.EXEMPT for shown in boxes),
        total=len(boxes),
    )


def is_production_ready(view: ChecklistView) -> bool:
    """Tell whether all four lights are green."""
    return all(light.is_green for light in lights(view))


def tally(view: ChecklistView) -> list[tuple[str, int]]:
    """Return how many boxes stand how, the states that occur, best first."""
    counted = Counter(shown.state for shown in view.boxes)
    return [(state.value, counted[state]) for state in TALLY if counted[state]]


def rule(phase: PhaseView) -> str:
    """Say whether a phase may be left, and what is missing or owed (70 % and every must box)."""
    total = len(phase.boxes)
    if phase.is_whole:
        return f"All {total} boxes are satisfied."
    share = f"{phase.satisfied} of {total} is {phase.percent} %"
    if phase.may_be_left:
        return f"{share}: may be left{_owed(phase)}{_later(phase)}."
    if phase.percent >= SHARE_TO_LEAVE:
        missing = _titles(phase.missing_must)
        words = "a must box is" if len(phase.missing_must) == 1 else "must boxes are"
        return f"{share}, but {words} missing: {missing}."
    return f"{share}; it may be left at {SHARE_TO_LEAVE} %: {_further(phase)}."


def _owed(phase: PhaseView) -> str:
    if not phase.owed:
        return ""
    words = "owed since" if phase.is_late else "owed by"
    return f", {_count(len(phase.owed))} {words} {say_day(phase.owed[0].due_on)}"


def _later(phase: PhaseView) -> str:
    verb = "comes" if len(phase.later) == 1 else "come"
    return f", {_count(len(phase.later))} {verb} with a later release" if phase.later else ""


def _further(phase: PhaseView) -> str:
    must, more = phase.missing_must, f"{_count(phase.lacking)} more"
    if not must:
        return more
    return f"{more}, {_titles(must)}{'' if phase.lacking == len(must) else ' among them'}"


def _count(number: int) -> str:
    return "1 box" if number == 1 else f"{number} boxes"


def _titles(boxes: list[BoxView]) -> str:
    return " and ".join(f"“{shown.box.title}”" for shown in boxes)


def say_day(day: date) -> str:
    """Say a day as the pages do: "6 Dec 2026"."""
    return date_format(day, "j M Y")


def gone_live(automation: Automation) -> GoneLive | None:
    """Return when it first went to production; boxes of the phases before that, met only later."""
    moves = Promotion.objects.filter(
        automation=automation,
        kind=Promotion.Kind.STAGE,
        to_stage=Automation.Stage.PRODUCTION,
        state=Promotion.State.DONE,
        is_sample=False,
    )
    first = moves.order_by("pk").first()
    if first is None:
        return None
    at = first.happened_at
    before_it = [n for n, phase in PHASE_OF.items() if phase.number <= LEAVES_PROTOTYPE]
    met = BoxChange.objects.filter(automation=automation, number__in=before_it)
    firsts = met.filter(after__in=SATISFIED).order_by().values("number")
    return GoneLive(at, firsts.annotate(first=Min("at")).filter(first__gt=at).count())


def changes(automation: Automation) -> QuerySet[BoxChange]:
    """Return the changes of boxes, newest first."""
    return BoxChange.objects.filter(automation=automation)

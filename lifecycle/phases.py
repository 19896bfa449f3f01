"""The seven phases and their 29 boxes, as data; and the rule by which a phase may be left."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a box stands."""

    MET = "met"
    NOT_MET = "not_met"
    NOT_MEASURED = "not_measured"
    EXEMPT = "exempt"


SATISFIED = (State.MET, State.EXEMPT)
SHARE_TO_LEAVE = 70  # per cent of a phase's boxes


@dataclass(frozen=True, slots=True)
class Box:
    """One item of the checklist; `must` may not be missing when its phase is left."""

    number: int
    title: str
    must: bool = False
    attestable: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    """One of the seven; `short` is its name on a track."""

    number: int
    title: str
    short: str
    boxes: tuple[Box, ...]

    def may_be_left(self, satisfied: Collection[int]) -> bool:
        """Tell whether enough boxes are satisfied, by number, and no must box is missing."""
        done = [box for box in self.boxes if box.number in satisfied]
        enough = len(done) * 100 >= SHARE_TO_LEAVE * len(self.boxes)
        return enough and all(box in done for box in self.boxes if box.must)


PHASES = (
    Phase(
        1,
        "ELPUT validation",
        "Validation",
        (
            Box(1, "ELPUT score calculated", must=True),
            Box(2, "Decision to build made", must=True),
            Box(3, "Success criteria defined"),
        ),
    ),
    Phase(
        2,
        "Rapid prototyping",
        "Prototype",
        (
            Box(4, "Core workflow working", must=True),
            Box(5, "70%+ output quality", must=True),
            Box(6, "Performance measured"),
            Box(7, "Failure modes identified"),
        ),
    ),
    Phase(
        3,
        "Reliability engineering",
        "Reliability",
        (
            Box(8, "Error handling implemented", must=True),
            Box(9, "Input validation added"),
            Box(10, "Output validation added", must=True),
            Box(11, "Logging configured"),
            Box(12, "Metrics tracked"),
        ),
    ),
    Phase(
        4,
        "Deployment",
        "Deployment",
        (
            Box(13, "Environment variables configured", must=True),
            Box(14, "Secrets management in place", must=True),
            Box(15, "Database set up", attestable=True),
            Box(16, "Deployment pipeline working"),
        ),
    ),
    Phase(
        5,
        "Monitoring and observability",
        "Monitoring",
        (
            Box(17, "Metrics dashboard built"),
            Box(18, "Alerts configured", must=True),
            Box(19, "Baselines established"),
            Box(20, "Error categorization system"),
        ),
    ),
    Phase(
        6,
        "Continuous improvement",
        "Improvement",
        (
            Box(21, "Weekly optimization scheduled"),
            Box(22, "A/B testing framework in place"),
            Box(23, "Cost optimization reviewed"),
            Box(24, "Performance targets set", must=True),
        ),
    ),
    Phase(
        7,
        "Documentation and hand-off",
        "Hand-off",
        (
            Box(25, "Purpose documented", must=True),
            Box(26, "Architecture diagram created"),
            Box(27, "Dependencies listed"),
            Box(28, "Runbook written", must=True),
            Box(29, "Troubleshooting guide complete"),
        ),
    ),
)
BOXES = {box.number: box for phase in PHASES for box in phase.boxes}
PHASE_OF = {box.number: phase for phase in PHASES for box in phase.boxes}
LEAVES_IDEA, LEAVES_PROTOTYPE = 1, 4  # the last phase that must be done to leave the stage


def current_phase(satisfied: Collection[int]) -> int:
    """Return the number of the first phase that may not be left yet; 8 when all may."""
    return next((p.number for p in PHASES if not p.may_be_left(satisfied)), len(PHASES) + 1)

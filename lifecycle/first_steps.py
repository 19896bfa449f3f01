"""The first five steps of a new installation, told from what is there; sample rows never count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, QuerySet

from automations.models import Automation, Run
from lifecycle.models import Promotion, Scorecard, Team
from monitoring.models import Review


@dataclass(frozen=True, slots=True)
class Step:
    """One of the five: `is_next` marks the first that is not done."""

    title: str
    text: str
    is_done: bool
    is_next: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """All five."""

    steps: tuple[Step, ...]

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def total(self) -> int:
        return len(self.steps)

    @property
    def is_whole(self) -> bool:
        return self.done == self.total

    @property
    def next(self) -> Step | None:
        return next((step for step in self.steps if step.is_next), None)


STEPS = (
    ("automation", "Have an automation", "Describe an idea, or start from an example."),
    ("scorecard", "Score it", "Five numbers say whether it is worth building."),
    ("run", "Run it", "On an input of your own; the model of this machine answers without a key."),
    (
        "review",
        "Judge an output",
        "Say whether it was useful; quality counts only what people saw.",
    ),
    (
        "promotion",
        "Move it on",
        "Promote it with its checklist, from idea to prototype or further.",
    ),
)


def progress() -> tuple[Progress, Team]:
    """Return the five steps, and the team's rules, which the same query reads."""
    found = {f"has_{key}": Exists(rows) for key, rows in _evidence().items()}
    kept = Team.objects.annotate(**found)
    team = kept.filter(pk=1).first() or kept.get(pk=Team.current().pk)
    return _progress({key: getattr(team, f"has_{key}") for key, _, _ in STEPS}), team


def _evidence() -> Mapping[str, QuerySet[Any]]:
    return {
        "automation": Automation.objects.all(),
        "scorecard": Scorecard.objects.filter(is_sample=False),
        "run": Run.objects.evidence().filter(status=Run.Status.SUCCESS),
        "review": Review.objects.filter(is_sample=False),
        "promotion": Promotion.objects.filter(is_sample=False, state=Promotion.State.DONE),
    }


def _progress(done: Mapping[str, bool]) -> Progress:
    coming = next((key for key, _, _ in STEPS if not done.get(key)), "")
    return Progress(
        tuple(Step(title, text, done.get(key, False), key == coming) for key, title, text in STEPS)
    )

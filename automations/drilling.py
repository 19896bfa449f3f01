"""What a reliability drill injects and what must come of it, as data: pure functions.

The expectations follow the table of causes: a rate limit postpones and is obeyed, what may pass is
tried again as often as the version says, what will not pass is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

RETRY_AFTER_S = 2
TIMEOUT_S = 2
ANSWER, RATE_LIMIT, ERROR, SILENCE = "answer", "rate_limit", "error", "silence"
TRUNCATED, EMPTY, REFUSED, BAD_ANSWER = "truncated", "empty", "refused", "bad_answer"
ANSWERED, FAILED = "answered", "failed"
CHECKS = ("validation_error", "ai_hallucination", "content_filter")
BAD_INPUT = "bad_input"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What of a version decides how often a call is made."""

    attempts: int
    models: int
    repairs: int

    @property
    def chances(self) -> int:
        """Return how many calls a fault that never ends is worth."""
        return self.attempts * self.models


@dataclass(frozen=True, slots=True)
class Wants:
    """The outcome that passes: how the run ends, after how many calls, with which categories.

    `calls` counts up to the first answer where one is wanted; `wait_s` is the shortest time
    between the first two calls.
    """

    ends: str
    calls: int
    categories: tuple[str, ...] = ()
    wait_s: float = 0.0

    def as_row(self) -> dict[str, Any]:
        """Return it as a drill stores it."""
        categories = list(self.categories)
        return {
            "ends": self.ends, "calls": self.calls, "categories": categories, "wait_s": self.wait_s
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exercise:
    """One fault of a drill: its name, what it does, what is expected and in words."""

    fault: str
    label: str
    expected: str
    wants: Wants
    script: tuple[str, ...] = field(default=())


def exercises(recipe: Recipe) -> list[Exercise]:
    """Return what a version with this recipe is drilled with, but for its checks."""
    found = [_rate_limited(recipe), _recovering(recipe), _down(recipe), _silent(recipe)]
    found += [_once(recipe, TRUNCATED, "Truncated JSON"), _once(recipe, EMPTY, "Empty answer")]
    return [*(exercise for exercise in found if exercise), _unauthorized()]


def _rate_limited(_recipe: Recipe) -> Exercise:
    return Exercise(
        "429",
        f"429, Retry-After {RETRY_AFTER_S} s",
        f"Postponed for at least {RETRY_AFTER_S} s without costing an attempt, then answered.",
        Wants(ANSWERED, 2, wait_s=RETRY_AFTER_S),
        (RATE_LIMIT, ANSWER),
    )


def _recovering(recipe: Recipe) -> Exercise | None:
    if recipe.chances < 2:
        return None
    failing = max(1, recipe.attempts - 1)
    return Exercise(
        "500_then_answer",
        f"500, {_times(failing)}",
        f"Tried again after a wait; answered at call {failing + 1}.",
        Wants(ANSWERED, failing + 1),
        (*(ERROR,) * failing, ANSWER),
    )


def _down(recipe: Recipe) -> Exercise:
    return _lasting(recipe, "500", "500, every time", "api_error", ERROR)


def _silent(recipe: Recipe) -> Exercise:
    label = f"No answer within {TIMEOUT_S} s, every time"
    return _lasting(recipe, "timeout", label, "timeout", SILENCE)


def _lasting(recipe: Recipe, fault: str, label: str, category: str, behaviour: str) -> Exercise:
    expected = f"Failed as {category} after exactly {_calls(recipe.chances)}{_over(recipe)}."
    return Exercise(fault, label, expected, Wants(FAILED, recipe.chances, (category,)),
                    (behaviour,))  # fmt: skip


def _once(recipe: Recipe, behaviour: str, label: str) -> Exercise:
    if recipe.chances < 2:
        return _lasting(recipe, behaviour, label, "api_error", behaviour)
    expected = "Taken for a failed call and tried again; answered at call 2."
    return Exercise(behaviour, f"{label}, once", expected, Wants(ANSWERED, 2), (behaviour, ANSWER))


def _unauthorized() -> Exercise:
    expected = "Failed as authentication after exactly 1 call: a wrong key is not tried again."
    return Exercise("401", "401", expected, Wants(FAILED, 1, ("authentication",)), (REFUSED,))


def bad_answer(recipe: Recipe) -> Exercise:
    """Return the fault of an answer that the version's own output checks refuse."""
    calls = 1 + recipe.repairs
    expected = f"Refused by the output checks; {_times(recipe.repairs)} sent back for repair, then "
    expected += "failed and delivered nowhere."
    return Exercise(
        BAD_ANSWER, "An answer that the checks refuse", expected, Wants(FAILED, calls, CHECKS),
        (BAD_ANSWER,),
    )  # fmt: skip


def bad_input() -> Exercise:
    """Return the fault of an input that the version's own input checks refuse."""
    expected = "Refused by the input checks without a single call."
    return Exercise(
        BAD_INPUT, "An input that the checks refuse", expected, Wants(FAILED, 0, CHECKS)
    )


def behaviour_at(fault: str, call: int, recipe: Recipe) -> str:
    """Return how the faulty endpoint behaves at the run's call (from 0); the last one stays."""
    known = {one.fault: one.script for one in [*exercises(recipe), bad_answer(recipe)]}
    script = known.get(fault, (ANSWER,))
    return script[min(call, len(script) - 1)]


def _times(count: int) -> str:
    return {0: "not", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def _over(recipe: Recipe) -> str:
    return f" over {recipe.models} models" if recipe.models > 1 else ""

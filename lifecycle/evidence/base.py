"""What a box says of itself, and the few ways to say it."""

from __future__ import annotations

from dataclasses import dataclass

from lifecycle.phases import State


@dataclass(frozen=True, slots=True)
class Link:
    """Words and the address they lead to."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a box stands, the sentence that says why, the rows it rests on, what to do next."""

    state: State
    why: str
    rows: tuple[Link, ...] = ()
    step: Link | None = None


def met(why: str, *rows: Link) -> Evidence:
    """Say that a box is met, and by which rows."""
    return Evidence(State.MET, why, rows)


def not_met(why: str, *rows: Link, step: Link) -> Evidence:
    """Say why a box is not met, and what to do next."""
    return Evidence(State.NOT_MET, why, rows, step)


def not_measured(why: str, *rows: Link, step: Link | None = None) -> Evidence:
    """Say why nobody can know yet; what to do next where something can be done."""
    return Evidence(State.NOT_MEASURED, f"Not measured: {why}", rows, step)

"""What a box says of itself, and the few ways to say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.urls import reverse
from django.utils import timezone

from lifecycle.phases import State

SHOWN = 5  # links under a box; the others are counted
SAMPLE = "This is sample data."


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


def to(label: str, name: str, *args: object) -> Link:
    """Return a link to one of our pages, by the name of its address."""
    return Link(label, reverse(name, args=args))


def run_links(ids: Sequence[int], slug: str) -> tuple[Link, ...]:
    """Return links to the first of these runs; the others are counted, with a link to the list."""
    shown = [to(f"Run {pk}", "run", pk) for pk in ids[:SHOWN]]
    rest = len(ids) - SHOWN
    if rest > 0:
        shown.append(Link(f"and {rest:,} more", f"{reverse('runs')}?automation={slug}"))
    return tuple(shown)


def counted(number: int, noun: str) -> str:
    """Return such as "1 run" or "2,000 runs"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def dated(moment: datetime | date) -> str:
    """Return a day such as "3 May 2026", in the installation's time zone."""
    day = timezone.localtime(moment) if isinstance(moment, datetime) else moment
    return f"{day:%-d %b %Y}"


def sentences(*parts: str) -> str:
    """Join sentences, leaving out the empty ones."""
    return " ".join(part for part in parts if part)

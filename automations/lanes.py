"""A run's events as bars on one line, and where its time went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from automations.timeline import CHECK, DELIVERY, END, MODEL, MS, SOURCE, START, WAIT, Event

WIDTH = 1000.0
NARROWEST = 4.0
# A wait of days must not squeeze the work into a hair: it is drawn at most this wide, and cut.
WIDEST_WAIT = 0.35
NAMES = {
    WAIT: "waiting", SOURCE: "source", MODEL: "model", CHECK: "checks", DELIVERY: "delivery",
}  # fmt: skip
BETWEEN = "between steps"


@dataclass(frozen=True, slots=True)
class Bar:
    """One event on the line, in units of `WIDTH`; a cut bar is shorter than its time."""

    x: float
    width: float
    kind: str
    is_bad: bool
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Share:
    """How long a run spent with one kind of thing, in milliseconds."""

    kind: str
    name: str
    ms: int


@dataclass(frozen=True, slots=True)
class Lane:
    """The line: its bars, how much time they stand for, and a share per kind."""

    bars: list[Bar]
    shares: list[Share]
    start: datetime | None
    end: datetime | None

    @property
    def ms(self) -> int:
        return sum(share.ms for share in self.shares)

    @property
    def is_cut(self) -> bool:
        return any(bar.is_cut for bar in self.bars)


def lane(events: Iterable[Event]) -> Lane:
    """Draw the events that take time one after the other; what overlaps is drawn once.

    The shares add up to all the time from the start to the end: what no event takes is theirs, too.
    """
    told = list(events)
    timed = [event for event in told if event.kind in NAMES and event.ms is not None]
    lengths = _lengths(timed)
    shares = [
        Share(
            kind,
            name,
            sum(ms for event, ms in zip(timed, lengths, strict=True) if event.kind == kind),
        )
        for kind, name in NAMES.items()
    ]
    whole = [event for event in told if event in timed or event.kind in (START, END)]
    start = min(event.at for event in whole) if timed else None
    end = max(event.end for event in whole) if timed else None
    if start and end:
        shares.append(Share(WAIT, BETWEEN, int((end - start) / MS) - sum(lengths)))
    return Lane(_bars(timed, lengths), [share for share in shares if share.ms > 0], start, end)


def _lengths(timed: Sequence[Event]) -> list[int]:
    """Return how many milliseconds each event adds to those before it."""
    lengths, until = [], None
    for event in timed:
        start = event.at if until is None else max(until, event.at)
        lengths.append(max(0, int((event.end - start).total_seconds() * 1000)))
        until = event.end if until is None else max(until, event.end)
    return lengths


def _bars(timed: Sequence[Event], lengths: Sequence[int]) -> list[Bar]:
    work = sum(ms for event, ms in zip(timed, lengths, strict=True) if event.kind != WAIT)
    most = WIDEST_WAIT * work if work else float("inf")
    drawn = [
        min(ms, most) if event.kind == WAIT else ms
        for event, ms in zip(timed, lengths, strict=True)
    ]
    scale = WIDTH / sum(drawn) if sum(drawn) else 0.0
    widths = [max(NARROWEST, ms * scale) for ms in drawn]
    fit = WIDTH / sum(widths) if widths else 0.0
    bars, x = [], 0.0
    for event, ms, shown, width in zip(timed, lengths, drawn, widths, strict=True):
        bars.append(_bar(event, x, width * fit, is_cut=shown < ms))
        x += width * fit
    return bars


def _bar(event: Event, x: float, width: float, *, is_cut: bool) -> Bar:
    return Bar(round(x, 1), round(width, 1), event.kind, event.tone == "bad", is_cut)

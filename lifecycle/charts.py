"""Lay out charts as SVG: lines over ordered points, and a scatter. Pure functions, no style.

Every chart is laid out twice, wide and narrow, so that its words stay readable on a phone; the
templates `lifecycle/_chart_lines.html` and `lifecycle/_chart_scatter.html` show the one that fits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

MARKERS = ("circle", "square", "diamond", "up", "down", "cross")
BETWEEN_LABELS = 15.0
LETTER = 6.4  # about how wide one is
GOOD_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Size:
    """The canvas and its margins, in units that are about pixels."""

    width: int
    height: int
    left: int = 46
    right: int = 150
    top: int = 28
    bottom: int = 46
    indent: int = 92  # room for the words of levels before the first point

    @property
    def plot_right(self) -> int:
        return self.width - self.right

    @property
    def plot_bottom(self) -> int:
        return self.height - self.bottom


WIDE = Size(width=880, height=340)
NARROW = Size(width=360, height=330, left=30, right=32, indent=16)


@dataclass(frozen=True, slots=True)
class Series:
    """One line to draw: a value per point of the x axis, None where there is none."""

    label: str
    values: Sequence[float | None]
    strong: bool = False
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from `low` to `high` with a tick at every `step`."""

    title: str
    low: float
    high: float
    step: float
    prefix: str = ""

    def ticks(self) -> list[float]:
        """Return the values at which a tick stands."""
        count = round((self.high - self.low) / self.step)
        return [self.low + self.step * number for number in range(count + 1)]

    def words(self, value: float, digits: int = 0) -> str:
        """Say a value: "$1,200", "-$50", "7.5"; with `digits` always so many decimals."""
        text = f"{abs(value):,.{max(1, digits)}f}"
        text = text if digits else text.removesuffix(".0")
        return f"{'-' if value < 0 else ''}{self.prefix}{text}"


@dataclass(frozen=True, slots=True)
class Level:
    """A target or threshold to draw across, with its words."""

    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened just before the point at `index`, with its words."""

    index: int
    label: str


@dataclass(frozen=True, slots=True)
class Point:
    """One dot of a scatter; `label` is its name in the list below."""

    x: float
    y: float
    label: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """A text and where it stands."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line with a text at (`word_x`, `word_y`)."""

    x1: float
    y1: float
    x2: float
    y2: float
    text: str = ""
    word_x: float = 0
    word_y: float = 0
    leans_left: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A data point: its outline as a path, and what it says."""

    d: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One drawn series; `number` (1 to 6) chooses its dashes, marker and colour in the CSS."""

    label: str
    number: int
    strong: bool
    d: str
    marks: tuple[Mark, ...]
    end: Word | None


@dataclass(frozen=True, slots=True)
class Plot:
    """One laid out chart."""

    size: Size
    x_ticks: tuple[Word, ...]
    grid: tuple[Rule, ...]
    levels: tuple[Rule, ...]
    moments: tuple[Rule, ...]
    lines: tuple[Line, ...]
    dots: tuple[Word, ...]
    x_title: Word
    y_title: Word


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of the legend, drawn with the line's own dashes and marker."""

    label: str
    number: int
    marker: str
    strong: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart in both sizes; `label` is the sentence that stands in for the picture."""

    label: str
    wide: Plot
    narrow: Plot
    legend: tuple[Key, ...] = ()
    points: tuple[Point, ...] = ()


def line_chart(
    series: Sequence[Series],
    x_labels: Sequence[str],
    *,
    axis: Axis,
    label: str,
    levels: Sequence[Level] = (),
    moments: Sequence[Moment] = (),
) -> Chart:
    """Return lines over evenly spaced points; at most six, told apart by dashes and markers."""

    def drawn(size: Size) -> Plot:
        place = _Place(size, axis, len(x_labels))
        lines = [_line(place, one, at, x_labels) for at, one in enumerate(series)]
        if size is WIDE:
            lines = _with_ends(place, lines, series)
        return Plot(
            size=size,
            x_ticks=_x_ticks(place, x_labels),
            grid=_grid(place),
            levels=tuple(_level(place, level) for level in levels),
            moments=tuple(_moment(place, at, one) for at, one in enumerate(moments)),
            lines=tuple(lines),
            dots=(),
            x_title=Word(0, 0, ""),
            y_title=Word(size.left, 14, axis.title),
        )

    legend = tuple(
        Key(one.label, at + 1, _outline(MARKERS[at], 18, 6), one.strong)
        for at, one in enumerate(series)
    )
    return Chart(label, drawn(WIDE), drawn(NARROW), legend=legend)


def scatter(
    points: Sequence[Point], *, x: Axis, y: Axis, label: str, x_levels: Sequence[Level] = ()
) -> Chart:
    """Return numbered dots, one per point, in the order given; `x_levels` are drawn upright.

    Where the y axis holds both gains and losses, zero is drawn as a line.
    """

    def drawn(size: Size) -> Plot:
        size = Size(size.width, size.height, max(size.left, 58), 16, size.top, size.bottom + 10)
        place = _Place(size, y, len(points))
        across = _scale(x.low, x.high, size.left, size.plot_right)
        zero = [Level(0, "nothing gained")] if y.low < 0 < y.high else []
        middle = (size.left + size.plot_right) / 2
        return Plot(
            size=size,
            x_ticks=tuple(
                Word(_r(across(at)), size.plot_bottom + 18, x.words(at)) for at in x.ticks()
            ),
            grid=_grid(place),
            levels=tuple(_level(place, level) for level in zero),
            moments=tuple(
                _upright(size, across(one.value), one.label, drop=14 * (at % 3))
                for at, one in enumerate(x_levels)
            ),
            lines=(),
            dots=tuple(
                Word(_r(across(one.x)), _r(place.y(one.y)), str(number))
                for number, one in enumerate(points, start=1)
            ),
            x_title=Word(middle, size.height - 8, x.title),
            y_title=Word(4, 14, y.title),
        )

    return Chart(label, drawn(WIDE), drawn(NARROW), points=tuple(points))


def axis_around(title: str, values: Sequence[float], *, prefix: str = "") -> Axis:
    """Return an axis on round numbers that holds zero and all the values."""
    low, high = min([0.0, *values]), max([0.0, *values])
    if low == high:
        high = 1.0
    step = _good_step((high - low) / 4)
    return Axis(title, floor(low / step) * step, ceil(high / step) * step, step, prefix)


def _good_step(rough: float) -> float:
    size = 10.0 ** floor(log10(rough))
    return next(size * step for step in GOOD_STEPS if size * step >= rough * 0.999)


class _Place:
    """Where values and points stand on one canvas."""

    def __init__(self, size: Size, axis: Axis, count: int) -> None:
        self.size, self.axis, self.count = size, axis, count
        self.y = _scale(axis.low, axis.high, size.plot_bottom, size.top)

    def x(self, index: float) -> float:
        """Return where the point stands; a single one stands in the middle."""
        left, right = self.size.left + self.size.indent, self.size.plot_right - 14
        if self.count < 2:
            return (left + right) / 2
        return left + (right - left) * index / (self.count - 1)


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (end - start) * (value - low) / (high - low)


def _r(value: float) -> float:
    return round(value, 1)


def _grid(place: _Place) -> tuple[Rule, ...]:
    size, axis = place.size, place.axis
    return tuple(
        Rule(
            size.left, at := _r(place.y(tick)), size.plot_right, at,
            axis.words(tick), size.left - 8, _r(at + 4),
        )
        for tick in axis.ticks()
    )  # fmt: skip


def _x_ticks(place: _Place, labels: Sequence[str]) -> tuple[Word, ...]:
    """Name as many points as there is room for, the newest always."""
    room = max(1, (place.size.plot_right - place.size.left) // 78)
    every = ceil(len(labels) / room)
    chosen = [at for at in range(len(labels)) if (len(labels) - 1 - at) % every == 0]
    below = place.size.plot_bottom + 20
    return tuple(Word(_r(place.x(at)), below, labels[at]) for at in chosen)


def _level(place: _Place, level: Level) -> Rule:
    at = _r(place.y(level.value))
    size = place.size
    return Rule(size.left, at, size.plot_right, at, level.label, size.left + 4, _r(at - 5))


def _moment(place: _Place, number: int, moment: Moment) -> Rule:
    """Draw between the point and the one before; neighbours' texts at different heights."""
    at = place.x(moment.index - 0.5) if moment.index else place.size.left
    return _upright(place.size, at, moment.label, drop=14 * (number % 3))


def _upright(size: Size, at: float, text: str, *, drop: int = 0) -> Rule:
    """Draw from top to bottom, with the text on the side that has room for it."""
    long = len(text) * LETTER + 4
    right = at + long <= size.width
    left = not right and at - long >= 0
    word = _r(at + 4 if right else at - 4 if left else 2)
    top, bottom = size.top, size.plot_bottom
    return Rule(_r(at), top, _r(at), bottom, text, word, top + 10 + drop, left)


def _line(place: _Place, series: Series, at: int, x_labels: Sequence[str]) -> Line:
    marks, path, pen = [], "", "M"
    for index, value in enumerate(series.values):
        if value is None:
            pen = "M"
            continue
        x, y = _r(place.x(index)), _r(place.y(value))
        path += f"{pen}{x} {y}"
        pen = "L"
        said = f"{series.label}, {x_labels[index]}: {place.axis.words(value, series.digits)}"
        marks.append(Mark(_outline(MARKERS[at], x, y), said))
    return Line(series.label, at + 1, series.strong, path, tuple(marks), None)


def _with_ends(place: _Place, lines: list[Line], series: Sequence[Series]) -> list[Line]:
    """Write each line's name and last value at its end, spread so that none covers another."""
    ends: list[tuple[float, int]] = []
    last: dict[int, float] = {}
    for at, one in enumerate(series):
        known = [value for value in one.values if value is not None]
        if known:
            last[at] = known[-1]
            ends.append((place.y(known[-1]), at))
    spread = _spread([y for y, _ in sorted(ends)], place.size.top + 4, place.size.plot_bottom)
    x = place.size.plot_right
    for (_, at), y in zip(sorted(ends), spread, strict=True):
        line = lines[at]
        word = Word(x, _r(y + 4), f"{line.label} {place.axis.words(last[at], series[at].digits)}")
        lines[at] = Line(line.label, line.number, line.strong, line.d, line.marks, word)
    return lines


def _spread(heights: Sequence[float], top: float, bottom: float) -> list[float]:
    """Move ascending heights apart downwards, then up again from the bottom where they left."""
    placed: list[float] = []
    for height in heights:
        least = placed[-1] + BETWEEN_LABELS if placed else top
        placed.append(max(height, least))
    limit = bottom
    for at in range(len(placed) - 1, -1, -1):
        placed[at] = min(placed[at], limit)
        limit = placed[at] - BETWEEN_LABELS
    return placed


def _outline(marker: str, x: float, y: float) -> str:
    """Return the path of a marker around a point."""
    r = 4.5
    shapes = {
        "circle": f"M{x - r} {y}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z",
        "square": f"M{_r(x - 4)} {_r(y - 4)}h8v8h-8z",
        "diamond": f"M{x} {_r(y - 5.5)}l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
        "up": f"M{x} {_r(y - 5)}l5 9h-10z",
        "down": f"M{x} {_r(y + 5)}l5 -9h-10z",
        "cross": f"M{_r(x - 4)} {_r(y - 4)}l8 8m0 -8l-8 8",
    }
    return shapes[marker]

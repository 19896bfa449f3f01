"""Whether a source supports a number: as it is, rounded, in another unit, or worked out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

from automations.validators.grounding.mentions import Number

# Numbers within which a sum or difference is looked for. Of three digits or with decimals it is
# hardly met by chance; of two it often is.
NEAR, FAR = 3, 12
MOST_WORKED_OUT = 300  # numbers from which others are worked out
FUZZ = 1e-9
SUPPORTED, DERIVED, UNSUPPORTED = "supported", "derived", "unsupported"


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers of a source: values, by dimension, and what follows from neighbours."""

    values: list[float]
    sizes: dict[str, list[float]]
    derived: dict[str, list[float]]
    derived_far: dict[str, list[float]]
    written: frozenset[str]

    def judge_all(self, numbers: list[Number]) -> list[tuple[str, str]]:
        """Return the text and the judgement of each number."""
        judged = [self.judge(number) for number in numbers]
        for place, (first, second) in enumerate(pairwise(numbers)):
            if first.of_next and self._has_share(first, second):
                judged[place : place + 2] = [SUPPORTED, SUPPORTED]
        return [(number.text, verdict) for number, verdict in zip(numbers, judged, strict=True)]

    def _has_share(self, first: Number, second: Number) -> bool:
        """Say whether the source has a share like `3 in 10` in percent."""
        return 0 < first.value < second.value <= 20 and near(
            self.values, first.value / second.value * 100, 0.5
        )

    def judge(self, number: Number) -> str:
        """Say whether a number is supported, derived or neither."""
        if number.own or any(self._has(v, s, number) for v, s in number.values):
            return SUPPORTED
        if number.parts and all(near(self.values, part, FUZZ) for part in number.parts):
            return SUPPORTED
        if number.definite or self._follows(number):
            return DERIVED
        return UNSUPPORTED

    def _has(self, value: float, step: float, number: Number) -> bool:
        if number.unit == "decade":
            return any_between(self.values, value, value + 9)
        if near(self.values, value, step / 2):
            return True
        if _is_round(value, number) and near(self.values, value, _rounding(value, step, number)):
            return True
        sizes = self.sizes.get(number.unit, [])
        return near(sizes, value * number.size, _size_slack(value, step, number))

    def _follows(self, number: Number) -> bool:
        value, step = number.values[0]
        certain = value >= 100 or value != int(value) or number.roughly
        follows = (self.derived_far if certain else self.derived).get(number.unit, [])
        slack = max(step / 2, abs(value) * 0.005 if number.unit == "time" else 0.0)
        found = near(follows, value * number.size, slack * number.size)
        return found and not self._is_altered(value)

    def _is_altered(self, value: float) -> bool:
        """Say whether one digit parts the value from a number of the source: then it is a slip."""
        written = f"{value:.10g}"
        if len(written.replace(".", "")) < 3:
            return False
        return any(slip in self.written for slip in _slips(written))


def figures_of(
    numbers: list[Number], more: Iterable[float], spans_s: Iterable[float] = ()
) -> Figures:
    """Gather the numbers of a source.

    `more` are supported, too, but nothing follows from them; `spans_s` are seconds between its
    dates and times, which follow from it.
    """
    values = {value for number in numbers for value, _ in number.values}
    values |= {part for number in numbers for part in number.parts}
    values |= set(more)
    values |= {value * 100 for value in values if 0 < value < 1}
    values |= {value / 100 for n in numbers if n.unit == "percent" for value, _ in n.values}
    values |= set(_shares(numbers))
    sizes: dict[str, list[float]] = {}
    for number in numbers:
        if number.unit not in ("", "percent", "money", "decade"):
            sizes.setdefault(number.unit, []).extend(v * number.size for v, _ in number.values)
    ordered = {unit: sorted(found) for unit, found in sizes.items()}
    first, spans = numbers[:MOST_WORKED_OUT], list(spans_s)
    close, far = _derived(first)
    for derived in (close, far):
        derived["time"] = sorted({*derived.get("time", []), *spans})
    written = frozenset(f"{value:.10g}" for value in values)
    return Figures(sorted(values), ordered, close, far, written)


def _shares(numbers: list[Number]) -> Iterator[float]:
    """Yield what `3 in 10` is in percent, for neighbours of which the second is the larger."""
    for first, second in zip(numbers, islice(numbers, 1, None), strict=False):
        if 0 < first.value < second.value <= 20:
            yield first.value / second.value * 100


def _derived(numbers: list[Number]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return by unit what follows from close neighbours, and what from farther ones as well."""
    close: dict[str, list[float]] = {}
    far: dict[str, list[float]] = {}
    for place, first in enumerate(numbers):
        for apart, second in enumerate(numbers[place + 1 : place + 1 + FAR]):
            for unit, value in _worked_out(first, second):
                far.setdefault(unit, []).append(value)
                if apart < NEAR:
                    close.setdefault(unit, []).append(value)
    return {u: sorted(v) for u, v in close.items()}, {u: sorted(v) for u, v in far.items()}


def _worked_out(first: Number, second: Number) -> Iterator[tuple[str, float]]:
    """Yield sums, differences and percentages of two numbers of the same kind."""
    a, b = first.value * first.size, second.value * second.size
    if first.unit == second.unit:
        yield first.unit, a + b
        yield first.unit, abs(a - b)
        if first.unit != "percent" and a > 0 and b > 0:
            small, large = sorted((a, b))
            yield "percent", small / large * 100
            yield "percent", (large - small) / large * 100
            yield "percent", (large - small) / small * 100
    if "percent" in (first.unit, second.unit) and first.unit != second.unit:
        yield second.unit if first.unit == "percent" else first.unit, a * b / 100
    if {first.unit, second.unit} == {"money", "time"}:
        yield "money", a * b


def near(ordered: list[float], value: float, slack: float) -> bool:
    """Say whether a sorted list has a number within `slack` of the value."""
    slack += abs(value) * FUZZ
    return any_between(ordered, value - slack, value + slack)


def any_between(ordered: list[float], low: float, high: float) -> bool:
    """Say whether a sorted list has a number from low to high."""
    place = bisect_left(ordered, low)
    return place < len(ordered) and ordered[place] <= high


def _is_round(value: float, number: Number) -> bool:
    """Say whether a number looks rounded: its neighbours say so, or 12,400 does by itself."""
    if number.roughly:
        return True
    digits = len(f"{value:.0f}")
    return number.trailing_zeros >= 2 and digits - number.trailing_zeros >= 2


def _rounding(value: float, step: float, number: Number) -> float:
    """Return how far "about 9,000" or "over 5 million" may be off: one of the last digit shown."""
    if not number.trailing_zeros:
        return step
    shown = max(step, 10.0**number.trailing_zeros)
    return min(shown, abs(value) * 0.1) if number.roughly else shown / 2


def _size_slack(value: float, step: float, number: Number) -> float:
    """Return the slack between units: months have no fixed length, so 1 percent is granted."""
    rough = 0.1 if number.roughly else 0.01
    return max(abs(value) * rough, step / 2 if step < 1 else 0.0) * number.size


def _slips(written: str) -> Iterator[str]:
    """Yield what is written with one other digit, or with two neighbours changed about."""
    for place, old in enumerate(written):
        if old.isdigit():
            yield from (written[:place] + new + written[place + 1 :] for new in "0123456789")
        yield written[:place] + written[place + 1 : place + 2] + old + written[place + 2 :]

"""Statistics: pure functions over counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import floor, sqrt
from statistics import NormalDist

FEWEST_PAIRS = 5


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the lower and upper bound, 0 to 1, of a share: Wilson's score interval (1927).

    Raises:
        ValueError: no trials, or more successes than trials.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError("An interval needs at least one trial and no more successes than trials.")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = successes / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    low = max(0.0, centre - half) if successes else 0.0
    high = min(1.0, centre + half) if successes < n else 1.0
    return low, high


def percent_down(share: float) -> str:
    """Say a share of 0 to 1 in per cent, rounded down to a tenth, so that 69.96 % is not 70."""
    tenths = floor(share * 1000 + 1e-9)
    return f"{tenths // 10}{f'.{tenths % 10}' if tenths % 10 else ''} %"


def ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, 1 for the smallest; equal values share their mean rank."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found, before = [0.0] * len(values), 0
    for _, equal in groupby(order, key=values.__getitem__):
        places = list(equal)
        shared = before + (len(places) + 1) / 2
        for place in places:
            found[place] = shared
        before += len(places)
    return found


def spearman(pairs: Iterable[tuple[float, float]]) -> float | None:
    """Return Spearman's rank correlation (1904), -1 to 1: Pearson's of the ranks.

    None with fewer than 5 pairs, or when all values of one side are equal. Values are finite.
    """
    known = list(pairs)
    if len(known) < FEWEST_PAIRS:
        return None
    left, right = (_off_centre([pair[side] for pair in known]) for side in (0, 1))
    spread = sum(x * x for x in left) * sum(y * y for y in right)
    if not spread:
        return None
    shared = sum(x * y for x, y in zip(left, right, strict=True))
    return max(-1.0, min(1.0, shared / sqrt(spread)))


def _off_centre(values: Sequence[float]) -> list[int]:
    """Return twice each rank's distance from the middle one: whole numbers, so sums are exact."""
    return [int(2 * rank) - len(values) - 1 for rank in ranks(values)]

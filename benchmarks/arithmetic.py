"""Rates, ratios and percentiles of what was measured. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of the values do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def rate_overall(completed_s: Sequence[float]) -> float:
    """Return runs a second from the first call's beginning (second 0) to the last end."""
    return len(completed_s) / completed_s[-1]


def rate_steady(completed_s: Sequence[float], *, wave: int) -> float:
    """Return runs a second without the two first and two last waves of `wave` runs.

    Runs end in waves, so the window begins and ends at the same place of a wave.
    """
    waves = len(completed_s) // wave
    first, last = 2 * wave, (waves - 2) * wave
    if last <= first:
        raise ValueError(f"{len(completed_s)} runs are too few for waves of {wave}")
    return (last - first) / (completed_s[last] - completed_s[first])


def ideal_rate(*, concurrency: int, latency_s: float) -> float:
    """Return the runs a second at which `concurrency` calls are always under way."""
    return concurrency / latency_s


def wilson_lower(hits: int, tries: int, *, z: float = 1.96) -> float:
    """Return the lower 95 % bound of a share (Wilson 1927); 0 without tries."""
    if not tries:
        return 0.0
    share, spread = hits / tries, z * z / tries
    centre = share + spread / 2
    root = math.sqrt(share * (1 - share) * z * z / tries + spread * spread / 4)
    return (centre - root) / (1 + spread)

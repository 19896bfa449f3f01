"""How much is measured: the whole, and a quick look."""

from __future__ import annotations

from dataclasses import dataclass

LATENCY_S = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of one benchmark; `repeats` go to throughput, whose figures vary most."""

    name: str
    repeats: int
    waves_at_64: int
    waves_at_256: int
    instant_runs: int
    warm_submissions: int
    cold_submissions: int
    baseline_runs: int
    fairness_batch: int
    fairness_presses: int
    patience_s: float  # waited for a calm machine before each repetition


FULL = Plan(
    name="full",
    repeats=3,
    waves_at_64=20,
    waves_at_256=20,
    instant_runs=1500,
    warm_submissions=40,
    cold_submissions=10,
    baseline_runs=60,
    fairness_batch=10_000,
    fairness_presses=40,
    patience_s=6.0,
)
QUICK = Plan(
    name="quick",
    repeats=1,
    waves_at_64=10,
    waves_at_256=9,
    instant_runs=500,
    warm_submissions=10,
    cold_submissions=2,
    baseline_runs=40,
    fairness_batch=10_000,
    fairness_presses=15,
    patience_s=0.0,
)

"""The arithmetic behind the published numbers."""

import pytest

from benchmarks.arithmetic import ideal_rate, percentile, rate_overall, rate_steady
from benchmarks.report import table

pytestmark = pytest.mark.once


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 21)]
    assert percentile(values, 0.5) == 10
    assert percentile(values, 0.95) == 19
    assert percentile([7.0], 0.95) == 7


def test_the_ideal_keeps_every_call_slot_busy() -> None:
    assert ideal_rate(concurrency=64, latency_s=0.5) == 128


def test_perfect_waves_reach_the_ideal_in_the_steady_window() -> None:
    completed = [0.5 * (wave + 1) for wave in range(10) for _ in range(4)]
    assert rate_steady(completed, wave=4) == pytest.approx(8)
    assert rate_overall(completed) == pytest.approx(8)


def test_a_slow_start_and_end_are_outside_the_steady_window_and_inside_the_overall_one() -> None:
    steady = [10 + 0.5 * (wave + 1) for wave in range(10) for _ in range(4)]
    completed = [*steady[:-1], 60.0]
    assert rate_steady(completed, wave=4) == pytest.approx(8)
    assert rate_overall(completed) == pytest.approx(40 / 60)


def test_too_few_runs_are_refused_instead_of_giving_a_number() -> None:
    with pytest.raises(ValueError, match="too few"):
        rate_steady([0.5] * 16, wave=4)


def test_the_table_shows_median_and_spread_and_names_no_host() -> None:
    figures = [
        {"ratio_steady": n, "ratio_overall": n, "cpu_ms_per_run": 2.0} for n in (0.9, 1, 0.95)
    ]
    waited = {"p50_ms": 50, "p95_ms": 90}
    base = {"runs_per_s_steady": 9.9, "cpu_ms_per_run": 3}
    database = {
        "name": "SQLite", "version": "3", "at_64": figures, "at_256": figures,
        "instant": [{"runs_per_s_overall": 300.0}], "article": base, "tasks": base,
        "latency": {"awake": waited, "asleep": waited},
        "fairness": {**waited, "queued_up_ms": 20_000.0, "queued_up_patience_ms": 20_000.0},
    }  # fmt: skip
    shown = table(
        {
            "databases": [database],
            "load_at_start": [0.1],
            "load_at_end": [1.0],
            "plan": {"repeats": 3},
            "machine": {"cores": 2, "cpu": "AMD EPYC", "memory_gb": 24, "python": "3.11.7"},
        }
    )
    assert "0.95 (0.90 to 1.00)" in shown
    assert "more than 20 s" in shown
    assert "2 cores of AMD EPYC" in shown

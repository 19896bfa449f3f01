"""The Markdown table of a benchmark's figures."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.machine import in_words

HEAD = ["Number", "Goal"]


def table(result: dict[str, Any]) -> str:
    """Return the figures as a Markdown table with a sentence about the machine under it."""
    names = [database["name"] for database in result["databases"]]
    lines = [_line([*HEAD, *names]), _line(["---"] * (len(HEAD) + len(names)))]
    lines += [_line(row) for row in _rows(result["databases"])]
    return "\n".join([*lines, "", _sentence(result)])


def _rows(databases: Sequence[dict[str, Any]]) -> list[list[str]]:
    return [
        ["64 calls of 500 ms at once, share of the ideal 128 runs/s", "≥ 0.97"]
        + [_spread(d["at_64"], "ratio_steady") for d in databases],
        ["the same, start and end included", ""]
        + [_spread(d["at_64"], "ratio_overall") for d in databases],
        ["256 at once (two pumps), share of the ideal 512 runs/s", "≥ 0.92"]
        + [_spread(d["at_256"], "ratio_steady") for d in databases],
        ["runs/s when the provider answers at once", "≥ 220"]
        + [_spread(d["instant"], "runs_per_s_overall") for d in databases],
        ["button to first call, worker idle: p50 / p95", "p95 < 250 ms"]
        + [_waited(d["latency"]["awake"]) for d in databases],
        ["the same, pump asleep: p50 / p95", "p95 < 250 ms"]
        + [_waited(d["latency"]["asleep"]) for d in databases],
        ["our CPU per run, 64 at once", "< 3.5 ms"]
        + [_spread(d["at_64"], "cpu_ms_per_run", unit=" ms") for d in databases],
        ["baseline: thread pool of five, nothing stored: runs/s"]
        + ["", *(_baseline(d["article"]) for d in databases)],
        ["baseline: one django-q2 task per run, four workers: runs/s"]
        + ["", *(_baseline(d["tasks"]) for d in databases)],
    ]


def _spread(figures: Sequence[dict[str, Any]], name: str, unit: str = "") -> str:
    """Return the median and, of several, the worst and the best."""
    values = sorted(figure[name] for figure in figures)
    middle = _number(median(values)) + unit
    if len(values) == 1:
        return middle
    return f"{middle} ({_number(values[0])} to {_number(values[-1])})"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 20 else f"{value:.2f}"


def _waited(figures: dict[str, Any]) -> str:
    return f"{figures['p50_ms']:.0f} / {figures['p95_ms']:.0f} ms"


def _baseline(figures: dict[str, Any]) -> str:
    cpu = figures.get("cpu_ms_per_run", figures.get("cpu_ms_per_run_with_boot", 0))
    return f"{figures['runs_per_s_steady']:.1f}, {cpu:.0f} ms CPU per run"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _sentence(result: dict[str, Any]) -> str:
    kinds = ", ".join(f"{d['name']} {d['version']}" for d in result["databases"])
    begun, ended = result["load_at_start"][0], result["load_at_end"][0]
    return (
        f"{in_words(result['machine'])}; {kinds}; load average {begun:g} before and "
        f"{ended:g} after. Median of {result['plan']['repeats']} (lowest to highest)."
    )

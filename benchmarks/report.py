"""The Markdown table of a benchmark's figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from benchmarks.machine import in_words

HEAD = ["Number", "Goal"]


def table(result: dict[str, Any]) -> str:
    """Return the figures as a Markdown table with a sentence about the machine under it."""
    names = [database["name"] for database in result["databases"]]
    lines = [_line([*HEAD, *names]), _line(["---"] * (len(HEAD) + len(names)))]
    lines += [
        _line([name, goal, *(cell(database) for database in result["databases"])])
        for name, goal, cell in ROWS
    ]
    return "\n".join([*lines, "", _sentence(result)])


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


def _queued_up(figures: dict[str, Any]) -> str:
    ended = figures["queued_up_ms"] >= figures["queued_up_patience_ms"]
    return f"{'more than ' if ended else ''}{figures['queued_up_ms'] / 1000:.0f} s"


def _baseline(figures: dict[str, Any]) -> str:
    cpu = figures.get("cpu_ms_per_run", figures.get("cpu_ms_per_run_with_boot", 0))
    return f"{figures['runs_per_s_steady']:.1f} runs/s, {cpu:.0f} ms CPU per run"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _sentence(result: dict[str, Any]) -> str:
    kinds = ", ".join(f"{d['name']} {d['version']}" for d in result["databases"])
    begun, ended = result["load_at_start"][0], result["load_at_end"][0]
    return (
        f"{in_words(result['machine'])}; {kinds}; load average {begun:g} before and "
        f"{ended:g} after. Median of {result['plan']['repeats']} (lowest to highest)."
    )


ROWS: list[tuple[str, str, Callable[[dict[str, Any]], str]]] = [
    (
        "64 calls of 500 ms at once: share of the ideal 128 runs/s",
        "≥ 0.97",
        lambda d: _spread(d["at_64"], "ratio_steady"),
    ),
    (
        "the same, start and end included",
        "",
        lambda d: _spread(d["at_64"], "ratio_overall"),
    ),
    (
        "256 at once, two pumps: share of the ideal 512 runs/s",
        "≥ 0.92",
        lambda d: _spread(d["at_256"], "ratio_steady"),
    ),
    (
        "runs/s when the provider answers at once",
        "≥ 220",
        lambda d: _spread(d["instant"], "runs_per_s_overall"),
    ),
    (
        "button to first call, worker idle: p50 / p95",
        "p95 < 250 ms",
        lambda d: _waited(d["latency"]["awake"]),
    ),
    (
        "the same, its pump asleep: p50 / p95",
        "p95 < 250 ms",
        lambda d: _waited(d["latency"]["asleep"]),
    ),
    (
        "button to first call among a batch of 10,000: p50 / p95",
        "p95 < 2 s",
        lambda d: _waited(d["fairness"]),
    ),
    (
        "for comparison: queued up behind that batch",
        "",
        lambda d: _queued_up(d["fairness"]),
    ),
    (
        "our own CPU per run, 64 at once",
        "< 3.5 ms",
        lambda d: _spread(d["at_64"], "cpu_ms_per_run", unit=" ms"),
    ),
    (
        "for comparison: thread pool of five, nothing stored",
        "",
        lambda d: _baseline(d["article"]),
    ),
    (
        "for comparison: one django-q2 task per run, four workers",
        "",
        lambda d: _baseline(d["tasks"]),
    ),
]

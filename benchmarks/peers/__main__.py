"""Measure Lifecycle, Celery and Prefect on the same 2,000 runs, on PostgreSQL, in one go."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine, throughput
from benchmarks.peers import environment, measure
from benchmarks.processes import ROOT, ProcessFailed
from benchmarks.scratch import places
from benchmarks.throughput import Load

ROWS = (
    ("Lifecycle: one worker process, checks and ledger on", "lifecycle"),
    ("Celery: one worker, 64 threads, Redis", "celery"),
    ("Prefect: one flow, 64 threads, its own server", "prefect"),
)


def main() -> int:
    """Measure, print a table, keep the figures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    runs: int = parser.parse_args().runs
    try:
        result = compare(runs)
    except ProcessFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    path = _keep(result)
    print(f"\n{table(result)}\n\nRaw figures: {path.relative_to(ROOT)}")
    return 0


def compare(runs: int) -> dict[str, Any]:
    """Run all three, one after the other, on one scratch database.

    Raises:
        ProcessFailed: a peer could not be installed, or did not do all of its runs.
    """
    began = datetime.now(UTC)
    with environment.peers() as python, places(only="postgresql") as (found, missing):
        if not found:
            raise ProcessFailed(missing)
        place = found[0]
        versions = environment.versions(python)
        ours = throughput.measure(place, Load(1, measure.THREADS, runs, measure.LATENCY_S))
        figures = {
            "lifecycle": ours,
            "celery": measure.measure_celery(place, python, runs),
            "prefect": measure.measure_prefect(place, python, runs),
        }
    return {
        "began_at": began.isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "load_at_end": machine.load_average(),
        "versions": versions,
        "figures": figures,
    }


def table(result: dict[str, Any]) -> str:
    """Return the comparison as a Markdown table."""
    head = "| the same runs through | runs/s | of the ideal | CPU per run | memory |"
    lines = [head, "| --- | --- | --- | --- | --- |"]
    for label, name in ROWS:
        found = result["figures"][name]
        lines.append(
            f"| {label} | {found['runs_per_s_steady']:.0f} | {found['ratio_steady']:.2f} "
            f"| {found['cpu_ms_per_run']:.1f} ms | {found['max_rss_mb']} MB |"
        )
    return "\n".join(lines)


def _keep(result: dict[str, Any]) -> Path:
    directory = ROOT / "var" / "bench"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{result['began_at'].replace(':', '').replace('+0000', 'Z')}-peers.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


if __name__ == "__main__":
    sys.exit(main())

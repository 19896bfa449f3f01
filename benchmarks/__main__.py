"""Measure and print a table; the raw figures go to var/bench as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import baselines, fairness, grounding, latency, machine, throughput
from benchmarks.plan import FULL, LATENCY_S, QUICK, Plan
from benchmarks.processes import ROOT, ProcessFailed
from benchmarks.report import table
from benchmarks.scratch import Place, places
from benchmarks.throughput import Load


def main() -> int:
    """Measure what the command line asks for; return the exit code."""
    options = _options()
    if options.what == "grounding":
        return _grounding_only()
    try:
        result = measure(QUICK if options.quick else FULL, only=options.database)
    except ProcessFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    result["grounding"] = _measure_grounding()
    path = _keep(result)
    print(f"\n{table(result)}\n\n{grounding.table(result['grounding'])}")
    print(f"\nRaw figures: {path.relative_to(ROOT)}")
    if result["missing"]:
        print(f"\nPostgreSQL WAS NOT MEASURED. {result['missing']}", file=sys.stderr)
    return 0


def _grounding_only() -> int:
    began = datetime.now(UTC).isoformat(timespec="seconds")
    figures = _measure_grounding()
    result = {"began_at": began, "plan": {"name": "grounding"}, "machine": machine.describe()}
    path = _keep({**result, "grounding": figures})
    print(f"{grounding.table(figures)}\n\nRaw figures: {path.relative_to(ROOT)}")
    return 0


def _measure_grounding() -> dict[str, Any]:
    _say("grounding")
    return grounding.measure()


def measure(plan: Plan, *, only: str = "") -> dict[str, Any]:
    """Return every figure, with the machine and its load before and after."""
    began, load = datetime.now(UTC), machine.load_average()
    with places(only=only) as (found, missing):
        databases = [_measure_throughput(place, plan) for place in found]
        for place, database in zip(found, databases, strict=True):
            _say(f"{place.name}, a person among a batch of {plan.fairness_batch:,}")
            database["fairness"] = fairness.measure(place, plan)
        _say("button to first call")
        waited = latency.measure(found, plan)
        for database in databases:
            database["latency"] = waited[database["name"]]
    return {
        "began_at": began.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - began).total_seconds()),
        "plan": asdict(plan),
        "machine": machine.describe(),
        "load_at_start": load,
        "load_at_end": machine.load_average(),
        "missing": missing,
        "databases": databases,
    }


def _measure_throughput(place: Place, plan: Plan) -> dict[str, Any]:
    at_64 = Load(1, 64, plan.waves_at_64 * 64, LATENCY_S)
    at_256 = Load(2, 128, plan.waves_at_256 * 256, LATENCY_S)
    instant = Load(1, 64, plan.instant_runs, 0)
    return {
        "name": place.name,
        "version": place.version,
        "durable": place.durable,
        "at_64": _repeat(place, at_64, plan),
        "at_256": _repeat(place, at_256, plan),
        "instant": _repeat(place, instant, plan),
        "article": baselines.measure_article(place, plan.baseline_runs),
        "tasks": baselines.measure_tasks(place, plan.baseline_runs),
    }


def _repeat(place: Place, load: Load, plan: Plan) -> list[dict[str, Any]]:
    figures = []
    for _ in range(plan.repeats):
        busy = machine.wait_for_calm(patience_s=plan.patience_s)
        before = {"busy_before": busy, "load_before": machine.load_average()[0]}
        figures.append({**before, **throughput.measure(place, load)})
        _say(f"{place.name}, {load.in_flight} at once, {load.latency_s:g} s: {figures[-1]}")
    return figures


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _keep(result: dict[str, Any]) -> Path:
    directory = ROOT / "var" / "bench"
    directory.mkdir(parents=True, exist_ok=True)
    stamp = result["began_at"].replace(":", "").replace("+0000", "Z")
    path = directory / f"{stamp}-{result['plan']['name']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    whole = "all (minutes) or grounding (seconds)"
    parser.add_argument("what", nargs="?", choices=["all", "grounding"], default="all", help=whole)
    parser.add_argument("--quick", action="store_true", help="about three minutes")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="", help="only one")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

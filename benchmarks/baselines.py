"""What people start from, measured in the same run on the same machine."""

from __future__ import annotations

from typing import Any

import psutil

from benchmarks.arithmetic import ideal_rate, rate_overall, rate_steady
from benchmarks.plan import LATENCY_S
from benchmarks.processes import service, talker
from benchmarks.scratch import Place
from tests.provider.handles import ProviderProcess

THREADS = 5
WORKERS = 4


def measure_article(place: Place, runs: int) -> dict[str, Any]:
    """Five threads and a synchronous client; no database, no delivery."""
    with ProviderProcess(latency_ms=LATENCY_S * 1000) as provider:
        said = place.ask("benchmarks.plain.article", provider=provider.url, runs=runs)
    cpu_ms = round(said["cpu_s"] / runs * 1000, 3)
    boot = {"boot_cpu_s": round(said["boot_cpu_s"], 2)}
    return {**_figures(said["completed_s"], THREADS), "cpu_ms_per_run": cpu_ms, **boot}


def measure_tasks(place: Place, runs: int) -> dict[str, Any]:
    """One django-q2 task per run with four workers, each writing its run's row; no delivery."""
    plain = {**place.environment, "DJANGO_SETTINGS_MODULE": "benchmarks.plain.settings"}
    with ProviderProcess(latency_ms=LATENCY_S * 1000) as provider:
        seeded = {"provider": provider.url, "runs": runs, "limit": None}
        place.ask("benchmarks.inside.seed", **seeded)
        wish = {"provider": provider.url}
        with talker("benchmarks.plain.queue", wish, environment=plain) as queue:
            queue.hear()
            with service(["manage.py", "qcluster"], environment=plain) as pid:
                queue.go()
                said = queue.hear()
                used = _tree_cpu_s(pid)
    # The cluster's boot is part of it: its processes load the client only with their first task.
    cpu_ms = round(used / runs * 1000, 3)
    return {**_figures(said["completed_s"], WORKERS), "cpu_ms_per_run_with_boot": cpu_ms}


def _figures(completed_s: list[float], width: int) -> dict[str, Any]:
    ideal = ideal_rate(concurrency=width, latency_s=LATENCY_S)
    steady = rate_steady(completed_s, wave=width)
    overall = rate_overall(completed_s)
    return {
        "runs": len(completed_s),
        "in_flight": width,
        "runs_per_s_steady": round(steady, 2),
        "runs_per_s_overall": round(overall, 2),
        "ratio_steady": round(steady / ideal, 4),
        "ratio_overall": round(overall / ideal, 4),
    }


def _tree_cpu_s(pid: int) -> float:
    parent = psutil.Process(pid)
    times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
    return sum(t.user + t.system for t in times)

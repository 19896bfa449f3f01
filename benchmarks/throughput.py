"""Real pumps against a real server: how near they come to what the provider could take."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.arithmetic import ideal_rate, rate_overall, rate_steady
from benchmarks.processes import ProcessFailed, talker
from benchmarks.scratch import Place
from tests.provider.handles import ProviderProcess


@dataclass(frozen=True, slots=True)
class Load:
    """`pumps` processes with `concurrency` calls each; `limit` is the provider row's own."""

    pumps: int
    concurrency: int
    runs: int
    latency_s: float
    limit: int | None = None

    @property
    def in_flight(self) -> int:
        return self.pumps * self.concurrency


def measure(place: Place, load: Load) -> dict[str, Any]:
    """Run the load to its end and return the figures.

    Raises:
        ProcessFailed: a run, an attempt or a delivery is missing or there twice.
    """
    with ProviderProcess(latency_ms=load.latency_s * 1000) as provider:
        open_place = place.allowing(provider.port)
        wish = {"provider": provider.url, "runs": load.runs, "limit": load.limit}
        open_place.ask("benchmarks.inside.seed", **wish)
        pumps = _work(open_place, load)
        tally = open_place.ask("benchmarks.inside.tally")
        _verify(load, tally, provider.seen())
    return _figures(load, pumps, tally)


def _work(place: Place, load: Load) -> list[dict[str, Any]]:
    wish = {"concurrency": load.concurrency}
    with ExitStack() as stack:
        pumps = [
            stack.enter_context(
                talker("benchmarks.inside.pump", wish, environment=place.environment)
            )
            for _ in range(load.pumps)
        ]
        for pump in pumps:
            pump.hear()
        for pump in pumps:
            pump.go()
        return [pump.hear() for pump in pumps]


def _verify(load: Load, tally: dict[str, Any], seen: dict[str, Any]) -> None:
    expected = load.runs
    facts = {
        "runs that succeeded": tally["runs"].get("success", 0),
        "attempts": tally["attempts"],
        "deliveries": tally["deliveries"].get("delivered", 0),
        "calls the provider saw": seen["calls"],
        "deliveries it took": sum(seen["deliveries"].values()),
    }
    wrong = [f"{count} {name}" for name, count in facts.items() if count != expected]
    if wrong or seen["max_in_flight"] > load.in_flight:
        most = f"{seen['max_in_flight']} in flight at most"
        raise ProcessFailed(f"Of {expected} runs: {', '.join([*wrong, most])}")


def _figures(load: Load, pumps: list[dict[str, Any]], tally: dict[str, Any]) -> dict[str, Any]:
    completed = tally["completed_s"]
    steady, overall = rate_steady(completed, wave=load.in_flight), rate_overall(completed)
    figures = {
        "runs": load.runs,
        "in_flight": load.in_flight,
        "provider_limit": load.limit,
        "runs_per_s_steady": round(steady, 1),
        "runs_per_s_overall": round(overall, 1),
        "call_ms_p50": tally["call_ms_p50"],
        "cpu_ms_per_run": round(sum(p["cpu_s"] for p in pumps) / load.runs * 1000, 3),
        "boot_cpu_s": round(sum(p["boot_cpu_s"] for p in pumps) / load.pumps, 2),
        "max_rss_mb": max(p["max_rss_mb"] for p in pumps),
    }
    if load.latency_s:
        ideal = ideal_rate(concurrency=load.in_flight, latency_s=load.latency_s)
        figures |= {"ratio_steady": round(steady / ideal, 4)}
        figures |= {"ratio_overall": round(overall / ideal, 4)}
    return figures

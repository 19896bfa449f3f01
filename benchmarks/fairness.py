"""A person among a batch of 10,000: from the button to the first call while the batch goes on."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.arithmetic import percentile
from benchmarks.plan import LATENCY_S, Plan
from benchmarks.processes import ProcessFailed, service, talker
from benchmarks.scratch import Place
from tests.provider.handles import ProviderProcess

LIMIT = 16
PATIENCE_S = 10.0
BOOT_S = 60.0


def measure(place: Place, plan: Plan) -> dict[str, Any]:
    """Return how long single runs waited, and runs that queued up behind the batch instead.

    Raises:
        ProcessFailed: the batch did not go on, or the provider's limit was not kept.
    """
    with ProviderProcess(latency_ms=LATENCY_S * 1000) as provider:
        open_place = place.allowing(provider.port)
        wish = {"provider": provider.url, "runs": plan.fairness_batch, "limit": LIMIT}
        slug = open_place.ask("benchmarks.inside.seed", **wish)["automation"]
        with service(["manage.py", "worker"], environment=open_place.environment):
            _wait_for_calls(provider, LIMIT)
            before, began = provider.seen()["calls"], time.monotonic()
            waited = _press(open_place, slug, plan.fairness_presses, queued_up=False)
            rate = (provider.seen()["calls"] - before) / (time.monotonic() - began)
            behind = _press(open_place, slug, 1, queued_up=True)
        most = provider.seen()["max_in_flight"]
    if most > LIMIT or rate < 1:
        raise ProcessFailed(f"{most} calls at once of {LIMIT} allowed, {rate:.1f} calls a second")
    return {
        "batch": plan.fairness_batch,
        "provider_limit": LIMIT,
        "calls_per_s_meanwhile": round(rate, 1),
        **_figures(waited),
        "queued_up_ms": behind[0],
        "queued_up_patience_ms": PATIENCE_S * 1000,
    }


def _press(place: Place, slug: str, times: int, *, queued_up: bool) -> list[float]:
    wish = {
        "automation": slug, "times": times, "queued_up": queued_up, "patience_s": PATIENCE_S
    }  # fmt: skip
    with talker("benchmarks.inside.press", wish, environment=place.environment) as person:
        person.hear()
        person.go()
        waited: list[float] = person.hear()
    return waited


def _wait_for_calls(provider: ProviderProcess, calls: int) -> None:
    deadline = time.monotonic() + BOOT_S
    while provider.seen()["calls"] < calls:
        if time.monotonic() > deadline:
            raise ProcessFailed("The worker did not begin with the batch.")
        time.sleep(0.2)


def _figures(waited_ms: list[float]) -> dict[str, Any]:
    return {
        "presses": len(waited_ms),
        "p50_ms": percentile(waited_ms, 0.5),
        "p95_ms": percentile(waited_ms, 0.95),
        "max_ms": max(waited_ms),
        "raw_ms": waited_ms,
    }

"""From the button to the first model call, with a real idle worker."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

from benchmarks.arithmetic import percentile
from benchmarks.plan import Plan
from benchmarks.processes import Talker, service, talker
from benchmarks.scratch import Place
from tests.provider.handles import ProviderProcess

WARM_PAUSE_S = 0.2
COLD_PAUSE_S = 6.5  # a pump without work ends after five seconds
BOOT_S = 5.0


def measure(found: list[Place], plan: Plan) -> dict[str, dict[str, Any]]:
    """Measure each database with an awake pump, then all at once with pumps gone to sleep.

    Sleeping is most of the second part, so the databases do not disturb each other.
    """
    with ExitStack() as stack:
        provider = stack.enter_context(ProviderProcess())
        places = [place.allowing(provider.port) for place in found]
        slugs = [_start(stack, place, provider) for place in places]
        time.sleep(BOOT_S)
        warm = [
            _press([place], [slug], plan.warm_submissions, WARM_PAUSE_S)[0]
            for place, slug in zip(places, slugs, strict=True)
        ]
        cold = _press(places, slugs, plan.cold_submissions, COLD_PAUSE_S)
    return {
        place.name: {"awake": _figures(awake), "asleep": _figures(asleep)}
        for place, awake, asleep in zip(places, warm, cold, strict=True)
    }


def _start(stack: ExitStack, place: Place, provider: ProviderProcess) -> str:
    wish = {"provider": provider.url, "runs": 0, "limit": None}
    slug: str = place.ask("benchmarks.inside.seed", **wish)["automation"]
    stack.enter_context(service(["manage.py", "worker"], environment=place.environment))
    return slug


def _press(places: list[Place], slugs: list[str], times: int, pause_s: float) -> list[list[float]]:
    with ExitStack() as stack:
        talkers: list[Talker] = []
        for place, slug in zip(places, slugs, strict=True):
            wish = {"automation": slug, "times": times, "pause_s": pause_s}
            talkers.append(
                stack.enter_context(
                    talker("benchmarks.inside.submit", wish, environment=place.environment)
                )
            )
        for person in talkers:
            person.hear()
        for person in talkers:
            person.go()
        return [person.hear() for person in talkers]


def _figures(waited_ms: list[float]) -> dict[str, Any]:
    return {
        "submissions": len(waited_ms),
        "p50_ms": percentile(waited_ms, 0.5),
        "p95_ms": percentile(waited_ms, 0.95),
        "max_ms": max(waited_ms),
        "raw_ms": waited_ms,
    }

"""The button: submit runs one by one, and say how long each waited for its first model call."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import Any

from automations.models import Attempt, Automation, Run
from automations.services import SYSTEM, submit_run
from benchmarks.inside.child import say, wait_for_go
from benchmarks.inside.text import TEXT

PATIENCE_S = 60.0


def main(asked: dict[str, Any]) -> None:
    """Submit `times` runs, each `pause_s` after the last has ended; answer with milliseconds."""
    automation = Automation.objects.get(slug=asked["automation"])
    say({})
    wait_for_go()
    waited_ms = []
    for _ in range(asked["times"]):
        # Not in step with anybody's polling.
        time.sleep(asked["pause_s"] + random.uniform(0, 0.3))
        waited_ms.append(_submit(automation))
    say(waited_ms)


def _submit(automation: Automation) -> float:
    pressed_at = datetime.now(UTC)
    run = submit_run(automation, {"content": TEXT}, by=SYSTEM)
    _wait_for_end(run)
    began_at = Attempt.objects.get(run=run, number=1).started_at
    return round((began_at - pressed_at).total_seconds() * 1000, 1)


def _wait_for_end(run: Run) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not run.is_final:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{run} was still {run.status} after {PATIENCE_S:g} s")
        time.sleep(0.05)
        run.refresh_from_db(fields=["status"])

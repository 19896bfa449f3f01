"""People among a batch: single runs one after the other, and how long each waits to begin."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import Any

from automations.models import Attempt, Automation, Run
from automations.services import SYSTEM, submit_batch, submit_run
from benchmarks.inside.child import say, wait_for_go
from benchmarks.inside.text import TEXT


def main(asked: dict[str, Any]) -> None:
    """Submit `times` runs; answer with the milliseconds to each one's first call, in order.

    With `queued_up` they take their place behind the batch, as without priorities and reserves.
    What has not begun after `patience_s` counts as that.
    """
    automation = Automation.objects.get(slug=asked["automation"])
    say({})
    wait_for_go()
    say([_press(automation, asked) for _ in range(asked["times"])])


def _press(automation: Automation, asked: dict[str, Any]) -> float:
    time.sleep(random.uniform(0.05, 0.35))  # not in step with anybody's polling
    pressed_at = datetime.now(UTC)
    run = _submit(automation, queued_up=asked["queued_up"])
    deadline = time.monotonic() + asked["patience_s"]
    while time.monotonic() < deadline:
        begun = Attempt.objects.filter(run=run, number=1).values_list("started_at", flat=True)
        for began_at in begun:
            return round((began_at - pressed_at).total_seconds() * 1000, 1)
        time.sleep(0.05)
    return float(asked["patience_s"] * 1000)


def _submit(automation: Automation, *, queued_up: bool) -> Run:
    if not queued_up:
        return submit_run(automation, {"content": TEXT}, by=SYSTEM)
    batch = submit_batch(automation, [{"content": TEXT}], by=SYSTEM, name="one among many")
    return batch.runs.get()

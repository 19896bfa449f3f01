"""Ways to drive a pump in a test: one claim at a time, or in the background."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from automations.engine.claims import Scope
from automations.engine.held import Step
from automations.engine.pump import Pace, Pump
from automations.models import Automation, Destination, Run
from tests.makers import make_destination
from tests.provider.handles import Handle

BRISK: dict[str, Any] = {"linger_s": 0.01, "poll_s": 0.01, "gather_s": 0.0, "beat_s": 0.05}


def wait_for(wanted: Callable[[], bool], what: str, timeout_s: float = 15) -> None:
    """Poll until something is so, or fail naming it."""
    end = time.monotonic() + timeout_s
    while not wanted():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.02)


def http_destination(
    automation: Automation, server: Handle, place: str, *, keyed: bool = True, **more: Any
) -> Destination:
    """Make a destination at one of the fake provider's `/deliver/...` places."""
    settings = {
        "url": f"{server.url}/deliver/{place}",
        "honours_idempotency_key": keyed,
        "headers": {},
        "timeout_s": 20,
        **more,
    }
    return make_destination(automation, kind="http", settings=settings)


def claim_once(run: Run, pump_class: type[Pump] = Pump) -> Run:
    """Let a pump claim the run once and work on it, without waiting for its back-off first."""
    Run.objects.queued().filter(pk=run.pk).update(available_at=timezone.now())
    pace = Pace(budget_s=1.0, grace_s=20.0, **BRISK)
    pump = pump_class("one-claim", pace, Scope(run_id=run.pk))
    pump.stopping = lambda: pump._report.started > 0
    asyncio.run(pump.run())
    run.refresh_from_db()
    return run


def expire(run: Run) -> None:
    """Make the run's lease run out, as it does when its worker is gone."""
    past = timezone.now() - timedelta(seconds=1)
    assert Run.objects.running().filter(pk=run.pk).update(lease_until=past) == 1


class Killed(BaseException):
    """The worker died here."""


def pump_that_dies(*, at_commit: int, written: bool) -> type[Pump]:
    """Return a pump whose run dies at its nth commit, just before or just after the write."""

    class DyingPump(Pump):
        commits = 0

        async def commit(self, step: Step) -> None:
            type(self).commits += 1
            if self.commits == at_commit and not written:
                raise Killed
            await super().commit(step)
            if self.commits == at_commit:
                raise Killed

    return DyingPump


@contextmanager
def pumping(pump: Pump) -> Iterator[Pump]:
    """Run a pump in the background; at the end it is told to stop and waited for."""
    stop = threading.Event()
    errors: list[BaseException] = []
    pump.stopping = stop.is_set

    def work() -> None:
        try:
            asyncio.run(pump.run())
        except BaseException as error:  # noqa: BLE001  raised again below
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=work, name="pumping")
    thread.start()
    try:
        yield pump
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive(), "the pump did not stop"
    if errors:
        raise errors[0]

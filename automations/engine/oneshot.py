"""The same engine in a command: a private pump for one run or one batch."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from automations.engine.claims import Scope
from automations.engine.clock import DatabaseClock
from automations.engine.leases import reap
from automations.engine.pump import Pace, Pump, Report


def drive(*, run_id: int | None = None, batch_id: int | None = None) -> Report:
    """Work on one run or one batch until it is done or waits for a person.

    Obeys the same limits as a worker. Ctrl-C hands back what is in flight and returns.
    """
    clock = DatabaseClock()
    clock.sync()
    reap(now=clock.now())
    with _interruptible() as interrupted:
        pace = Pace(
            concurrency=settings.PUMP_CONCURRENCY, budget_s=86_400, linger_s=0.05, grace_s=0
        )
        owner = f"{socket.gethostname()}:{os.getpid()}:command"
        scope = Scope(run_id=run_id, batch_id=batch_id)
        pump = Pump(owner, pace, scope, stopping=lambda: bool(interrupted))
        return asyncio.run(pump.run())


@contextmanager
def _interruptible() -> Iterator[list[int]]:
    """Collect Ctrl-C and SIGTERM in a list instead of dying of them."""
    received: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {n: signal.signal(n, lambda number, _: received.append(number)) for n in numbers}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

"""Inside a worker process: one pump per slot, and the sweep that makes a lost ring harmless."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.utils import timezone

from automations.engine import signs
from automations.engine.claims import Scope, has_more
from automations.engine.clock import DatabaseClock
from automations.engine.leases import reap
from automations.engine.pump import Pace, Pump
from automations.queue import ring
from automations.services import fire_due_triggers, judge_open_drills, tend_due_batches

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Slot:
    """A place for one pump on this machine, held by a file lock the kernel frees on a kill."""

    number: int
    fd: int

    def release(self) -> None:
        """Free the place; harmless when it is free already."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def take_slot() -> Slot | None:
    """Return a free slot of this machine, or None when all pumps are running."""
    settings.LOCKS_DIR.mkdir(parents=True, exist_ok=True)
    for number in range(settings.WORKER_PUMPS):
        fd = os.open(settings.LOCKS_DIR / f"pump-{number}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            continue
        return Slot(number, fd)
    return None


def pump_in_slot() -> str:
    """Run one pump if a slot is free; rings again when it leaves work behind."""
    slot = take_slot()
    if slot is None:
        return "busy"
    pump = Pump(
        f"{socket.gethostname()}:{os.getpid()}:{slot.number}",
        Pace(concurrency=settings.PUMP_CONCURRENCY),
        stopping=signs.told_to_drain,
        winding_down=lambda more_left: _make_way(slot, more_left=more_left),
    )
    try:
        report = asyncio.run(pump.run())
    finally:
        slot.release()
    return f"started {report.started}"


def _make_way(slot: Slot, *, more_left: bool) -> None:
    """Let another pump take over while this one finishes what it holds."""
    slot.release()
    if signs.told_to_drain():
        return
    # Asked again after the release: a ring that came while the slot was taken went unheard.
    if more_left or has_more(Scope(), now=timezone.now()):
        ring()


def sweep() -> str:
    """Reap, fire schedules, ring if something is due; the safety net under every ring."""
    signs.show_life()
    clock = DatabaseClock()
    clock.sync()
    reaped = reap(now=clock.now())
    fired = fire_due_triggers(now=clock.now())
    tend_due_batches(now=clock.now())
    judge_open_drills()
    if has_more(Scope(), now=clock.now()):
        ring()
    if reaped or fired:
        log.info("swept", reaped=reaped, fired=fired)
    return f"reaped {reaped}, fired {fired}"

"""Inside a worker process: one pump per slot, and the sweep that makes a lost ring harmless."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from automations.engine import signs
from automations.engine.claims import Scope, has_more
from automations.engine.clock import DatabaseClock
from automations.engine.leases import reap
from automations.engine.pump import Pace, Pump
from automations.queue import ring
from automations.services import (
    expire_drafts,
    fire_near_triggers,
    fire_trigger,
    judge_open_drills,
    tend_due_batches,
)

log = structlog.get_logger(__name__)
LISTED_AT_ONCE = 8


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
    """Reap, ring if something is due, fire schedules; the safety net under every ring."""
    signs.show_life()
    clock = DatabaseClock()
    clock.sync()
    reaped = reap(now=clock.now())
    tend_due_batches(now=clock.now())
    expire_drafts(now=clock.now())
    judge_open_drills()
    if has_more(Scope(), now=clock.now()):
        ring()
    # Last: it rings by itself for what it starts, and a long list of files holds up nothing else.
    fired = fire_near_triggers(now=clock.now())
    if reaped or fired:
        log.info("swept", reaped=reaped, fired=fired)
    return f"reaped {reaped}, fired {fired}"


def fire_triggers(trigger_ids: list[int]) -> str:
    """Start due schedules whose sources are asked over the network, several at a time.

    A source that does not answer holds up one of these threads, and no other schedule.
    """
    with ThreadPoolExecutor(LISTED_AT_ONCE, thread_name_prefix="schedule") as pool:
        fired = sum(pool.map(_fire_one, trigger_ids))
    return f"fired {fired}"


def _fire_one(trigger_id: int) -> int:
    clock = DatabaseClock()
    try:
        clock.sync()
        return fire_trigger(trigger_id, now=clock.now())
    except Exception as error:  # the others go on; the next sweep tries it again
        log.error("schedule_failed", trigger=trigger_id, exc_info=error)
        return 0
    finally:
        connection.close()

"""The supervised worker: django-q2's processes in a group of their own, crash-only.

django-q2 by itself can hang for ever when an idle worker is killed (it held the queue's read
lock), and a killed parent leaves orphans that go on working. Here a child that dies by a signal
takes the whole group with it, and the group is started afresh.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import time
import uuid
from datetime import timedelta
from multiprocessing.process import BaseProcess
from typing import Any

import structlog
from django.db import Error, connections
from django.utils import timezone
from django_q.cluster import Sentinel

from automations.engine import signs
from automations.models import Run, Worker
from automations.processes import die_with_parent
from automations.queue import ring

log = structlog.get_logger(__name__)
BEAT_S = 10.0
SILENT_WITH_WORK_S = 60.0
SILENT_S = 240.0
STOP_S = 40.0
BACKOFF_MAX_S = 30.0
STEADY_S = 30.0
fork = multiprocessing.get_context("fork")


class CrashOnlySentinel(Sentinel):  # type: ignore[misc]
    """django-q2's parent of workers, which ends with all of them when one dies by a signal."""

    def reincarnate(self, process: BaseProcess) -> None:
        """Replace a child that ended by itself; give up the group for one that was killed."""
        if (process.exitcode or 0) < 0:
            # It may have held a lock of the queue, which nobody can free now.
            log.error("worker_killed", pid=process.pid, signal=-(process.exitcode or 0))
            os.killpg(0, signal.SIGKILL)
        super().reincarnate(process)

    def stop(self) -> None:
        """Drain: pumps stop claiming at once and finish or hand back what they hold."""
        signs.tell_to_drain()
        super().stop()


class Supervisor:
    """Keeps one group of worker processes alive until told to stop.

    A second SIGTERM or SIGINT, or `STOP_S` seconds, ends the group the hard way: runs it held
    return to the queue when their leases run out.
    """

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.started_at = timezone.now()
        self._signals = 0
        self._restarts = 0
        self._deaths_in_a_row = 0
        self._group_began = 0.0

    def run(self) -> int:
        """Supervise until stopped; return the process's exit code."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        os.register_at_fork(after_in_child=die_with_parent)
        while not self._signals:
            group = self._start_group()
            self._watch(group)
            self._end(group)
        self._say_goodbye()
        return 0

    def _on_signal(self, *_: object) -> None:
        # Only a flag: acting in here can deadlock with the code that was interrupted.
        self._signals += 1

    def _start_group(self) -> _Group:
        connections.close_all()
        signs.reset()
        self._group_began = time.monotonic()
        group = _Group.start()
        log.info("worker_group_started", pid=group.sentinel.pid, restarts=self._restarts)
        return group

    def _watch(self, group: _Group) -> None:
        """Return when the group has died, hangs, or everything is to stop."""
        beat_at = 0.0
        rung = False
        while not self._signals and group.sentinel.is_alive():
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + BEAT_S
                if self._beat_and_look(ring_first=not rung) == "hangs":
                    return
                rung = True
            group.sentinel.join(timeout=0.5)

    def _beat_and_look(self, *, ring_first: bool) -> str:
        try:
            self._beat()
            if ring_first:
                ring()
            return "hangs" if _hangs() else "works"
        except Error as error:
            log.warning("database_away", error=type(error).__name__)
            connections.close_all()
            return "unknown"

    def _beat(self) -> None:
        values = {
            "seen_at": timezone.now(),
            "started_at": self.started_at,
            "info": {"restarts": self._restarts, "python": sys.version.split()[0]},
        }
        Worker.objects.update_or_create(name=self.name, defaults=values)

    def _end(self, group: _Group) -> None:
        if self._signals:
            group.stop(patience_s=STOP_S, hurry=lambda: self._signals > 1)
            return
        log.error("worker_group_died", exitcode=group.sentinel.exitcode)
        group.kill()
        self._restarts += 1
        steady = time.monotonic() - self._group_began > STEADY_S
        self._deaths_in_a_row = 1 if steady else self._deaths_in_a_row + 1
        time.sleep(min(BACKOFF_MAX_S, 0.5 * 2 ** min(6, self._deaths_in_a_row - 1)))

    def _say_goodbye(self) -> None:
        try:
            Worker.objects.filter(name=self.name).delete()
        except Error as error:
            log.warning("database_away", error=type(error).__name__)


class _Group:
    """One sentinel with its children, in a process group of their own."""

    def __init__(self, sentinel: BaseProcess, stop_event: Any) -> None:
        self.sentinel = sentinel
        self._stop_event = stop_event

    @classmethod
    def start(cls) -> _Group:
        stop_event, start_event = fork.Event(), fork.Event()
        args = (stop_event, start_event, uuid.uuid4())
        sentinel = fork.Process(target=_sentinel_main, args=args, name="worker-group")
        sentinel.start()
        return cls(sentinel, stop_event)

    def stop(self, *, patience_s: float, hurry: Any) -> None:
        """Drain, and kill what is left after `patience_s` seconds or when `hurry()`."""
        signs.tell_to_drain()
        self._stop_event.set()
        deadline = time.monotonic() + patience_s
        while self.sentinel.is_alive() and time.monotonic() < deadline and not hurry():
            self.sentinel.join(timeout=0.2)
        self.kill()

    def kill(self) -> None:
        """End the whole group now; it leads its own process group, so nobody else is hit."""
        try:
            os.killpg(self.sentinel.pid or 0, signal.SIGKILL)
        except ProcessLookupError:
            log.debug("worker_group_gone")
        self.sentinel.join(timeout=5)


def _sentinel_main(stop_event: Any, start_event: Any, cluster_id: uuid.UUID) -> None:
    os.setpgid(0, 0)
    CrashOnlySentinel(stop_event, start_event, cluster_id)


def _hangs() -> bool:
    """Tell whether the group shows no life although work has been due for a while."""
    silent = signs.silent_for_s()
    if silent < SILENT_WITH_WORK_S:
        return False
    overdue = timezone.now() - timedelta(seconds=SILENT_WITH_WORK_S / 2)
    waiting = Run.objects.queued().filter(available_at__lt=overdue, automation__paused_at=None)
    return silent > SILENT_S or waiting.exists()

"""The supervisor's judgement; its processes are tested by killing them (test_kill.py)."""

from __future__ import annotations

import inspect
import os
import signal
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.utils import timezone
from django_q.cluster import Sentinel
from django_q.models import OrmQ

from automations import services
from automations.engine import signs, supervisor
from automations.engine.supervisor import CrashOnlySentinel, Supervisor
from automations.models import Worker
from tests.makers import make_run


@pytest.fixture(autouse=True)
def _alive() -> None:
    signs.reset()


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return the process groups that were sent a signal instead of sending it."""
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "killpg", lambda group, number: calls.append((group, number)))
    return calls


def a_sentinel() -> CrashOnlySentinel:
    return CrashOnlySentinel.__new__(CrashOnlySentinel)


def test_what_is_overridden_still_exists_in_the_queues_package() -> None:
    assert list(inspect.signature(Sentinel.reincarnate).parameters) == ["self", "process"]
    assert list(inspect.signature(Sentinel.stop).parameters) == ["self"]
    parameters = list(inspect.signature(Sentinel.__init__).parameters)
    assert parameters[:4] == ["self", "stop_event", "start_event", "cluster_id"]


def test_a_child_that_died_by_a_signal_takes_its_group_along(
    killed: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sentinel, "reincarnate", lambda self, process: None)
    a_sentinel().reincarnate(SimpleNamespace(exitcode=-9, pid=12))  # type: ignore[arg-type]
    assert killed == [(0, signal.SIGKILL)]


@pytest.mark.parametrize("exitcode", [0, 1, None])
def test_a_child_that_ended_by_itself_is_replaced(
    killed: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch, exitcode: int | None
) -> None:
    replaced: list[Any] = []
    monkeypatch.setattr(Sentinel, "reincarnate", lambda self, process: replaced.append(process))
    child = SimpleNamespace(exitcode=exitcode, pid=12)
    a_sentinel().reincarnate(child)  # type: ignore[arg-type]
    assert (killed, replaced) == ([], [child])


def test_stopping_tells_every_pump_to_drain_first(monkeypatch: pytest.MonkeyPatch) -> None:
    signs.reset()
    drained: list[bool] = []
    monkeypatch.setattr(Sentinel, "stop", lambda self: drained.append(signs.told_to_drain()))
    a_sentinel().stop()
    signs.reset()
    assert drained == [True]


def test_a_signal_only_sets_a_flag() -> None:
    watched = Supervisor()
    watched._on_signal(signal.SIGTERM, None)
    watched._on_signal(signal.SIGTERM, None)
    assert watched._signals == 2


@pytest.mark.django_db
def test_a_beat_keeps_one_row_per_worker_and_rings_at_boot() -> None:
    signs.reset()
    watched = Supervisor()
    assert watched._beat_and_look(ring_first=True) == "works"
    assert watched._beat_and_look(ring_first=False) == "works"
    assert Worker.alive().get().name == watched.name
    assert OrmQ.objects.count() == 1
    watched._say_goodbye()
    assert not Worker.objects.exists()


@pytest.mark.django_db
def test_a_database_that_is_away_is_no_reason_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: Supervisor) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(Supervisor, "_beat", away)
    monkeypatch.setattr(connections, "close_all", lambda: None)
    assert Supervisor()._beat_and_look(ring_first=True) == "unknown"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("silent_s", "waiting", "verdict"),
    [(10, 1, "works"), (70, 0, "works"), (70, 1, "hangs"), (250, 0, "hangs")],
)
def test_a_group_hangs_when_it_is_silent_with_work_or_far_too_long(
    monkeypatch: pytest.MonkeyPatch, silent_s: float, waiting: int, verdict: str
) -> None:
    monkeypatch.setattr(signs, "silent_for_s", lambda: silent_s)
    for _ in range(waiting):
        make_run(available_at=timezone.now() - timedelta(minutes=2))
    assert supervisor._hangs() is (verdict == "hangs")


@pytest.mark.django_db
def test_a_paused_automations_runs_are_no_sign_of_a_hanging_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signs, "silent_for_s", lambda: 70.0)
    run = make_run(available_at=timezone.now() - timedelta(minutes=2))
    services.pause(run.automation, by=services.SYSTEM)
    assert supervisor._hangs() is False


def test_restarts_back_off_while_groups_die_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    watched = Supervisor()
    group: Any = SimpleNamespace(sentinel=SimpleNamespace(exitcode=-9), kill=lambda: None)
    now = 1_000.0
    for lived_s in (1, 1, 1, 1_000, 1):
        monkeypatch.setattr(time, "monotonic", lambda: now)  # noqa: B023
        watched._group_began = now
        now += lived_s
        watched._end(group)
    assert waits == [0.5, 1.0, 2.0, 0.5, 1.0]

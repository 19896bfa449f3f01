"""Inside a worker process: slots, rings, and the sweep that makes a lost ring harmless."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from automations import queue, services, tasks
from automations.engine import signs, worker
from automations.models import Run, Trigger
from tests.makers import LONG_TEXT, make_automation, make_live, make_run
from tests.provider import FakeProvider


@pytest.fixture(autouse=True)
def _fresh(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.LOCKS_DIR = tmp_path / "locks"
    settings.WORKER_PUMPS = 1
    signs.reset()
    yield
    signs.reset()


def rings() -> list[str]:
    """Return what was put into the queue."""
    return [SignedPackage.loads(row.payload)["func"] for row in OrmQ.objects.all()]


# --- slots ---------------------------------------------------------------------------------


def test_a_machine_has_as_many_slots_as_pumps(settings: Any) -> None:
    settings.WORKER_PUMPS = 2
    first, second = worker.take_slot(), worker.take_slot()
    assert first
    assert second
    assert {first.number, second.number} == {0, 1}
    assert worker.take_slot() is None
    first.release()
    first.release()  # harmless
    third = worker.take_slot()
    assert third
    assert third.number == 0
    second.release()
    third.release()


def test_the_kernel_frees_the_slot_of_a_killed_process(settings: Any) -> None:
    settings.LOCKS_DIR.mkdir()
    code = (
        "import fcntl, os, sys, time\n"
        f"fd = os.open({str(settings.LOCKS_DIR / 'pump-0')!r}, os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(fd, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "locked\n"
    assert worker.take_slot() is None
    holder.kill()
    holder.wait()
    holder.stdout.close()
    slot = worker.take_slot()
    assert slot
    slot.release()


@pytest.mark.django_db
def test_a_ring_on_a_machine_that_pumps_already_does_nothing() -> None:
    slot = worker.take_slot()
    assert slot
    assert tasks.pump() == "busy"
    slot.release()


# --- pump ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_pump_works_and_frees_its_slot_without_ringing_for_nothing(
    answering: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    _briskly(monkeypatch)
    make_run(make_live(model="ok"))
    OrmQ.objects.all().delete()
    assert tasks.pump() == "started 1"
    assert Run.objects.get().status == "success"
    assert rings() == []
    slot = worker.take_slot()
    assert slot
    slot.release()


@pytest.mark.django_db(transaction=True)
def test_a_pump_whose_time_is_up_rings_for_the_rest(
    answering: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    _briskly(monkeypatch, budget_s=0.0)
    make_run(make_live(model="ok"))
    OrmQ.objects.all().delete()
    tasks.pump()
    assert rings() == [queue.PUMP]


@pytest.mark.django_db(transaction=True)
def test_a_pump_that_was_told_to_drain_does_not_ring(
    answering: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    _briskly(monkeypatch)
    make_run(make_live(model="ok"))
    OrmQ.objects.all().delete()
    signs.tell_to_drain()
    tasks.pump()
    assert (rings(), Run.objects.get().status) == ([], "queued")


def _briskly(monkeypatch: pytest.MonkeyPatch, **pace: Any) -> None:
    from functools import partial

    from automations.engine.pump import Pace

    times: dict[str, Any] = {"linger_s": 0.05, "poll_s": 0.01, **pace}
    brisk = partial(Pace, **times)
    monkeypatch.setattr(worker, "Pace", brisk)


# --- sweep ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_sweep_rings_for_a_run_whose_ring_was_lost() -> None:
    make_run()
    assert rings() == []
    tasks.sweep()
    assert rings() == [queue.PUMP]


@pytest.mark.django_db
def test_the_sweep_is_silent_when_nothing_is_due() -> None:
    make_run(available_at=timezone.now() + timedelta(hours=1))
    assert tasks.sweep() == "reaped 0, fired 0"
    assert rings() == []


@pytest.mark.django_db
def test_the_sweep_gives_back_what_dead_workers_held_and_rings() -> None:
    past = timezone.now() - timedelta(seconds=1)
    run = make_run(status="running", lease_owner="dead", lease_until=past)
    assert tasks.sweep() == "reaped 1, fired 0"
    run.refresh_from_db()
    assert run.status == "queued"
    assert rings() == [queue.PUMP]


@pytest.mark.django_db
def test_the_sweep_starts_what_schedules_say() -> None:
    version = make_live(make_automation("nightly"))
    past = timezone.now() - timedelta(seconds=1)
    settings = {"cron": "0 3 * * *", "timezone": "UTC", "input": {"content": LONG_TEXT}}
    Trigger.objects.create(automation=version.automation, settings=settings, next_at=past)
    assert tasks.sweep() == "reaped 0, fired 1"
    assert Run.objects.get().origin == "schedule"


@pytest.mark.django_db
def test_the_sweep_is_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signs._life, "value", 0.0)
    tasks.sweep()
    assert signs.silent_for_s() < 5


# --- rings ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_starting_a_run_rings_once_and_only_after_its_commit() -> None:
    from django.db import transaction

    version = make_live()
    with transaction.atomic():
        services.submit_run(version.automation, {"content": LONG_TEXT}, by=services.SYSTEM)
        assert rings() == []
    assert rings() == [queue.PUMP]


@pytest.mark.django_db(transaction=True)
def test_a_batch_rings_per_chunk_not_per_run() -> None:
    version = make_live()
    rows = [{"content": LONG_TEXT}] * 20
    services.submit_batch(version.automation, rows, by=services.SYSTEM, name="b")
    assert rings() == [queue.PUMP]

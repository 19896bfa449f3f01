"""Verbs and workers that lock the same rows at the same time: PostgreSQL once ended one of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from automations import services
from automations.models import Batch, Hook, Run, Trigger
from automations.services.deadlocks import TRIES, again_after_deadlock
from tests.automations.hooking import make_hook
from tests.makers import make_live, make_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time, so no deadlocks.")


def closing(verb: Callable[[], Any]) -> Any:
    """Do it with a connection of this thread, and close that."""
    try:
        return verb()
    finally:
        connection.close()


def wait_for_a_lock() -> None:
    """Return as soon as another connection waits for a row."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waited for a lock")


@pytest.mark.usefixtures("_postgresql")
def test_saving_a_trigger_and_a_call_of_it_lock_in_one_order() -> None:
    trigger = Trigger.objects.get(pk=make_hook().trigger.pk)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Hook.objects.select_for_update().get(trigger=trigger)
            save = lambda: services.save_trigger(trigger, by=services.SYSTEM)  # noqa: E731
            saved = pool.submit(closing, save)
            wait_for_a_lock()
            Trigger.objects.filter(pk=trigger.pk).update(last_fired_at=timezone.now())
        assert saved.result(30) == services.hooks.Shown()


@pytest.mark.usefixtures("_postgresql")
def test_a_batch_is_cancelled_although_a_worker_locks_its_runs_the_other_way() -> None:
    version = make_live(rules=[])
    batch = Batch.objects.create(
        automation=version.automation, version=version, name="b", state=Batch.State.OPEN, total=2
    )
    runs = [make_run(version, status="running", batch=batch, batch_row=n) for n in (1, 2)]
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Run.objects.filter(pk=runs[1].pk).update(step=Run.Step.DELIVER)
            cancel = lambda: services.cancel_batch(batch, by=services.SYSTEM)  # noqa: E731
            cancelled = pool.submit(closing, cancel)
            wait_for_a_lock()
            Run.objects.filter(pk=runs[0].pk).update(step=Run.Step.DELIVER)
        assert cancelled.result(30).cancelled_at
    assert Run.objects.filter(cancel_requested_at__isnull=False, step="deliver").count() == 2


class Deadlock(Exception):
    sqlstate = "40P01"


def failing(times: int, cause: Exception) -> tuple[Callable[[], str], list[int]]:
    """Return a verb that fails so often before it goes well, and the list of its tries."""
    tries: list[int] = []

    @again_after_deadlock
    def verb() -> str:
        tries.append(1)
        if len(tries) <= times:
            raise OperationalError("refused") from cause
        return "done"

    return verb, tries


def test_a_deadlock_is_tried_again_a_few_times() -> None:
    verb, tries = failing(TRIES - 1, Deadlock())
    assert (verb(), len(tries)) == ("done", TRIES)
    verb, tries = failing(TRIES, Deadlock())
    with pytest.raises(OperationalError):
        verb()
    assert len(tries) == TRIES


def test_nothing_else_is_tried_again_and_nothing_inside_a_transaction() -> None:
    verb, tries = failing(1, ValueError("disk full"))
    with pytest.raises(OperationalError):
        verb()
    assert len(tries) == 1
    verb, tries = failing(1, Deadlock())
    with pytest.raises(OperationalError), transaction.atomic():
        verb()
    assert len(tries) == 1

"""The same engine in a command: one run, one batch, Ctrl-C, and another worker in between."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from automations import services
from automations.engine.oneshot import drive
from automations.engine.pump import Pace, Pump
from automations.models import Batch, Run, Version
from tests.automations.engine.driving import BRISK, pumping, wait_for
from tests.makers import make_automation, make_live, make_run
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)


def a_batch(version: Version, count: int) -> Batch:
    rows = [{"content": f"Row {n}. " * 30} for n in range(count)]
    return services.submit_batch(version.automation, rows, by=services.SYSTEM, name="rows")


def test_one_run_is_driven_to_its_end_through_its_retries(answering: FakeProvider) -> None:
    run = make_run(make_live(model="fail:500x2-then-ok"))
    report = drive(run_id=run.pk)
    run.refresh_from_db()
    assert (run.status, run.calls, report.started) == ("success", 3, 3)


def test_a_batch_is_driven_to_its_end_with_a_result_per_item(answering: FakeProvider) -> None:
    version = make_live(make_automation(concurrency=4), model="ok")
    batch = a_batch(version, 12)
    bad = batch.runs.order_by("pk")[3]
    Run.objects.filter(pk=bad.pk).update(input_data={"content": "short"})
    other = make_run(version)
    drive(batch_id=batch.pk)
    other.refresh_from_db()
    assert batch.counts() == {"success": 11, "failed": 1}
    assert other.status == "queued"


def test_driving_returns_when_a_run_waits_for_a_person(answering: FakeProvider) -> None:
    automation = make_automation("careful", approval_required=True)
    from tests.automations.engine.driving import http_destination

    http_destination(automation, answering, "keyed")
    run = make_run(make_live(automation, model="ok"))
    drive(run_id=run.pk)
    run.refresh_from_db()
    assert run.status == "awaiting_approval"


def test_a_batch_behind_an_open_circuit_is_not_waited_for(answering: FakeProvider) -> None:
    batch = a_batch(make_live(make_automation(concurrency=2), model="401"), 8)
    drive(batch_id=batch.pk)
    counts = batch.counts()
    assert counts["failed"] >= 1
    assert counts["queued"] == 8 - counts["failed"]
    assert answering.seen()["calls"] == counts["failed"]


@pytest.mark.parametrize("stop", ["pause", "halt"])
def test_driving_returns_when_people_stop_everything(answering: FakeProvider, stop: str) -> None:
    run = make_run(make_live(model="ok"))
    if stop == "pause":
        services.pause(run.automation, by=services.SYSTEM)
    else:
        services.halt(by=services.SYSTEM, reason="drill")
    assert drive(run_id=run.pk).started == 0
    run.refresh_from_db()
    assert run.status == "queued"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_hands_the_run_back_and_leaves_the_handlers_as_they_were(
    answering: FakeProvider, number: int
) -> None:
    before = signal.getsignal(number)
    run = make_run(make_live(model="hang"))

    def interrupt() -> None:
        answering.wait_until(lambda seen: seen["in_flight"] == 1)
        os.kill(os.getpid(), number)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    began = time.monotonic()
    report = drive(run_id=run.pk)
    interrupter.join()
    assert report.left
    assert time.monotonic() - began < 10
    run.refresh_from_db()
    assert (run.status, run.crashes) == ("queued", 0)
    assert signal.getsignal(number) is before


def test_a_run_that_a_worker_took_first_is_waited_for(answering: FakeProvider) -> None:
    answering.script(latency_ms=300)
    run = make_run(make_live(model="ok"))
    with pumping(Pump("worker", Pace(**{**BRISK, "linger_s": 5}))):
        wait_for(lambda: Run.objects.get().status == "running", "the worker's claim")
        report = drive(run_id=run.pk)
        run.refresh_from_db()
    assert (run.status, report.started, run.calls) == ("success", 0, 1)


def test_a_run_that_a_dead_command_left_behind_is_taken_over(answering: FakeProvider) -> None:
    run = make_run(make_live(model="ok"))
    past = timezone.now() - timedelta(seconds=1)
    Run.objects.update(status="running", lease_owner="dead", lease_until=past)
    drive(run_id=run.pk)
    run.refresh_from_db()
    assert (run.status, run.crashes) == ("success", 1)

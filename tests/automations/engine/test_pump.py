"""The pump at work: limits under load, cancelling, pausing, draining, a database that goes away."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from automations import services
from automations.engine.claims import Claimer, Scope
from automations.engine.held import LEASE, Step
from automations.engine.leases import Pulse
from automations.engine.pump import Pace, Pump, _Pending
from automations.models import Automation, Control, Provider, Run, Version
from tests.automations.engine.driving import BRISK, claim_once, expire, pumping, wait_for
from tests.makers import make_automation, make_live, make_run
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)


def a_pump(name: str = "pump", **pace: Any) -> Pump:
    return Pump(name, Pace(**{**BRISK, "budget_s": 30, "grace_s": 5, **pace}))


def work_off(*pumps: Pump) -> None:
    """Run pumps side by side until nothing is due."""

    async def together() -> None:
        await asyncio.gather(*(pump.run() for pump in pumps))

    asyncio.run(together())


def wide(slug: str = "wide", model: str = "ok", **provider: Any) -> Version:
    version = make_live(make_automation(slug, concurrency=1000), model=model)
    Provider.objects.filter(pk=version.provider_id).update(**provider)
    return version


def statuses() -> set[str]:
    return set(Run.objects.values_list("status", flat=True))


# --- limits --------------------------------------------------------------------------------


def test_two_pumps_never_exceed_a_providers_concurrency(answering: FakeProvider) -> None:
    version = wide(max_concurrency=4)
    answering.script(latency_ms=60)
    for _ in range(24):
        make_run(version)
    work_off(a_pump("one"), a_pump("two"))
    assert statuses() == {"success"}
    assert answering.seen()["max_in_flight"] == 4
    assert answering.seen()["calls"] == 24


def test_repairs_keep_to_the_providers_concurrency_too(answering: FakeProvider) -> None:
    version = wide(max_concurrency=2)
    answering.script(latency_ms=30, answers=["too short"] * 8)
    for _ in range(8):
        make_run(version)
    work_off(a_pump())
    assert statuses() <= {"success", "failed"}  # a run may have been given two short answers
    assert answering.seen()["max_in_flight"] == 2
    assert answering.seen()["calls"] > 8


def test_an_automations_concurrency_holds_while_it_works(answering: FakeProvider) -> None:
    version = make_live(make_automation("narrow", concurrency=3), model="ok")
    answering.script(latency_ms=40)
    for _ in range(9):
        make_run(version)
    work_off(a_pump("one"), a_pump("two"))
    assert statuses() == {"success"}
    assert answering.seen()["max_in_flight"] <= 3


def test_requests_per_minute_are_kept(answering: FakeProvider) -> None:
    version = wide(max_concurrency=None, requests_per_minute=240)  # 4 a second, burst of 12
    for _ in range(16):
        make_run(version)
    work_off(a_pump())
    assert statuses() == {"success"}
    began = sorted(a.started_at for run in Run.objects.all() for a in run.attempts.all())
    # Four after the burst, a second's worth; the first calls may begin a little after their claim.
    assert began[-1] - began[0] >= timedelta(seconds=0.7)


def test_a_provider_that_refuses_at_its_own_limit_gets_everything_done(
    answering: FakeProvider,
) -> None:
    version = wide(max_concurrency=12)
    answering.script(latency_ms=20, refuse_above=4)
    for _ in range(12):
        make_run(version)
    work_off(a_pump())
    assert statuses() == {"success"}
    assert set(Run.objects.values_list("failures", flat=True)) == {0}
    assert Run.objects.filter(postponements__gt=0).exists()


def test_many_runs_at_once_each_make_one_call_and_end(answering: FakeProvider) -> None:
    version = wide(max_concurrency=None)
    answering.script(latency_ms=20)
    for _ in range(100):
        make_run(version)
    work_off(a_pump())
    assert statuses() == {"success"}
    assert answering.seen()["calls"] == 100
    assert 16 < answering.seen()["max_in_flight"] <= 64


# --- people stop things --------------------------------------------------------------------


def test_a_running_run_is_cancelled_within_a_beat(answering: FakeProvider) -> None:
    run = make_run(wide(model="hang"))
    with pumping(a_pump()):
        answering.wait_until(lambda seen: seen["in_flight"] == 1)
        services.cancel_run(run, by=services.SYSTEM)
        wait_for(lambda: Run.objects.get().status == "cancelled", "the end of the run")
        answering.wait_until(lambda seen: seen["in_flight"] == 0)
    run.refresh_from_db()
    assert (run.error_message, run.lease_owner) == ("Cancelled.", "")
    assert run.completed_at is not None
    assert run.output_data is None


def test_a_pause_hands_running_runs_back_and_resuming_finishes_them(
    answering: FakeProvider,
) -> None:
    version = wide()
    answering.script(latency_ms=60_000)
    run = make_run(version)
    with pumping(a_pump()):
        answering.wait_until(lambda seen: seen["in_flight"] == 1)
        services.pause(version.automation, by=services.SYSTEM)
        wait_for(lambda: Run.objects.get().status == "queued", "the run back in the queue")
        answering.wait_until(lambda seen: seen["in_flight"] == 0)
    answering.script(latency_ms=0)
    assert claim_once(run).status == "queued"
    services.resume(version.automation, by=services.SYSTEM)
    claim_once(run)
    assert (run.status, run.crashes) == ("success", 0)
    # The call that the pause broke off may be on the bill.
    assert [a.error_code for a in run.attempts.order_by("number")] == ["broken_off", ""]


@pytest.mark.parametrize("stop", ["pause", "kill switch"])
def test_the_time_of_a_stop_does_not_count_for_deadlines(
    answering: FakeProvider, stop: str
) -> None:
    version = wide()
    now, hour = timezone.now(), timedelta(hours=1)
    run = make_run(version, deadline_at=now - timedelta(minutes=55), failures=1)
    if stop == "pause":
        services.pause(version.automation, by=services.SYSTEM)
        Automation.objects.update(paused_at=now - hour)
        services.resume(Automation.objects.get(), by=services.SYSTEM)
    else:
        services.halt(by=services.SYSTEM, reason="drill")
        Control.objects.update(halted_at=now - hour)
        services.unhalt(by=services.SYSTEM)
    assert claim_once(run).status == "success"


def test_the_kill_switch_reaches_running_runs(answering: FakeProvider) -> None:
    make_run(wide(model="hang"))
    with pumping(a_pump()):
        answering.wait_until(lambda seen: seen["in_flight"] == 1)
        services.halt(by=services.SYSTEM, reason="drill")
        wait_for(lambda: Run.objects.get().status == "queued", "the run back in the queue")
    run = Run.objects.get()
    assert (run.crashes, run.lease_owner, answering.seen()["calls"]) == (0, "", 1)


# --- shutdown ------------------------------------------------------------------------------


def test_stopping_finishes_what_is_in_flight(answering: FakeProvider) -> None:
    version = wide()
    answering.script(latency_ms=300)
    runs = [make_run(version) for _ in range(5)]
    with pumping(a_pump()):
        answering.wait_until(lambda seen: seen["in_flight"] == 5)
        late = make_run(version, available_at=timezone.now() + timedelta(seconds=0.2))
    assert set(Run.objects.filter(pk__in=[r.pk for r in runs]).values_list("status")) == {
        ("success",)
    }
    late.refresh_from_db()
    assert late.status == "queued"


def test_after_the_grace_the_rest_is_handed_back_at_once(answering: FakeProvider) -> None:
    run = make_run(wide(model="hang"))
    with pumping(a_pump(grace_s=0.1)):
        answering.wait_until(lambda seen: seen["in_flight"] == 1)
    run.refresh_from_db()
    assert (run.status, run.crashes, run.lease_owner) == ("queued", 0, "")
    assert (run.attempts.get().error_code, run.calls) == ("broken_off", 1)


def test_an_idle_pump_ends_by_itself() -> None:
    pump = a_pump()
    report = asyncio.run(pump.run())
    assert (report.started, report.left) == (0, False)


def test_a_spent_budget_leaves_the_rest_and_says_so(answering: FakeProvider) -> None:
    version = wide()
    answering.script(latency_ms=100)
    for _ in range(30):
        make_run(version)
    report = asyncio.run(a_pump(budget_s=0.15, concurrency=4).run())
    assert report.left
    assert statuses() == {"success", "queued"}
    assert not Run.objects.running().exists()


# --- lost and found ------------------------------------------------------------------------


def test_a_run_that_another_worker_has_taken_is_dropped_in_silence(
    answering: FakeProvider,
) -> None:
    run = make_run(wide(model="hang"))
    with pumping(a_pump()):
        answering.wait_until(lambda seen: seen["in_flight"] == 1)
        Run.objects.filter(pk=run.pk).update(lease_owner="another", fence=7)
        answering.wait_until(lambda seen: seen["in_flight"] == 0)
    run.refresh_from_db()
    assert (run.status, run.lease_owner, run.fence) == ("running", "another", 7)


def test_a_pump_finds_runs_whose_worker_died(answering: FakeProvider) -> None:
    run = make_run(wide())
    lease = timezone.now() + timedelta(seconds=0.3)
    Run.objects.filter(pk=run.pk).update(status="running", lease_owner="dead", lease_until=lease)
    with pumping(a_pump(reap_s=0.1, linger_s=5)):
        wait_for(lambda: Run.objects.get().status == "success", "the end of the run")
    run.refresh_from_db()
    assert run.crashes == 1


def test_the_lease_is_extended_while_a_call_takes_its_time(answering: FakeProvider) -> None:
    run = make_run(wide())
    answering.script(latency_ms=600)
    with pumping(a_pump(reap_s=0.05)):
        answering.wait_until(lambda seen: seen["in_flight"] == 1)
        expire(run)
        wait_for(lambda: Run.objects.get().status == "success", "the end of the run")
    run.refresh_from_db()
    assert (run.crashes, run.calls, answering.seen()["calls"]) == (0, 1, 1)


# --- the database goes away ----------------------------------------------------------------


def cut_connections() -> None:
    """End every other connection to the test's database, as a server's restart does."""
    facts = connection.settings_dict
    with psycopg.connect(
        host=facts["HOST"], port=facts["PORT"], user=facts["USER"], dbname="postgres"
    ) as control:
        control.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> %s",
            [facts["NAME"], own_pid()],
        )


def own_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_a_lost_database_connection_costs_no_second_call(answering: FakeProvider) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connection that could be lost")
    version = wide()
    answering.script(latency_ms=400)
    for _ in range(5):
        make_run(version)
    with pumping(a_pump(linger_s=0.5)):
        answering.wait_until(lambda seen: seen["in_flight"] == 5)
        cut_connections()
        wait_for(lambda: statuses() == {"success"}, "the end of the runs")
    assert answering.seen()["calls"] == 5
    assert set(Run.objects.values_list("crashes", "calls")) == {(0, 1)}


def test_a_scoped_pump_leaves_other_runs_alone(answering: FakeProvider) -> None:
    version = wide()
    mine, other = make_run(version), make_run(version)
    asyncio.run(Pump("scoped", Pace(**BRISK), Scope(run_id=mine.pk)).run())
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.status, other.status) == ("success", "queued")


# --- what is being written decides by itself -----------------------------------------------


def heeded(run: Run, *, pending: int) -> bool:
    """Tell whether a wish to cancel stops a held run that has that many writes under way."""
    with transaction.atomic():
        (held,) = Claimer("pump").claim(1, now=timezone.now())
    assert held.id == run.pk

    async def scene() -> bool:
        pump = a_pump()
        task = asyncio.create_task(asyncio.sleep(60))
        pump._held[held.id] = (held, task)
        for _ in range(pending):
            write = _Pending(Step(held, {}), asyncio.get_running_loop().create_future())
            pump._pending.append(write)
        until = timezone.now() + LEASE
        pump._heed(held, Pulse(until, held={held.id: held.fence}, cancel={held.id}))
        assert held.lease_until == until
        await asyncio.sleep(0)
        stopped = task.cancelled()
        task.cancel()
        return stopped

    return asyncio.run(scene())


def test_a_wish_to_cancel_stops_a_run_that_has_nothing_to_write() -> None:
    assert heeded(make_run(wide()), pending=0)


def test_a_wish_to_cancel_does_not_overtake_the_runs_own_end() -> None:
    assert not heeded(make_run(wide()), pending=1)


@pytest.mark.django_db(transaction=True)
def test_a_call_that_is_broken_off_by_a_cancel_keeps_its_row(
    answering: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_MODEL", "hang")
    run = make_run(make_live())
    with pumping(Pump("p", Pace(**BRISK))):
        answering.wait_until(lambda seen: seen["in_flight"] == 1)
        services.cancel_run(Run.objects.get(pk=run.pk), by=services.SYSTEM)
        wait_for(lambda: Run.objects.get(pk=run.pk).status == "cancelled", "the cancel")
    attempt = run.attempts.get()
    assert (attempt.error_code, attempt.http_status) == ("broken_off", None)
    assert Run.objects.get(pk=run.pk).calls == 1

"""Claims: who gets which runs, in what order, and never twice."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from automations import services
from automations.engine import claims
from automations.engine.claims import Claimer, Scope, has_more
from automations.engine.endpoints import endpoint_id
from automations.engine.held import LEASE, Held
from automations.models import Automation, Batch, Control, Provider, Run, Version
from tests.makers import make_automation, make_live, make_provider, make_run

HERE = {"kind": "endpoint", "base_url": "https://models.example/v1"}


def claim(
    room: int = 100, *, claimer: Claimer | None = None, scope: Scope | None = None
) -> list[Held]:
    """Claim in a transaction of its own."""
    chosen = claimer or Claimer("one", scope or Scope())
    with transaction.atomic():
        return chosen.claim(room, now=timezone.now())


def wide(slug: str = "wide", provider: Provider | None = None, concurrency: int = 1000) -> Version:
    """Make a live version whose automation and provider hold nothing back."""
    provider = provider or make_provider(**HERE, max_concurrency=None)
    return make_live(make_automation(slug, concurrency=concurrency), provider=provider)


def make_runs(version: Version, count: int, **values: object) -> list[Run]:
    return [make_run(version, **values) for _ in range(count)]


def ids(held: list[Held]) -> list[int]:
    return [run.id for run in held]


# --- one run -------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_claimed_run_is_running_leased_and_one_fence_further() -> None:
    run = make_run(wide(), fence=4)
    before = timezone.now()
    (held,) = claim()
    run.refresh_from_db()
    assert (run.status, run.fence, run.lease_owner) == ("running", 5, "one")
    assert (held.status, held.fence, held.lease_until) == ("running", 5, run.lease_until)
    assert run.lease_until is not None
    assert run.lease_until >= before + LEASE
    assert run.started_at is not None
    assert held.started_at == run.started_at


@pytest.mark.django_db
def test_a_second_claim_keeps_the_time_of_the_first_start() -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    run = make_run(wide(), started_at=long_ago)
    claim()
    run.refresh_from_db()
    assert run.started_at == long_ago


@pytest.mark.django_db
def test_a_run_that_is_not_due_stays() -> None:
    make_run(wide(), available_at=timezone.now() + timedelta(seconds=5))
    assert claim() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "status", ["running", "awaiting_approval", "success", "failed", "cancelled"]
)
def test_only_a_queued_run_is_claimed(status: str) -> None:
    run = make_run(wide(), status=status)
    assert claim() == []
    run.refresh_from_db()
    assert (run.status, run.fence) == (status, 0)


@pytest.mark.django_db
def test_a_run_whose_cancelling_was_asked_for_is_not_started_again() -> None:
    make_run(wide(), cancel_requested_at=timezone.now())
    assert claim() == []


@pytest.mark.django_db
def test_no_room_claims_nothing() -> None:
    make_run(wide())
    assert claim(0) == []
    assert claim(-3) == []


@pytest.mark.django_db
def test_a_run_that_a_raw_insert_left_without_a_version_is_passed_by() -> None:
    version = wide()
    Run.objects.filter(pk=make_run(version).pk).update(version=None, provider=None)
    good = make_run(version)
    assert ids(claim()) == [good.pk]


# --- order and turns -----------------------------------------------------------------------


@pytest.mark.django_db
def test_the_oldest_runs_come_first() -> None:
    runs = make_runs(wide(), 5)
    assert ids(claim(3)) == [run.pk for run in runs[:3]]


@pytest.mark.django_db
def test_a_persons_run_goes_before_a_batch_that_came_earlier() -> None:
    version = wide()
    make_runs(version, 5, priority=Run.BULK)
    person = make_run(version)
    assert ids(claim(1)) == [person.pk]


@pytest.mark.django_db
def test_a_persons_run_goes_before_another_automations_batch() -> None:
    provider = make_provider(**HERE, max_concurrency=2)
    make_runs(wide("batch", provider), 5, priority=Run.BULK)
    person = make_run(wide("person", provider))
    assert person.pk in ids(claim())


@pytest.mark.django_db
def test_automations_on_one_provider_take_turns() -> None:
    provider = make_provider(**HERE, max_concurrency=4)
    first, second = wide("first", provider), wide("second", provider)
    make_runs(first, 10)
    make_runs(second, 10)
    claimed = [run.automation_id for run in claim()]
    assert sorted(claimed) == ["first", "first", "second", "second"]


@pytest.mark.django_db
def test_providers_take_turns_for_a_single_place() -> None:
    for name in ("first", "second"):
        make_runs(wide(name), 3)
    claimer = Claimer("one")
    turns = [claim(1, claimer=claimer)[0].automation_id for _ in range(4)]
    assert turns.count("first") == turns.count("second") == 2


@pytest.mark.django_db
def test_a_long_queue_of_one_automation_does_not_starve_another() -> None:
    provider = make_provider(**HERE, max_concurrency=1)
    make_runs(wide("long", provider), 20)
    make_run(wide("short", provider))
    claimer = Claimer("one")
    seen = []
    for _ in range(3):
        seen += [run.automation_id for run in claim(1, claimer=claimer)]
        Run.objects.running().update(status="success", completed_at=timezone.now())
    assert "short" in seen


# --- limits --------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_automations_concurrency_counts_what_runs_already() -> None:
    version = wide(concurrency=3)
    make_run(version, status="running", lease_until=timezone.now() + LEASE)
    make_runs(version, 10)
    assert len(claim()) == 2
    assert claim() == []


@pytest.mark.django_db
def test_an_automations_concurrency_holds_over_two_providers() -> None:
    old = wide(concurrency=4)
    new = make_live(old.automation, provider=make_provider(**HERE, max_concurrency=None))
    make_runs(old, 4)
    make_runs(new, 4)
    assert len(claim()) == 4


@pytest.mark.django_db
def test_a_providers_concurrency_counts_calls_not_deliveries() -> None:
    version = wide(provider=make_provider(**HERE, max_concurrency=3))
    lease = timezone.now() + LEASE
    make_run(version, status="running", step="model", lease_until=lease)
    make_run(version, status="running", step="deliver", lease_until=lease)
    make_runs(version, 10)
    assert len(claim()) == 2


@pytest.mark.django_db
def test_the_embedded_model_takes_one_call_at_a_time() -> None:
    make_runs(wide(provider=make_provider(kind="embedded", max_concurrency=16)), 3)
    assert len(claim()) == 1


@pytest.mark.django_db
def test_requests_per_minute_are_charged_by_the_claim() -> None:
    version = wide(provider=make_provider(**HERE, max_concurrency=None, requests_per_minute=60))
    make_runs(version, 10)
    assert len(claim()) == 3  # three seconds' worth at once, then one a second
    assert claim() == []


# --- providers that rest -------------------------------------------------------------------


def resting(**values: object) -> Provider:
    provider = make_provider(**HERE, max_concurrency=10, **values)
    provider.state_of = endpoint_id(provider)
    provider.save()
    return provider


def soon() -> datetime:
    return timezone.now() + timedelta(seconds=30)


@pytest.mark.django_db
def test_a_paused_provider_gets_no_calls_from_anybody() -> None:
    make_runs(wide(provider=resting(paused_until=soon())), 2)
    assert claim() == []


@pytest.mark.django_db
@pytest.mark.parametrize("trouble", ["paused_until", "circuit_opened_at"])
@pytest.mark.parametrize("step", ["check", "deliver"])
def test_what_needs_no_call_goes_on_while_its_provider_rests(trouble: str, step: str) -> None:
    version = wide(provider=resting(**{trouble: soon()}))
    make_run(version, priority=Run.BULK)
    paid = make_run(version, step=step, answer="Paid for.", priority=Run.BULK)
    assert ids(claim()) == [paid.pk]


@pytest.mark.django_db
def test_an_open_circuit_lets_one_persons_run_through_as_its_probe() -> None:
    version = wide(provider=resting(circuit_opened_at=timezone.now()))
    make_runs(version, 2, priority=Run.BULK)
    people = make_runs(version, 2)
    assert ids(claim()) == [people[0].pk]
    assert claim() == []


@pytest.mark.django_db
@pytest.mark.parametrize("trouble", ["paused_until", "circuit_opened_at"])
def test_trouble_of_another_endpoint_holds_nobody_up(trouble: str) -> None:
    provider = resting(**{trouble: soon()})
    provider.base_url = "https://elsewhere.example/v1"
    provider.save()
    make_run(wide(provider=provider), priority=Run.BULK)
    assert len(claim()) == 1


# --- what is stopped -----------------------------------------------------------------------


@pytest.mark.django_db
def test_a_paused_automation_waits_and_the_others_go_on() -> None:
    waiting, going = wide("waiting"), wide("going")
    make_run(waiting)
    run = make_run(going)
    services.pause(waiting.automation, by=services.SYSTEM)
    assert ids(claim()) == [run.pk]
    services.resume(waiting.automation, by=services.SYSTEM)
    assert [held.automation_id for held in claim()] == ["waiting"]


@pytest.mark.django_db
def test_the_kill_switch_stops_every_claim() -> None:
    make_run(wide())
    services.halt(by=services.SYSTEM, reason="a fire drill")
    assert claim() == []
    assert not has_more(Scope(), now=timezone.now())
    services.unhalt(by=services.SYSTEM)
    assert len(claim()) == 1


# --- scope ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_command_claims_its_own_runs_alone() -> None:
    version = wide()
    mine, other = make_runs(version, 2)
    batch = Batch.objects.create(automation=version.automation, name="b", total=1)
    batched = make_run(version, batch=batch)
    assert ids(claim(scope=Scope(run_id=mine.pk))) == [mine.pk]
    assert ids(claim(scope=Scope(batch_id=batch.pk))) == [batched.pk]
    assert ids(claim()) == [other.pk]


@pytest.mark.django_db
def test_a_worker_waits_for_what_is_due_within_a_minute() -> None:
    version = wide()
    run = make_run(version, available_at=timezone.now() + timedelta(seconds=50))
    assert has_more(Scope(), now=timezone.now())
    Run.objects.filter(pk=run.pk).update(available_at=timezone.now() + timedelta(seconds=70))
    assert not has_more(Scope(), now=timezone.now())
    assert has_more(Scope(run_id=run.pk), now=timezone.now())


@pytest.mark.django_db
def test_nobody_waits_for_a_batch_behind_an_open_circuit() -> None:
    version = wide(provider=resting(circuit_opened_at=timezone.now()))
    batch = Batch.objects.create(automation=version.automation, name="b", total=1)
    make_run(version, batch=batch, priority=Run.BULK)
    assert not has_more(Scope(), now=timezone.now())
    assert not has_more(Scope(batch_id=batch.pk), now=timezone.now())


# --- many claimers -------------------------------------------------------------------------


def claim_from_threads(threads: int, room: int) -> list[int]:
    """Claim from several connections at the same moment until all have come away empty."""
    taken: list[int] = []
    together = threading.Barrier(threads)

    def work(number: int) -> None:
        claimer = Claimer(f"claimer {number}")
        together.wait(10)
        misses = 0
        while misses < 3:
            held = claim(room, claimer=claimer)
            taken.extend(ids(held))
            misses = 0 if held else misses + 1
        connection.close()

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    return taken


@pytest.mark.django_db(transaction=True)
def test_claimers_at_the_same_moment_never_take_the_same_run() -> None:
    runs = make_runs(wide("one"), 20) + make_runs(wide("two"), 20)
    taken = claim_from_threads(4, room=3)
    taken += ids(claim(100, claimer=Claimer("late")))
    assert sorted(taken) == sorted(run.pk for run in runs)
    assert set(Run.objects.values_list("fence", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_claimers_at_the_same_moment_never_exceed_a_providers_concurrency() -> None:
    make_runs(wide(provider=make_provider(**HERE, max_concurrency=5)), 30)
    taken = claim_from_threads(4, room=4)
    taken += ids(claim(100, claimer=Claimer("late")))
    assert len(taken) == 5


@pytest.mark.django_db(transaction=True)
def test_what_runs_is_counted_when_nobody_else_can_add_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time, so nobody comes in between")
    make_runs(wide(provider=make_provider(**HERE, max_concurrency=5)), 30)
    Control.current()  # its first use writes it, and a second one would wait for that
    count = claims._Busy.count

    def count_and_let_another_in() -> claims._Busy:
        busy = count()
        monkeypatch.setattr(claims._Busy, "count", count)
        claim_from_threads(1, room=100)
        return busy

    monkeypatch.setattr(claims._Busy, "count", count_and_let_another_in)
    claim()
    claim(claimer=Claimer("late"))
    assert Run.objects.running().count() == 5


@pytest.mark.django_db(transaction=True)
def test_rows_and_providers_that_another_claim_holds_are_passed_by() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time, so there is nothing to pass by")
    make_runs(wide("one"), 3)
    make_runs(wide("two"), 3)
    first = Automation.objects.get(slug="one")
    holds, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(Provider.objects.select_for_update().filter(versions__automation=first))
            holds.set()
            release.wait(10)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    holds.wait(10)
    try:
        assert {run.automation_id for run in claim()} == {"two"}
    finally:
        release.set()
        holder.join(10)
    assert {run.automation_id for run in claim(claimer=Claimer("late"))} == {"one"}

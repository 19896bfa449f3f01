"""A person among batches, and small automations among large ones: nobody waits for long."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from automations.engine.claims import Claimer, Scope, has_more
from automations.engine.held import LEASE
from automations.engine.pump import Pace, Pump
from automations.engine.slots import CallSlots
from automations.models import Provider, Run, Version
from tests.automations.engine.driving import BRISK, pumping, wait_for
from tests.makers import make_automation, make_live, make_provider, make_run
from tests.provider import FakeProvider

HERE = {"kind": "endpoint", "base_url": "https://models.example/v1"}
QUEUED = 10_000


def claim(room: int = 100, *, spare: int = 0, claimer: Claimer | None = None) -> list[int]:
    with transaction.atomic():
        chosen = claimer or Claimer("one")
        return [run.id for run in chosen.claim(room, spare=spare, now=timezone.now())]


def wide(slug: str, provider: Provider, concurrency: int = 1000) -> Version:
    return make_live(make_automation(slug, concurrency=concurrency), provider=provider)


def queue(version: Version, count: int, *, priority: int = Run.BULK) -> None:
    """Queue many runs in a few statements."""
    pattern = make_run(version, priority=priority)
    rows = Run.objects.filter(pk=pattern.pk).values(
        "automation_id", "version_id", "provider_id", "input_data", "queued_at", "available_at"
    )[0]
    Run.objects.bulk_create([Run(**rows, priority=priority) for _ in range(count - 1)], 1000)


def running(version: Version, count: int) -> None:
    until = timezone.now() + LEASE
    for _ in range(count):
        make_run(version, status="running", lease_until=until, priority=Run.BULK)


# --- the last place ------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_nobody_waits_for_comes_before_batches_and_leaves_the_last_place_to_people() -> None:
    version = wide("batch", make_provider(**HERE, max_concurrency=4))
    queue(version, 20)
    usual = wide("usual", version.provider)
    queue(usual, 20, priority=Run.USUAL)
    taken = claim()
    assert len(taken) == 3
    assert set(Run.objects.filter(pk__in=taken).values_list("priority", flat=True)) == {Run.USUAL}
    person = make_run(wide("person", version.provider))
    assert claim() == [person.pk]


@pytest.mark.django_db
def test_a_batch_leaves_one_of_the_providers_places_to_a_person() -> None:
    version = wide("batch", make_provider(**HERE, max_concurrency=4))
    queue(version, 20)
    assert len(claim()) == 3
    assert claim() == []
    person = make_run(wide("person", version.provider))
    assert claim(claimer=Claimer("two")) == [person.pk]


@pytest.mark.django_db
def test_a_batch_leaves_one_of_its_automations_places_to_a_person() -> None:
    version = wide("both", make_provider(**HERE, max_concurrency=None), concurrency=5)
    queue(version, 20)
    assert len(claim()) == 4
    person = make_run(version)
    assert claim() == [person.pk]
    assert claim() == []


@pytest.mark.django_db
def test_what_takes_one_at_a_time_is_not_kept_free() -> None:
    version = wide("one", make_provider(**HERE, max_concurrency=1), concurrency=1)
    queue(version, 3)
    assert len(claim()) == 1


@pytest.mark.django_db
def test_people_who_fill_the_places_push_the_batch_back_and_not_the_other_way_round() -> None:
    version = wide("both", make_provider(**HERE, max_concurrency=4))
    running(version, 3)
    people = [make_run(version).pk for _ in range(3)]
    assert claim() == people[:1]


@pytest.mark.django_db
def test_a_full_pump_takes_a_person_and_no_more_of_the_batch() -> None:
    version = wide("batch", make_provider(**HERE, max_concurrency=None))
    queue(version, 20)
    assert claim(0, spare=8) == []
    person = make_run(version)
    assert claim(0, spare=8) == [person.pk]
    assert claim(-7, spare=8) == []


@pytest.mark.django_db
def test_a_batch_leaves_a_request_of_the_minute_to_a_person() -> None:
    provider = make_provider(**HERE, max_concurrency=None, requests_per_minute=60)
    version = wide("batch", provider)
    queue(version, 20)
    assert len(claim()) == 2  # three seconds' worth but one
    person = make_run(version)
    assert claim() == [person.pk]


# --- turns ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_one_run_is_not_behind_ten_thousand_of_another_automation() -> None:
    provider = make_provider(**HERE, max_concurrency=4)
    queue(wide("large", provider), QUEUED)
    single = make_run(wide("small", provider), priority=Run.BULK)
    first = claim(claimer=Claimer("one"))
    assert single.pk in first
    assert len(first) == 3


@pytest.mark.django_db
def test_a_full_provider_with_a_long_queue_is_not_read_through_at_every_claim() -> None:
    provider = make_provider(**HERE, max_concurrency=4)
    version = wide("large", provider)
    queue(version, 50)
    running(version, 4)
    claimer = Claimer("one")
    claim(claimer=claimer)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        claim(claimer=claimer)
    looked = [q["sql"] for q in queries if "ORDER BY" in q["sql"] and "automation_runs" in q["sql"]]
    assert looked
    assert all('"priority" >= 10' in sql for sql in looked)


# --- what is held --------------------------------------------------------------------------


@pytest.mark.django_db
def test_held_runs_are_invisible_to_workers() -> None:
    version = wide("held", make_provider(**HERE))
    held = make_run(version, priority=Run.HELD)
    assert claim() == []
    assert not has_more(Scope(), now=timezone.now())
    assert not has_more(Scope(run_id=held.pk), now=timezone.now())
    Run.objects.update(priority=Run.BULK)
    assert has_more(Scope(), now=timezone.now())
    assert claim() == [held.pk]


@pytest.mark.django_db
def test_a_canary_goes_before_its_batch_and_counts_as_one_of_it() -> None:
    version = wide("batch", make_provider(**HERE, max_concurrency=2))
    make_run(version, priority=Run.BULK)
    canary = make_run(version, priority=Run.CANARY)
    assert claim() == [canary.pk]


# --- places for calls ----------------------------------------------------------------------


def test_a_persons_call_finds_a_place_where_a_batch_has_taken_all() -> None:
    async def go() -> list[str]:
        slots, order = CallSlots(4), []
        ended = asyncio.Event()

        async def call(name: str, *, personal: bool) -> None:
            async with slots.hold(personal=personal):
                order.append(name)
                await ended.wait()

        batch = [asyncio.create_task(call(f"b{n}", personal=False)) for n in range(6)]
        await asyncio.sleep(0)
        assert slots.locked()
        people = [asyncio.create_task(call(f"p{n}", personal=True)) for n in range(2)]
        await asyncio.sleep(0)
        begun = list(order)
        ended.set()
        await asyncio.gather(*batch, *people)
        assert not slots.locked()
        return [*begun, "|", *order[len(begun) :]]

    assert asyncio.run(go()) == ["b0", "b1", "b2", "b3", "p0", "|", "p1", "b4", "b5"]


def test_people_alone_keep_to_the_width() -> None:
    async def go() -> int:
        slots, most, now = CallSlots(4), 0, 0

        async def call() -> None:
            nonlocal most, now
            async with slots.hold(personal=True):
                now += 1
                most = max(most, now)
                await asyncio.sleep(0)
                now -= 1

        await asyncio.gather(*(call() for _ in range(20)))
        return most

    assert asyncio.run(go()) == 4


def test_a_call_that_is_cancelled_while_it_waits_leaves_no_place_taken() -> None:
    async def go() -> bool:
        slots = CallSlots(1)
        async with slots.hold(personal=False):
            waiting = asyncio.create_task(_hold(slots))
            await asyncio.sleep(0)
            waiting.cancel()
            other = asyncio.create_task(_hold(slots))
            await asyncio.sleep(0)
        other.cancel()  # just as the place is handed over
        await asyncio.gather(waiting, other, return_exceptions=True)
        return slots.locked()

    assert not asyncio.run(go())


async def _hold(slots: CallSlots) -> None:
    async with slots.hold(personal=False):
        await asyncio.sleep(0)


# --- all together --------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_person_begins_while_a_slow_batch_fills_pump_and_provider(
    answering: FakeProvider,
) -> None:
    version = make_live(make_automation("batch", concurrency=50), model="slow:60")
    person_version = make_live(make_automation("person", concurrency=5), model="ok")
    Provider.objects.update(max_concurrency=6)
    queue(version, 40)
    pump = Pump("full", Pace(**{**BRISK, "concurrency": 4, "budget_s": 60, "grace_s": 0}))
    with pumping(pump):
        wait_for(lambda: answering.seen()["in_flight"] == 4, "a full pump")
        person = make_run(person_version)
        wait_for(lambda: Run.objects.get(pk=person.pk).status == "success", "the person's run")
    assert answering.seen()["max_in_flight"] <= 6
    waited = Run.objects.get(pk=person.pk).attempts.get().started_at - person.queued_at
    assert waited < timedelta(seconds=10)  # the batch's calls take a minute

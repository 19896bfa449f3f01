"""A provider's limits: concurrency, rates, pauses and circuits, shared through its row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from automations.engine.circuits import PROBE_EVERY
from automations.engine.endpoints import endpoint_id
from automations.engine.held import ProviderNews
from automations.engine.limits import MAX_PAUSE_S, Room, charge, learn, room_of
from automations.models import Provider
from tests.makers import make_provider

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = {"kind": "endpoint", "base_url": "https://models.example/v1"}


def a_provider(**values: Any) -> Provider:
    """Return an unsaved provider whose state is about its present endpoint."""
    provider = Provider(name="p", **{**HERE, "max_concurrency": None, **values})
    provider.state_of = endpoint_id(provider)
    return provider


def stored(**values: Any) -> Provider:
    provider = make_provider(**{**HERE, **values})
    provider.state_of = endpoint_id(provider)
    provider.save()
    return provider


def news(provider: Provider, **values: Any) -> ProviderNews:
    return ProviderNews(provider.pk, endpoint_id(provider), **values)


def taught(provider: Provider, *items: ProviderNews, now: datetime = NOW) -> Provider:
    learn(items, now=now)
    provider.refresh_from_db()
    return provider


# --- room ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_flight", "left", "bulk"), [(0, 5, 4), (3, 2, 1), (4, 1, 0), (5, 0, 0), (9, 0, 0)]
)
def test_what_is_in_flight_takes_room_and_batches_leave_a_place(
    in_flight: int, left: int, bulk: int
) -> None:
    provider = a_provider(max_concurrency=5)
    assert room_of(provider, in_flight=in_flight, now=NOW) == Room(left, bulk)


def test_a_provider_that_takes_one_call_takes_a_batchs() -> None:
    assert room_of(a_provider(max_concurrency=1), in_flight=0, now=NOW) == Room(1, 1)


def test_a_provider_without_limits_has_room_for_everything() -> None:
    assert room_of(a_provider(), in_flight=10_000, now=NOW).calls > 100_000


@pytest.mark.parametrize(("working", "left"), [(2.0, 2), (2.9, 2), (0.4, 1), (64.0, 5)])
def test_the_working_concurrency_narrows_the_limit_but_never_to_nothing(
    working: float, left: int
) -> None:
    provider = a_provider(max_concurrency=5, working_concurrency=working)
    assert room_of(provider, in_flight=0, now=NOW).calls == left


def test_a_pause_ends_by_itself() -> None:
    provider = a_provider(max_concurrency=5, paused_until=NOW + timedelta(seconds=10))
    assert room_of(provider, in_flight=0, now=NOW) == Room(0, 0, rests=True)
    assert room_of(provider, in_flight=0, now=NOW + timedelta(seconds=10)) == Room(5, 4)


def test_a_refused_key_has_room_for_one_try_of_a_person() -> None:
    provider = a_provider(max_concurrency=5, circuit_opened_at=NOW)
    persons = Room(1, 0, rests=True, tries_only=True)
    assert room_of(provider, in_flight=0, now=NOW + timedelta(days=1)) == persons
    assert room_of(provider, in_flight=1, now=NOW) == Room(0, 0, rests=True)


@pytest.mark.parametrize(
    ("after_s", "room"),
    [
        (4.9, Room(0, 0, rests=True)),
        (5.0, Room(1, 0, rests=True, tries_only=True)),
        (29.9, Room(1, 0, rests=True, tries_only=True)),
        (30.0, Room(1, 1, rests=True)),
    ],
)
def test_an_outage_has_room_for_a_probe_of_anybody_every_half_minute(
    after_s: float, room: Room
) -> None:
    due = NOW + PROBE_EVERY
    provider = a_provider(circuit_opened_at=NOW, circuit_is_outage=True, probe_at=due)
    assert room_of(provider, in_flight=0, now=NOW + timedelta(seconds=after_s)) == room
    assert room_of(provider, in_flight=1, now=due) == Room(0, 0, rests=True)


@pytest.mark.parametrize(
    "change", [{"base_url": "https://b.example/v1"}, {"api_key_env": "OTHER_KEY"}]
)
def test_another_endpoint_or_key_starts_without_its_predecessors_trouble(
    change: dict[str, str],
) -> None:
    provider = a_provider(
        max_concurrency=5, paused_until=NOW + timedelta(hours=1), circuit_opened_at=NOW
    )
    for name, value in change.items():
        setattr(provider, name, value)
    assert room_of(provider, in_flight=0, now=NOW) == Room(5, 4)


def test_a_new_value_of_the_key_variable_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELS_KEY", "sk-old")
    provider = a_provider(max_concurrency=5, api_key_env="MODELS_KEY", circuit_opened_at=NOW)
    assert room_of(provider, in_flight=0, now=NOW).calls == 1
    monkeypatch.setenv("MODELS_KEY", "sk-new")
    assert room_of(provider, in_flight=0, now=NOW) == Room(5, 4)


def test_endpoints_are_named_without_giving_their_key_away() -> None:
    assert "sk-secret" not in endpoint_id(a_provider(api_key_sealed="sk-secret"))


# --- rates ---------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(("per_minute", "at_once"), [(1, 1), (20, 1), (60, 3), (600, 30)])
def test_a_burst_is_three_seconds_worth_and_at_least_one(per_minute: int, at_once: int) -> None:
    provider = stored(requests_per_minute=per_minute, max_concurrency=None)
    assert room_of(provider, in_flight=0, now=NOW).calls == at_once


@pytest.mark.django_db
@given(
    per_minute=st.integers(1, 600),
    pauses_s=st.lists(st.floats(0, 20), min_size=1, max_size=30),
)
def test_requests_per_minute_are_never_exceeded_but_for_the_burst(
    per_minute: int, pauses_s: list[float]
) -> None:
    provider = stored(
        name=f"p{Provider.objects.count()}", requests_per_minute=per_minute, max_concurrency=None
    )
    now, taken = NOW, 0
    for pause_s in pauses_s:
        calls = room_of(provider, in_flight=0, now=now).calls
        if calls:
            taken += calls
            charge(provider, requests=calls, tokens=0, now=now)
        now += timedelta(seconds=pause_s)
    allowed = per_minute * sum(pauses_s) / 60 + max(1, per_minute * 3 / 60)
    assert taken <= allowed + 1e-3


@pytest.mark.django_db
def test_tokens_per_minute_hold_calls_up_until_they_are_paid_off() -> None:
    provider = stored(tokens_per_minute=6_000, max_concurrency=None)  # 100 a second
    assert room_of(provider, in_flight=0, now=NOW).calls > 0
    taught(provider, news(provider, extra_tokens=1_300))
    for after_s, calls, bulk in [(0, 0, 0), (6.9, 0, 0), (7.1, 1, 0), (9.9, 1, 0), (10.1, 1, 1)]:
        room = room_of(provider, in_flight=0, now=NOW + timedelta(seconds=after_s))
        assert (min(room.calls, 1), min(room.bulk, 1)) == (calls, bulk), after_s


@pytest.mark.parametrize(("per_minute", "at_once", "bulk"), [(20, 1, 1), (40, 2, 1), (600, 30, 29)])
def test_batches_leave_one_request_of_a_burst(per_minute: int, at_once: int, bulk: int) -> None:
    provider = a_provider(requests_per_minute=per_minute)
    assert room_of(provider, in_flight=0, now=NOW) == Room(at_once, bulk)


@pytest.mark.django_db
def test_tokens_that_were_estimated_too_high_are_given_back() -> None:
    provider = stored(tokens_per_minute=6_000, max_concurrency=None)
    taught(provider, news(provider, extra_tokens=1_300), news(provider, extra_tokens=-1_200))
    assert room_of(provider, in_flight=0, now=NOW + timedelta(seconds=0.1)).calls > 0


# --- what calls teach ----------------------------------------------------------------------


@pytest.mark.django_db
def test_a_rate_limit_pauses_the_provider_and_halves_its_concurrency() -> None:
    provider = taught(stored(max_concurrency=16), *[])
    taught(provider, news(provider, pause_s=7.0))
    assert provider.paused_until == NOW + timedelta(seconds=7)
    assert provider.working_concurrency == 8


@pytest.mark.django_db
def test_several_rate_limits_keep_the_longest_pause() -> None:
    provider = stored(max_concurrency=16)
    taught(provider, news(provider, pause_s=9.0), news(provider, pause_s=2.0))
    assert provider.paused_until == NOW + timedelta(seconds=9)


@pytest.mark.django_db
def test_the_working_concurrency_never_falls_below_one() -> None:
    provider = stored(max_concurrency=3)
    taught(provider, *[news(provider, pause_s=1.0) for _ in range(9)])
    assert provider.working_concurrency == 1


@pytest.mark.django_db
def test_a_pause_has_an_upper_bound() -> None:
    provider = stored()
    taught(provider, news(provider, pause_s=1e9))
    assert provider.paused_until == NOW + timedelta(seconds=MAX_PAUSE_S)


@pytest.mark.django_db
def test_concurrency_grows_back_call_by_call_until_it_is_forgotten() -> None:
    provider = stored(max_concurrency=4, working_concurrency=2.0)
    taught(provider, news(provider, succeeded=True))
    assert provider.working_concurrency == 2.5
    for _ in range(10):
        taught(provider, news(provider, succeeded=True))
    assert provider.working_concurrency is None


@pytest.mark.django_db
def test_a_circuit_opens_once_with_its_reason_and_a_success_closes_it() -> None:
    provider = stored()
    taught(provider, news(provider, circuit_reason="Models refused the key (401)."))
    later = NOW + timedelta(minutes=1)
    taught(provider, news(provider, circuit_reason="Models refused the key (401)."), now=later)
    assert Provider.objects.get().circuit_opened_at == NOW
    assert provider.circuit_reason == "Models refused the key (401)."
    taught(provider, news(provider, succeeded=True), now=later)
    assert not Provider.objects.get().circuit_is_open
    assert not Provider.objects.get().circuit_reason


@pytest.mark.django_db
def test_news_about_an_endpoint_that_was_replaced_is_dropped() -> None:
    provider = stored()
    stale = news(provider, circuit_reason="refused")
    provider.base_url = "https://b.example/v1"
    provider.save()
    taught(provider, stale)
    assert provider.circuit_opened_at is None


@pytest.mark.django_db
def test_the_first_news_about_a_new_endpoint_forgets_the_old_trouble() -> None:
    provider = stored(
        paused_until=NOW + timedelta(hours=1), circuit_opened_at=NOW, working_concurrency=1.0
    )
    provider.base_url = "https://b.example/v1"
    provider.save()
    taught(provider, news(provider, pause_s=2.0))
    assert provider.state_of == endpoint_id(provider)
    assert provider.paused_until == NOW + timedelta(seconds=2)
    assert provider.circuit_opened_at is None
    assert provider.working_concurrency == 8


@pytest.mark.django_db
def test_a_call_that_taught_nothing_costs_no_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    provider = stored()
    with django_assert_num_queries(0):
        learn([news(provider)], now=NOW)

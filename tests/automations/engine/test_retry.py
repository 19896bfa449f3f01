"""What follows a failure: bounds of waits, counts of calls, the next model, the deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.engine import retry
from automations.engine.held import Held
from automations.engine.retry import (
    DELIVERY_WAITS_S,
    Again,
    Failure,
    after_call,
    backoff_s,
    delivery_again_at,
)
from automations.models import Delivery, Run

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BUSY = Failure("rate_limited", retry=True, rate_limited=True)
BROKEN = Failure("api_server_error", retry=True)
REFUSED = Failure("api_auth", retry=False)


@dataclass
class Counters:
    """What the policy reads of a run."""

    failures: int = 0
    postponements: int = 0
    model_index: int = 0
    deadline_at: datetime | None = None


def decide(failure: Failure, *, models: int = 1, max_attempts: int = 3, **run: Any) -> Again | None:
    held = cast(Held, Counters(**run))
    return after_call(held, failure, max_attempts=max_attempts, models=models, now=NOW)


def waited_s(again: Again | None) -> float:
    assert again is not None
    return (again.available_at - NOW).total_seconds()


# --- waits ---------------------------------------------------------------------------------


@given(st.integers(1, 40))
def test_a_backoff_is_at_most_a_doubling_second_and_never_above_a_minute(n: int) -> None:
    assert 0 <= backoff_s(n) <= min(60, 2 ** (n - 1))


@pytest.mark.parametrize("n", [1, 3, 12])
def test_a_backoff_has_full_jitter(n: int) -> None:
    top = min(60, 2 ** (n - 1))
    waits = [backoff_s(n) for _ in range(4_000)]
    assert min(waits) < 0.05 * top
    assert max(waits) > 0.95 * top
    assert abs(sum(waits) / len(waits) - top / 2) < 0.05 * top


@given(failures=st.integers(0, 1))
def test_a_failed_call_is_tried_again_after_its_backoff(failures: int) -> None:
    again = decide(BROKEN, failures=failures)
    assert again is not None
    assert again.failures == failures + 1
    assert 0 <= waited_s(again) <= 2**failures


def test_a_wait_that_the_provider_names_is_kept_to() -> None:
    failure = Failure("api_server_error", retry=True, retry_after_s=17)
    assert waited_s(decide(failure)) == 17


# --- how often -----------------------------------------------------------------------------


@given(max_attempts=st.integers(1, 10), models=st.integers(1, 4))
def test_every_model_gets_its_attempts_and_no_more(max_attempts: int, models: int) -> None:
    calls, run = dict.fromkeys(range(models), 0), Counters()
    while True:
        calls[run.model_index] += 1
        again = decide(BROKEN, models=models, max_attempts=max_attempts, **vars(run))
        if again is None:
            break
        run = Counters(again.failures, again.postponements, again.model_index)
    assert calls == dict.fromkeys(range(models), max_attempts)


def test_there_is_no_wait_after_the_last_attempt() -> None:
    assert decide(BROKEN, failures=2) is None


def test_what_cannot_get_better_is_not_repeated() -> None:
    assert decide(REFUSED) is None
    assert decide(REFUSED, models=3) is None


@pytest.mark.parametrize("code", ["api_model_not_found", "context_too_long"])
def test_another_model_is_tried_at_once_where_it_may_help(code: str) -> None:
    again = decide(Failure(code, retry=False), models=2, failures=1)
    assert again == Again(NOW, failures=0, postponements=0, model_index=1)
    assert decide(Failure(code, retry=False), models=2, model_index=1) is None


def test_the_codes_for_which_another_model_helps_are_known_causes() -> None:
    from automations.engine.causes import CAUSES

    assert set(CAUSES) >= retry.OTHER_MODEL_HELPS


# --- rate limits ---------------------------------------------------------------------------


@given(after_s=st.floats(0, 900), postponements=st.integers(0, 9), failures=st.integers(0, 2))
def test_a_rate_limit_postpones_and_uses_no_attempt(
    after_s: float, postponements: int, failures: int
) -> None:
    busy = Failure("rate_limited", retry=True, rate_limited=True, retry_after_s=after_s)
    again = decide(busy, postponements=postponements, failures=failures)
    assert again is not None
    assert (again.failures, again.postponements) == (failures, postponements + 1)
    assert after_s - 0.001 <= waited_s(again) <= after_s + 0.251


@given(st.integers(1, 10))
def test_a_rate_limit_without_a_time_backs_off_by_itself(n: int) -> None:
    assert 0.5 <= retry.pause_s(BUSY, n) <= max(0.5, min(60, 2 ** (n - 1)))


def test_the_eleventh_rate_limit_fails_the_run() -> None:
    assert decide(BUSY, postponements=Run.MAX_POSTPONEMENTS - 1) is not None
    assert decide(BUSY, postponements=Run.MAX_POSTPONEMENTS) is None


# --- deadline ------------------------------------------------------------------------------


@given(left_s=st.floats(0.1, 100), after_s=st.floats(0.1, 100))
def test_nothing_is_queued_for_a_time_past_the_deadline(left_s: float, after_s: float) -> None:
    deadline = NOW + timedelta(seconds=left_s)
    for busy in (False, True):
        failure = Failure("x", retry=True, rate_limited=busy, retry_after_s=after_s)
        again = decide(failure, deadline_at=deadline)
        assert again is None or again.available_at < deadline
        if after_s >= left_s:
            assert again is None


# --- deliveries ----------------------------------------------------------------------------


@given(st.integers(1, Delivery.MAX_TRIES))
def test_a_delivery_waits_what_its_destination_says_else_by_the_schedule(tries: int) -> None:
    assert delivery_again_at(tries, 12, now=NOW) == NOW + timedelta(seconds=12)
    assert delivery_again_at(tries, 1e9, now=NOW) == NOW + timedelta(hours=20)
    wait_s = (delivery_again_at(tries, None, now=NOW) - NOW).total_seconds()
    usual_s = DELIVERY_WAITS_S[min(tries, 9) - 1]
    assert usual_s <= wait_s <= usual_s * 1.1


def test_a_destination_has_two_days_to_come_back() -> None:
    assert len(DELIVERY_WAITS_S) == Delivery.MAX_TRIES - 1
    assert list(DELIVERY_WAITS_S) == sorted(DELIVERY_WAITS_S)
    assert 2 * 86_400 < sum(DELIVERY_WAITS_S) < 3 * 86_400

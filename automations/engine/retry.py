"""What happens after a failure: again, later, on the next model, or not at all. Pure functions."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from automations.engine.held import Held
from automations.models import Run

BASE_S = 1.0
CAP_S = 60.0
# Before the second to the tenth try of a delivery: short at first, about two days in all. The
# schedule that Standard Webhooks recommends to senders.
DELIVERY_WAITS_S = (5, 30, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000)
POSTPONED_S = 300
OTHER_MODEL_HELPS = {"api_model_not_found", "context_too_long"}


@dataclass(frozen=True, slots=True)
class Failure:
    """What the policy needs to know of a failed call."""

    code: str
    retry: bool
    rate_limited: bool = False
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Return the run to the queue: when, and with which counters."""

    available_at: datetime
    failures: int
    postponements: int
    model_index: int


def backoff_s(n: int) -> float:
    """Return a wait with full jitter before try n + 1: uniform over [0, min(60, 2^(n-1))] s.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
    """
    return random.uniform(0, min(CAP_S, BASE_S * 2 ** (n - 1)))  # noqa: S311  not a secret


def after_call(
    run: Held, failure: Failure, *, max_attempts: int, models: int, now: datetime
) -> Again | None:
    """Return when and how the run is tried again; None when it has failed for good."""
    if failure.rate_limited:
        again = _postponed(run, failure, now)
    elif failure.retry and run.failures + 1 < max_attempts:
        wait = timedelta(seconds=failure.retry_after_s or backoff_s(run.failures + 1))
        again = Again(now + wait, run.failures + 1, run.postponements, run.model_index)
    elif _next_model_may_help(failure) and run.model_index + 1 < models:
        again = Again(now, 0, run.postponements, run.model_index + 1)
    else:
        return None
    if again and run.deadline_at and again.available_at >= run.deadline_at:
        return None
    return again


def _postponed(run: Held, failure: Failure, now: datetime) -> Again | None:
    """A rate limit is no failure: it costs a postponement, of which there are ten."""
    if run.postponements + 1 > Run.MAX_POSTPONEMENTS:
        return None
    wait_s = pause_s(failure, run.postponements + 1) + random.uniform(0, 0.25)  # noqa: S311
    available_at = now + timedelta(seconds=wait_s)
    return Again(available_at, run.failures, run.postponements + 1, run.model_index)


def pause_s(failure: Failure, n: int) -> float:
    """Return how long the provider rests: what Retry-After says, else a jittered back-off."""
    if failure.retry_after_s is not None:
        return failure.retry_after_s
    return max(0.5, backoff_s(n))


def _next_model_may_help(failure: Failure) -> bool:
    return failure.retry or failure.code in OTHER_MODEL_HELPS


def delivery_again_at(tries: int, retry_after_s: float | None, *, now: datetime) -> datetime:
    """Return when a delivery that has failed `tries` times is tried again.

    What the destination asks for outweighs the schedule, up to its longest wait.
    """
    if retry_after_s is not None:
        return now + timedelta(seconds=min(retry_after_s, DELIVERY_WAITS_S[-1]))
    return now + _spread(DELIVERY_WAITS_S[min(tries, len(DELIVERY_WAITS_S)) - 1])


def postponed_until(*, now: datetime) -> datetime:
    """Return when a destination that takes nothing now is asked again."""
    return now + _spread(POSTPONED_S)


def _spread(wait_s: float) -> timedelta:
    """Lengthen a wait by up to a tenth, so that a batch's do not all end at once."""
    return timedelta(seconds=wait_s * random.uniform(1, 1.1))  # noqa: S311  not a secret

"""Leases: extended by name, given back when they run out, handed back on purpose."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from automations import services
from automations.engine.claims import Claimer
from automations.engine.held import LEASE, Held
from automations.engine.leases import beat, hand_back, reap
from automations.models import Run, Version
from tests.makers import make_delivery, make_destination, make_live, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> Version:
    return make_live()


def held(version: Version, count: int = 1, *, owner: str = "me") -> list[Held]:
    """Claim that many fresh runs."""
    version.provider.max_concurrency = None
    version.provider.kind = "endpoint"
    version.provider.save()
    version.automation.concurrency = 1000
    version.automation.save()
    for _ in range(count):
        make_run(version)
    return Claimer(owner).claim(count, now=timezone.now())


def expire(*runs: Held) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Run.objects.filter(pk__in=[run.id for run in runs]).update(lease_until=past)


def stored(run: Held) -> Run:
    return Run.objects.get(pk=run.id)


# --- beat ----------------------------------------------------------------------------------


def test_a_beat_extends_exactly_the_leases_it_names(version: Version) -> None:
    named, unnamed = held(version, 2)
    later = timezone.now() + timedelta(seconds=20)
    pulse = beat("me", [named], now=later)
    assert pulse.held == {named.id: named.fence}
    assert stored(named).lease_until == pulse.until == later + LEASE
    assert stored(unnamed).lease_until == unnamed.lease_until


def test_a_beat_learns_which_runs_are_lost(version: Version) -> None:
    mine, theirs, ended = held(version, 3)
    Run.objects.filter(pk=theirs.id).update(lease_owner="another")
    Run.objects.filter(pk=ended.id).update(status="success", completed_at=timezone.now())
    assert set(beat("me", [mine, theirs, ended], now=timezone.now()).held) == {mine.id}


def test_a_beat_tells_the_fence_so_that_a_second_claim_is_noticed(version: Version) -> None:
    (run,) = held(version)
    Run.objects.filter(pk=run.id).update(fence=run.fence + 1)
    assert beat("me", [run], now=timezone.now()).held == {run.id: run.fence + 1}


def test_a_beat_brings_the_wish_to_cancel(version: Version) -> None:
    (run,) = held(version)
    services.cancel_run(stored(run), by=services.SYSTEM)
    assert beat("me", [run], now=timezone.now()).cancel == {run.id}


def test_a_beat_brings_a_pause(version: Version) -> None:
    (run,) = held(version)
    services.pause(version.automation, by=services.SYSTEM)
    assert beat("me", [run], now=timezone.now()).hand_back == {run.id}


def test_a_beat_brings_the_kill_switch(version: Version) -> None:
    (run,) = held(version)
    services.halt(by=services.SYSTEM, reason="drill")
    assert beat("me", [run], now=timezone.now()).hand_back == {run.id}


# --- reap ----------------------------------------------------------------------------------


def test_a_lease_that_lasts_is_left_alone(version: Version) -> None:
    (run,) = held(version)
    assert reap(now=timezone.now()) == 0
    assert stored(run).status == "running"


def test_an_expired_run_returns_to_the_queue_with_its_crash_counted(version: Version) -> None:
    (run,) = held(version)
    expire(run)
    now = timezone.now()
    assert reap(now=now) == 1
    row = stored(run)
    assert (row.status, row.crashes, row.lease_owner, row.lease_until) == ("queued", 1, "", None)
    assert (row.available_at, row.fence) == (now, run.fence)


def test_a_pumps_own_expired_runs_are_left_to_it(version: Version) -> None:
    mine, other = held(version, 2)
    expire(mine, other)
    assert reap(now=timezone.now(), besides=[mine.id]) == 1
    assert (stored(mine).status, stored(other).status) == ("running", "queued")


def test_a_run_that_has_killed_its_worker_too_often_is_failed(version: Version) -> None:
    run = make_run(version)
    for crashes in range(1, Run.MAX_CRASHES + 1):
        Claimer("me").claim(1, now=timezone.now())
        Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert reap(now=timezone.now()) == 1
        run.refresh_from_db()
        assert run.crashes == crashes
    assert (run.status, run.error_category, run.error_code) == (
        "failed",
        "internal_error",
        "worker_lost",
    )
    assert run.error_message
    assert run.error_message.startswith(f"The worker died {Run.MAX_CRASHES} times")
    assert run.completed_at is not None
    assert run.fence == Run.MAX_CRASHES + 1  # a zombie's write is refused


def test_an_expired_run_that_was_to_be_cancelled_ends_cancelled(version: Version) -> None:
    (run,) = held(version)
    services.cancel_run(stored(run), by=services.SYSTEM)
    expire(run)
    assert reap(now=timezone.now()) == 1
    row = stored(run)
    assert (row.status, row.fence, row.error_message) == ("cancelled", run.fence + 1, "Cancelled.")
    assert row.completed_at is not None


def test_a_run_that_was_queued_again_while_it_was_to_be_cancelled_ends(version: Version) -> None:
    run = make_run(version, cancel_requested_at=timezone.now())
    assert reap(now=timezone.now()) == 1
    run.refresh_from_db()
    assert (run.status, run.crashes) == ("cancelled", 0)


def test_what_a_poisoned_run_was_sending_is_unknown_not_sending_for_ever(version: Version) -> None:
    destination = make_destination(version.automation)
    past = timezone.now() - timedelta(seconds=1)
    values = {"status": "running", "step": "deliver", "crashes": Run.MAX_CRASHES - 1}
    run = make_run(version, lease_until=past, **values)
    delivery = make_delivery(run, destination, state="sending")
    reap(now=timezone.now())
    delivery.refresh_from_db()
    run.refresh_from_db()
    assert (run.status, delivery.state) == ("failed", "unknown")
    assert "not known whether this arrived" in delivery.error_message


# --- hand back -----------------------------------------------------------------------------


def test_a_run_handed_back_is_due_at_once_and_counts_no_crash(version: Version) -> None:
    (run,) = held(version)
    now = timezone.now()
    assert hand_back("me", {run.id: run.fence}, now=now) == 1
    row = stored(run)
    assert (row.status, row.crashes, row.lease_owner, row.available_at) == ("queued", 0, "", now)


def test_only_the_owner_hands_back(version: Version) -> None:
    (run,) = held(version)
    assert hand_back("another", {run.id: run.fence}, now=timezone.now()) == 0
    assert stored(run).status == "running"


def test_a_run_that_has_ended_is_not_handed_back(version: Version) -> None:
    (run,) = held(version)
    Run.objects.filter(pk=run.id).update(status="success", completed_at=timezone.now())
    assert hand_back("me", {run.id: run.fence}, now=timezone.now()) == 0
    assert stored(run).status == "success"


def test_what_was_claimed_anew_since_is_not_handed_back(version: Version) -> None:
    (run,) = held(version)
    Run.objects.filter(pk=run.id).update(fence=run.fence + 1)
    assert hand_back("me", {run.id: run.fence}, now=timezone.now()) == 0
    assert hand_back("me", {}, now=timezone.now()) == 0
    assert stored(run).status == "running"

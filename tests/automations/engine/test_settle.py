"""Settling: fenced, many at once, safe to repeat, and no poisoned row holds up the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from automations import services
from automations.engine.claims import Claimer
from automations.engine.held import DeliveryChange, Held, Step
from automations.engine.leases import reap
from automations.engine.settle import settle_each, values_when_let_go
from automations.models import Attempt, Delivery, Run, Version
from tests.makers import make_destination, make_live, make_provider, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> Version:
    provider = make_provider(kind="endpoint", base_url="https://m.example/v1")
    return make_live(provider=provider)


def claim(version: Version, *, owner: str = "me") -> Held:
    (run,) = Claimer(owner).claim(1, now=timezone.now())
    return run


def held(version: Version) -> Held:
    make_run(version)
    return claim(version)


def ending(run: Held, **values: Any) -> Step:
    done = {"status": "success", "completed_at": timezone.now(), "output_data": {"text": "Done."}}
    return Step(run, values_when_let_go({**done, **values}))


def attempt(run: Held, number: int = 1, **values: Any) -> Attempt:
    facts = {"provider_name": "m", "model": "ok", "started_at": timezone.now(), "latency_ms": 5}
    return Attempt(run_id=run.id, number=number, **{**facts, **values})


def settle(*steps: Step) -> set[int]:
    return settle_each(list(steps), now=timezone.now())


def stored(run: Held) -> Run:
    return Run.objects.get(pk=run.id)


def expire(run: Held) -> None:
    Run.objects.filter(pk=run.id).update(lease_until=timezone.now() - timedelta(seconds=1))


# --- the fence -----------------------------------------------------------------------------


def test_a_worker_ends_the_run_it_holds(version: Version) -> None:
    run = held(version)
    assert settle(ending(run)) == {run.id}
    row = stored(run)
    assert (row.status, row.output_data, row.lease_owner) == ("success", {"text": "Done."}, "")


def test_a_write_under_an_old_fence_changes_nothing(version: Version) -> None:
    run = held(version)
    expire(run)
    reap(now=timezone.now())
    newer = claim(version, owner="another")
    assert settle(ending(run)) == set()
    assert (stored(run).status, stored(run).fence) == ("running", newer.fence)


def test_a_late_answer_is_welcome_when_nobody_has_claimed_since(version: Version) -> None:
    run = held(version)
    expire(run)
    reap(now=timezone.now())
    assert stored(run).status == "queued"
    assert settle(ending(run)) == {run.id}
    assert stored(run).status == "success"


@pytest.mark.parametrize("moment", ["queued", "awaiting_approval"])
def test_a_late_write_cannot_undo_a_cancel(version: Version, moment: str) -> None:
    run = held(version)
    Run.objects.filter(pk=run.id).update(status=moment, lease_until=None)
    services.cancel_run(stored(run), by=services.SYSTEM)
    assert settle(ending(run)) == set()
    assert stored(run).status == "cancelled"


def test_a_late_write_cannot_undo_a_poisoning(version: Version) -> None:
    run = held(version)
    Run.objects.filter(pk=run.id).update(crashes=Run.MAX_CRASHES - 1)
    expire(run)
    reap(now=timezone.now())
    assert settle(ending(run)) == set()
    assert stored(run).error_code == "worker_lost"


def test_settling_twice_changes_nothing_more(version: Version) -> None:
    run = held(version)
    destination = make_destination(version.automation)
    step = Step(run, {"step": "deliver"}, attempt(run), intents=[destination.pk])
    assert settle(step) == settle(step) == {run.id}
    assert Attempt.objects.count() == Delivery.objects.count() == 1


# --- what belongs to a step ----------------------------------------------------------------


def test_a_paid_attempt_is_kept_even_when_the_run_was_lost(version: Version) -> None:
    run = held(version)
    Run.objects.filter(pk=run.id).update(fence=run.fence + 1)
    assert settle(Step(run, {"answer": "late"}, attempt(run, input_tokens=7))) == set()
    assert Attempt.objects.get().input_tokens == 7
    assert stored(run).answer == ""


def test_an_intent_of_a_lost_run_is_never_written(version: Version) -> None:
    run = held(version)
    destination = make_destination(version.automation)
    Run.objects.filter(pk=run.id).update(fence=run.fence + 1)
    settle(Step(run, {"step": "deliver"}, intents=[destination.pk]))
    assert not Delivery.objects.exists()


def test_an_intent_carries_the_constant_key_and_the_claims_fence(version: Version) -> None:
    run = held(version)
    destination = make_destination(version.automation)
    settle(Step(run, {"step": "deliver"}, intents=[destination.pk]))
    delivery = Delivery.objects.get()
    assert delivery.key == f"run-{run.id}-{destination.pk}"
    assert (delivery.state, delivery.fence, delivery.tries) == ("sending", run.fence, 1)


def test_a_deliverys_outcome_is_written_with_its_run(version: Version) -> None:
    run = held(version)
    destination = make_destination(version.automation)
    settle(Step(run, {"step": "deliver"}, intents=[destination.pk]))
    change = DeliveryChange(run.id, destination.pk, {"state": "delivered", "reference": "post 7"})
    step = ending(run)
    step.deliveries = [change]
    settle(step)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reference) == ("delivered", "post 7")
    assert stored(run).status == "success"


# --- many at once --------------------------------------------------------------------------


def test_runs_that_reached_different_things_settle_together(version: Version) -> None:
    runs = [held(version) for _ in range(3)]
    later = timezone.now() + timedelta(seconds=9)
    steps = [
        ending(runs[0]),
        Step(runs[1], {"answer": "An answer", "step": "check"}),
        Step(runs[2], values_when_let_go({"status": "queued", "available_at": later})),
    ]
    assert settle(*steps) == {run.id for run in runs}
    assert [stored(run).status for run in runs] == ["success", "running", "queued"]
    assert stored(runs[1]).answer == "An answer"
    assert stored(runs[2]).available_at == later


def test_a_row_that_the_database_refuses_ends_alone(version: Version) -> None:
    bad, good = held(version), held(version)
    assert settle(ending(bad, status="no such status"), ending(good)) == {good.id}
    assert stored(good).status == "success"
    row = stored(bad)
    assert (row.status, row.error_category, row.error_code) == (
        "failed",
        "internal_error",
        "refused_by_database",
    )
    assert row.traceback
    assert row.completed_at is not None


def test_a_final_status_without_its_time_is_refused(version: Version) -> None:
    run = held(version)
    assert settle(Step(run, {"status": "success"})) == set()
    assert stored(run).error_code == "refused_by_database"

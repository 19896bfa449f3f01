"""What a strict reader found once: open deliveries, cancelled batches, calls of lost workers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from automations import messages, services
from automations.engine.claims import Claimer
from automations.engine.held import Step
from automations.engine.leases import reap
from automations.engine.outage import is_outage
from automations.engine.settle import settle
from automations.errors import WrongState
from automations.management.commands import run_automation
from automations.models import Attempt, Batch, Control, Delivery, Run
from tests.makers import (
    LONG_TEXT,
    make_automation,
    make_delivery,
    make_destination,
    make_live,
    make_provider,
    make_run,
)

pytestmark = pytest.mark.django_db


def delivery_of(run: Run, state: str) -> Delivery:
    return make_delivery(run, make_destination(run.automation), state=state)


@pytest.mark.parametrize("status", ["running", "awaiting_approval"])
def test_a_delivery_of_a_run_at_work_is_not_touched(status: str) -> None:
    run = make_run(status=status)
    delivery = delivery_of(run, Delivery.State.FAILED)
    with pytest.raises(WrongState, match="wait until it has ended"):
        services.send_again(delivery, by=services.SYSTEM)
    delivery.refresh_from_db()
    assert delivery.state == Delivery.State.FAILED


@pytest.mark.parametrize("status", ["failed", "cancelled", "queued"])
def test_sending_again_returns_the_run_to_the_queue(status: str) -> None:
    run = make_run(status=status)
    delivery = delivery_of(run, Delivery.State.UNKNOWN)
    run = services.send_again(delivery, by=services.SYSTEM)
    delivery.refresh_from_db()
    assert (run.status, run.step, delivery.state) == ("queued", "deliver", "pending")


def test_marking_the_delivery_of_a_cancelled_run_leaves_it_cancelled() -> None:
    run = make_run(status="cancelled")
    delivery = delivery_of(run, Delivery.State.UNKNOWN)
    assert services.mark_delivered(delivery, by=services.SYSTEM).status == "cancelled"


@pytest.mark.parametrize(("state", "after"), [("sending", "unknown"), ("pending", "failed")])
def test_cancelling_closes_what_the_run_was_delivering(state: str, after: str) -> None:
    run = make_run()
    delivery = delivery_of(run, state)
    services.cancel_run(run, by=services.SYSTEM)
    delivery.refresh_from_db()
    assert delivery.state == after
    assert delivery.error_message


def test_a_batch_that_is_cancelled_while_it_fills_stops_filling() -> None:
    automation = make_live().automation

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(1200):
            if number == 700:
                services.cancel_batch(Batch.objects.get(), by=services.SYSTEM)
            yield {"content": str(number)}

    batch = services.submit_batch(automation, rows(), by=services.SYSTEM, name="rows")
    assert batch.counts() == {"cancelled": 500}


def test_the_calls_of_a_lost_worker_and_of_its_successor_are_both_kept() -> None:
    run = make_run()
    lost = Claimer("a").claim(1, now=timezone.now())[0]
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    reap(now=timezone.now())
    successor = Claimer("b").claim(1, now=timezone.now())[0]
    for held in (lost, successor):
        values = {"run_id": held.id, "number": held.calls + 1, "fence": held.fence}
        texts = {"provider_name": held.lease_until.isoformat(), "model": "m"}
        attempt = Attempt(**values, **texts, started_at=timezone.now(), latency_ms=1)
        settle([Step(held, {"calls": held.calls + 1}, attempt)], now=timezone.now())
    assert list(run.attempts.values_list("fence", "number")) == [(1, 1), (2, 1)]


def test_an_approved_delivery_does_not_wait_for_a_full_provider() -> None:
    provider = make_provider(kind="embedded")
    version = make_live(provider=provider)
    make_run(version, status="running", lease_until=timezone.now() + timedelta(seconds=30))
    waiting, delivering = make_run(version), make_run(version, step="deliver")
    claimed = Claimer("me").claim(10, now=timezone.now())
    assert [held.id for held in claimed] == [delivering.pk]
    waiting.refresh_from_db()
    assert waiting.status == "queued"


def test_input_inside_the_system_prompt_is_fenced_too() -> None:
    version = make_live(make_automation(), system_prompt="Rules for {{ content }}")
    built = messages.build(version, {"content": "obey me"}, boundary="b0")
    assert "<<<b0\nobey me\nb0>>>" in built[0]["content"]


def test_a_second_press_of_run_again_is_the_same_run() -> None:
    run = make_run(status="failed")
    first = services.rerun(run, by=services.SYSTEM, key="press-1")
    assert services.rerun(run, by=services.SYSTEM, key="press-1") == first
    assert services.rerun(run, by=services.SYSTEM, key="press-2") != first
    assert first.input_data == {"content": LONG_TEXT}


def test_the_kill_switch_has_a_command() -> None:
    call_command("halt", "--reason", "it leaks")
    assert Control.current().reason == "it leaks"
    call_command("halt", "--release")
    assert Control.current().halted_at is None


class _Refused(Exception):
    sqlstate = "54000"


def test_a_statement_the_database_refuses_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automations.engine.outage.connection.vendor", "postgresql", raising=False)
    refused = OperationalError("too large")
    refused.__cause__ = _Refused()
    assert not is_outage(refused)
    assert is_outage(OperationalError("server closed the connection unexpectedly"))


def test_ctrl_c_also_cancels_a_run_that_a_worker_took_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("automations.management.commands.run_automation.PATIENCE_S", 0)
    run = make_run(status="running", lease_until=timezone.now() + timedelta(seconds=30))
    command = run_automation.Command()
    command._interrupted(run)
    run.refresh_from_db()
    assert command.interrupted
    assert run.cancel_requested_at is not None

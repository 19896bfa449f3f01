"""A provider that keeps failing: runs wait, probes ask, nothing dies, people are told."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from automations import services
from automations.engine import circuits
from automations.engine.claims import Claimer, Scope, has_more
from automations.engine.endpoints import endpoint_id
from automations.engine.pump import Pace, Pump
from automations.models import Attempt, Delivery, Provider, Run, Version
from tests.automations.engine.driving import BRISK, claim_once, pumping, wait_for
from tests.makers import make_automation, make_destination, make_live, make_provider, make_run
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)
EVERY = timedelta(seconds=0.2)


def a_pump(name: str = "pump") -> Pump:
    return Pump(name, Pace(**{**BRISK, "budget_s": 60, "grace_s": 5}))


def wide(slug: str = "wide", **version: Any) -> Version:
    return make_live(make_automation(slug, concurrency=100), **{"model": "ok", **version})


def statuses() -> dict[str, int]:
    counts: dict[str, int] = {}
    for status in Run.objects.values_list("status", flat=True):
        counts[status] = counts.get(status, 0) + 1
    return counts


def the_provider() -> Provider:
    return Provider.objects.default()


@pytest.fixture
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probe five times a second, so that seconds stand for minutes."""
    monkeypatch.setattr(circuits, "PROBE_EVERY", EVERY)
    monkeypatch.setattr(circuits, "PERSONS_PROBE_AFTER", EVERY)


# --- an outage -----------------------------------------------------------------------------


def test_a_long_outage_costs_few_calls_and_no_run(
    answering: FakeProvider, quick_probes: None
) -> None:
    version = wide()
    make_destination(version.automation)
    for _ in range(60):
        make_run(version, priority=Run.BULK)
    answering.script(behaviours=["500"] * 5_000)
    began = time.monotonic()
    with pumping(a_pump("one")), pumping(a_pump("two")):
        wait_for(lambda: answering.seen()["calls"] >= 30, "probes", timeout_s=60)
        during = answering.seen()["calls"]
        lasted_s = time.monotonic() - began
        assert the_provider().circuit_is_outage
        assert set(statuses()) <= {"queued", "running"}
        answering.script(behaviours=[])
        wait_for(lambda: statuses() == {"success": 60}, "all runs to succeed", timeout_s=60)
    # What was under way when it opened, the second tries of the first four, one probe at a time.
    assert during <= 16 + 4 + lasted_s / EVERY.total_seconds() + 1
    assert answering.seen()["max_in_flight"] <= 16
    assert Delivery.objects.filter(state="delivered").count() == 60
    provider = the_provider()
    assert (provider.circuit_is_open, provider.failures_in_row, provider.probe_at) == (
        False, 0, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "behaviour", ["500", "503:overloaded", "reset", "html", "404:html", "short-body", "redirect"]
)
def test_five_failures_in_a_row_open_the_circuit_and_the_fifth_costs_its_run_nothing(
    answering: FakeProvider, behaviour: str
) -> None:
    version = wide(max_attempts=1)
    runs = [make_run(version) for _ in range(6)]
    answering.script(behaviours=[behaviour] * 10)
    ended = [claim_once(run).status for run in runs]
    # One attempt each here, so the four before it was known have failed.
    assert ended == ["failed"] * 4 + ["queued"] * 2
    provider = the_provider()
    assert provider.circuit_is_outage
    assert provider.circuit_reason.startswith("127.0.0.1")
    assert (runs[4].failures, runs[4].calls, runs[5].calls) == (0, 1, 0)
    assert runs[4].available_at > timezone.now() + timedelta(seconds=20)
    assert answering.seen()["calls"] == 5


@pytest.mark.parametrize("between", ["ok", "400:param", "429", "content-filter"])
def test_an_answer_of_any_kind_in_between_means_that_it_is_no_outage(
    answering: FakeProvider, between: str
) -> None:
    version = wide()
    answering.script(behaviours=["500"] * 4 + [between] + ["500"] * 4)
    for _ in range(9):
        claim_once(make_run(version))
        Provider.objects.update(paused_until=None)
    assert not the_provider().circuit_is_open
    assert the_provider().failures_in_row == 4


def test_failures_far_apart_are_no_outage(answering: FakeProvider) -> None:
    version = wide()
    answering.script(behaviours=["500"] * 9)
    for _ in range(6):
        claim_once(make_run(version))
        long_ago = timezone.now() - timedelta(minutes=5)
        Provider.objects.update(failing_since=long_ago)
    assert not the_provider().circuit_is_open


def test_one_run_alone_has_its_three_attempts_and_fails(answering: FakeProvider) -> None:
    run = make_run(wide(model="fail:500"))
    assert [claim_once(run).status for _ in range(3)] == ["queued", "queued", "failed"]


# --- probes --------------------------------------------------------------------------------


def out(**values: Any) -> Provider:
    """Make a provider in an outage whose next probe is due."""
    now = timezone.now()
    provider = make_provider(
        kind="endpoint", base_url="https://models.example/v1", circuit_opened_at=now,
        circuit_reason="Acme failed with an error of its own (500); try again later.",
        circuit_is_outage=True, failures_in_row=5, failing_since=now, probe_at=now, **values,
    )  # fmt: skip
    provider.state_of = endpoint_id(provider)
    provider.save()
    return provider


def claimed(claimer: str = "one") -> list[int]:
    with transaction.atomic():
        return [run.id for run in Claimer(claimer).claim(100, now=timezone.now())]


def test_any_waiting_run_is_the_probe_and_no_second_machine_sends_another() -> None:
    version = wide(provider=out())
    runs = [make_run(version, priority=Run.BULK) for _ in range(3)]
    assert claimed("one") == [runs[0].pk]
    assert claimed("two") == []
    # Its worker gave it back without an answer: the next probe waits for its time all the same.
    Run.objects.update(status="queued", lease_until=None)
    assert claimed("two") == []


def test_a_persons_run_may_try_before_the_probe_is_due() -> None:
    provider = out()
    make_run(wide(provider=provider), priority=Run.BULK)
    Provider.objects.update(probe_at=timezone.now() + timedelta(seconds=20))
    assert claimed() == []
    person = make_run(wide("person", provider=provider))
    assert claimed() == [person.pk]


@pytest.mark.parametrize("values", [{"origin": "api"}, {"origin": "schedule"}, {"calls": 1}])
def test_what_nobody_watches_waits_for_the_probes_time(values: dict[str, Any]) -> None:
    Provider.objects.filter(pk=out().pk)
    version = wide(provider=Provider.objects.get(circuit_is_outage=True))
    Provider.objects.update(probe_at=timezone.now() + timedelta(seconds=20))
    make_run(version, **values)
    assert claimed() == []
    Provider.objects.update(probe_at=timezone.now())
    assert len(claimed("later")) == 1


def test_a_failed_probe_costs_its_run_an_attempt_row_and_nothing_else(
    answering: FakeProvider, quick_probes: None
) -> None:
    version = wide()
    answering.script(behaviours=["500"] * 40)
    runs = [make_run(version, priority=Run.BULK) for _ in range(5)]
    for run in runs:
        claim_once(run)
    for _ in range(6):
        Provider.objects.update(probe_at=timezone.now())
        claim_once(runs[0])
    assert (runs[0].status, runs[0].failures, runs[0].calls) == ("queued", 1, 7)
    assert Attempt.objects.filter(run=runs[0]).count() == 7
    assert set(Attempt.objects.values_list("error_code", flat=True)) == {"api_server_error"}


def test_the_time_of_an_outage_does_not_count_for_deadlines(answering: FakeProvider) -> None:
    version = wide(deadline_s=60)
    answering.script(behaviours=["500"] * 5)
    runs = [make_run(version, priority=Run.BULK) for _ in range(5)]
    for run in runs:
        claim_once(run)
    hour = timedelta(hours=1)
    before = timezone.now() - timedelta(seconds=1)  # an hour later, as the rows see it
    Provider.objects.update(circuit_opened_at=before - hour, probe_at=before)
    Run.objects.update(deadline_at=before)
    assert claim_once(runs[0]).status == "success"
    deadline = Run.objects.get(pk=runs[1].pk).deadline_at
    assert deadline is not None
    assert abs(deadline - before - hour) < timedelta(seconds=10)
    assert [claim_once(run).status for run in runs[1:]] == ["success"] * 4


def test_a_worker_waits_for_the_next_probe_but_not_for_a_person() -> None:
    provider = out()
    make_run(wide(provider=provider), priority=Run.BULK)
    assert has_more(Scope(), now=timezone.now())
    Provider.objects.filter(pk=provider.pk).update(circuit_is_outage=False)
    assert not has_more(Scope(), now=timezone.now())


def test_the_fallback_model_answers_while_the_first_one_is_out(
    answering: FakeProvider, quick_probes: None
) -> None:
    version = wide(model="503", fallback_models=["ok"], max_attempts=1)
    for _ in range(12):
        make_run(version, priority=Run.BULK)
    with pumping(a_pump()):
        wait_for(lambda: statuses() == {"success": 12}, "the second model's answers")
    assert not the_provider().circuit_is_open
    assert answering.seen()["by_model"] == {"503": 12, "ok": 12}


# --- a refused key, used-up credit ---------------------------------------------------------


@pytest.mark.parametrize("behaviour", ["401", "403", "402", "429:quota"])
def test_a_refusal_in_the_middle_of_a_batch_fails_one_run_and_the_others_wait(
    answering: FakeProvider, behaviour: str
) -> None:
    version = wide()
    answering.script(behaviours=[behaviour] * 100, latency_ms=300)
    for _ in range(30):
        make_run(version, priority=Run.BULK)
    with pumping(a_pump()):
        wait_for(lambda: the_provider().circuit_is_open, "the circuit to open")
        wait_for(lambda: "running" not in statuses(), "the calls under way to end")
        assert statuses() == {"failed": 1, "queued": 29}
        assert answering.seen()["calls"] <= 16
    answering.script(behaviours=[], latency_ms=0)
    services.store_test(the_provider(), passed=True, message="It answered.")
    with pumping(a_pump()):
        wait_for(lambda: statuses() == {"failed": 1, "success": 29}, "the others to succeed")


def test_a_missing_key_fails_one_run_of_a_batch_and_the_others_wait_for_it(
    answering: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = make_provider(
        kind="endpoint", base_url=answering.base_url, default_model="ok", api_key_env="ACME_KEY"
    )
    version = wide(model="", provider=provider)
    runs = [make_run(version, priority=Run.BULK) for _ in range(3)]
    assert [claim_once(run).status for run in runs] == ["failed", "queued", "queued"]
    assert runs[0].error_message is not None
    assert "ACME_KEY is not set" in runs[0].error_message
    assert (runs[0].error_category, runs[0].error_code) == ("authentication", "secret_missing")
    monkeypatch.setenv("ACME_KEY", "sk-here-it-is-0123456789")
    assert [claim_once(run).status for run in runs[1:]] == ["success"] * 2


def test_a_refusal_outweighs_an_outage(answering: FakeProvider) -> None:
    version = wide(provider=None)
    answering.script(behaviours=["500"] * 5 + ["401"])
    for _ in range(5):
        claim_once(make_run(version))
    Provider.objects.update(probe_at=timezone.now())
    probe = claim_once(make_run(version))
    assert (probe.status, probe.error_code) == ("failed", "api_auth")
    provider = the_provider()
    assert (provider.circuit_is_open, provider.circuit_is_outage) == (True, False)
    assert "refused the API key" in provider.circuit_reason

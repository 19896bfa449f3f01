"""The table of causes through whole runs: rows, categories, retries, nothing delivered."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.utils import timezone

from automations.engine import circuits
from automations.engine.causes import CAUSES
from automations.engine.pump import Pace, Pump
from automations.models import Attempt, Delivery, Provider, Run
from tests.automations.engine.driving import BRISK, claim_once
from tests.automations.engine.expected import (
    BEHAVIOURS,
    FINE,
    OPENS_CIRCUIT,
    RATE_LIMITED,
    SLOW,
)
from tests.makers import make_automation, make_destination, make_live, make_provider, make_run
from tests.provider import FakeProvider, ProviderProcess
from tests.provider import behaviours as provider_behaviours

pytestmark = pytest.mark.django_db(transaction=True)
ENGINE = Path(__file__).parents[3] / "automations" / "engine"
# Causes that no provider can bring about, with the test that does.
ELSEWHERE = {
    "internal_error": "test_our_own_bug_is_logged_for_us_and_confessed_to_the_operator",
    "worker_lost": "test_a_run_that_has_killed_its_worker_too_often_is_failed",
    "refused_by_database": "test_a_row_that_the_database_refuses_ends_alone",
    "source_missing": "test_a_run_whose_source_is_gone_says_so",
    "broken_off": "test_a_call_that_is_broken_off_by_a_cancel_keeps_its_row",
    "deadline": "test_a_run_past_its_deadline_fails_without_a_call",
    "secret_missing": "test_a_missing_key_fails_one_run_of_a_batch_and_the_others_wait_for_it",
    "input_schema": "test_causes_outside_of_the_provider",
    "output_schema": "test_causes_outside_of_the_provider",
    "delivery_failed": "test_a_destination_that_never_answers_well_is_given_up",
    "delivery_unknown": "test_a_delivery_that_may_have_arrived_is_never_repeated_by_itself",
}


def of_cause(code: str) -> list[str]:
    return [model for model, row in BEHAVIOURS.items() if row[1] == code]


def a_provider(server: Any, model: str) -> Provider:
    """Make a provider of its own for each behaviour, so that no circuit hides another."""
    return make_provider(
        name=f"P {model}"[:80], kind="endpoint", base_url=server.base_url, default_model="ok"
    )


def runs_of(server: Any, models: list[str], **version: Any) -> dict[str, Run]:
    runs = {}
    for number, model in enumerate(models):
        automation = make_automation(f"a{number}")
        make_destination(automation)
        live = make_live(automation, model=model, provider=a_provider(server, model), **version)
        runs[model] = make_run(live)
    return runs


def work_on(runs: dict[str, Run], *, claims: int) -> None:
    """Let one pump claim each run once and work until all have left it."""
    pump = Pump("table", Pace(**{**BRISK, "budget_s": 60, "grace_s": 60}))
    pump.stopping = lambda: pump._report.started >= claims
    asyncio.run(pump.run())
    for run in runs.values():
        run.refresh_from_db()


# --- each row, each behaviour --------------------------------------------------------------


@pytest.mark.parametrize("code", sorted({row[1] for row in BEHAVIOURS.values()}))
def test_each_cause_ends_as_the_table_says(answering: FakeProvider, code: str) -> None:
    runs = runs_of(answering, of_cause(code), max_repairs=0)
    work_on(runs, claims=len(runs))
    for model, run in runs.items():
        category, _, again = BEHAVIOURS[model]
        (attempt,) = run.attempts.all()
        assert (attempt.error_category, attempt.error_code) == (category, code), model
        assert re.fullmatch(r"P .{10,500}; [^\n;]{10,120}\.", attempt.error_message), model
        assert run.error_message == attempt.error_message, model
        _check_state(run, category, code, again=again, postponed=model in RATE_LIMITED)
        provider = run.provider
        assert provider is not None
        provider.refresh_from_db()
        assert provider.circuit_is_open == (model in OPENS_CIRCUIT), model
        assert bool(provider.failures_in_row) == CAUSES[code].outage, model
    assert answering.seen()["calls"] == len(runs)
    assert not Delivery.objects.exists()


def _check_state(run: Run, category: str, code: str, *, again: bool, postponed: bool) -> None:
    if again:
        assert (run.status, run.failures, run.postponements) == (
            "queued", 0 if postponed else 1, 1 if postponed else 0,
        ), run.version  # fmt: skip
        assert run.completed_at is None
    else:
        assert (run.status, run.error_category, run.error_code) == ("failed", category, code)
        assert run.completed_at is not None


def test_what_is_odd_but_fine_succeeds(answering: FakeProvider) -> None:
    runs = runs_of(answering, sorted(FINE), rules=[])
    work_on(runs, claims=len(runs))
    assert {model: run.status for model, run in runs.items()} == dict.fromkeys(FINE, "success")
    assert Delivery.objects.filter(state="delivered").count() == len(FINE)
    assert "forged" not in " ".join(run.output_text for run in runs.values())


def test_what_never_ends_is_ended_by_the_deadline_and_tried_again(answering: FakeProvider) -> None:
    runs = runs_of(answering, SLOW, call_timeout_s=1)
    began = time.monotonic()
    work_on(runs, claims=len(runs))
    assert time.monotonic() - began < 60
    for model, run in runs.items():
        (attempt,) = run.attempts.all()
        assert (attempt.error_category, attempt.error_code) == ("timeout", "timeout"), model
        # R4 and R5: the deadline, and not more than a second of ours on top.
        assert 1_000 <= attempt.latency_ms < 2_000, model
        assert (run.status, run.failures) == ("queued", 1), model


@pytest.mark.parametrize("model", ["500", "reset", "html", "content-empty"])
def test_what_is_tried_again_is_tried_three_times_and_no_more(
    answering: FakeProvider, model: str
) -> None:
    (run,) = runs_of(answering, [model]).values()
    assert [claim_once(run).status for _ in range(3)] == ["queued", "queued", "failed"]
    category, code, _ = BEHAVIOURS[model]
    assert (run.error_category, run.error_code, run.calls) == (category, code, 3)
    assert not Delivery.objects.exists()


def test_causes_outside_of_the_provider(answering: FakeProvider) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    answering.script(answer="not JSON")
    version = make_live(output_schema=schema, max_repairs=0, rules=[], model="ok")
    output = claim_once(make_run(version))
    assert (output.error_category, output.error_code) == ("validation_error", "output_schema")
    shape = claim_once(make_run(version, input_data={"content": 7}))
    assert (shape.error_category, shape.error_code) == ("validation_error", "input_schema")
    assert answering.seen()["calls"] == 1
    assert Attempt.objects.get().error_code == ""


def test_a_run_whose_source_is_gone_says_so(answering: FakeProvider) -> None:
    version = make_live(make_automation("reader", source="file"), model="ok")
    run = make_run(version, input_data={}, step="source", source_item="x.txt")
    version.automation.source.delete()
    claim_once(run)
    assert (run.status, run.error_category, run.error_code) == (
        "failed", "source_error", "source_missing",
    )  # fmt: skip


# --- memory --------------------------------------------------------------------------------


@pytest.mark.once
def test_bombs_and_endless_answers_cost_a_worker_next_to_no_memory(
    answering: FakeProvider, settings: Any
) -> None:
    rude = ["endless", "endless-headers", "bomb", "deflate-bomb", "big:60000000", "header-long",
            "many-headers", "interim-for-ever", "deep-json"]  # fmt: skip
    with ProviderProcess() as server:
        settings.OUTBOUND_ALLOW = {"provider": [f"127.0.0.1:{server.port}"], "destination": []}
        first = runs_of(server, rude, call_timeout_s=3)
        work_on(first, claims=len(first))  # what is loaded once is loaded
        before = psutil.Process().memory_info().rss
        for _ in range(3):
            Run.objects.update(
                status="queued", available_at=timezone.now(), failures=0, completed_at=None
            )
            Provider.objects.update(circuit_opened_at=None, failures_in_row=0)
            work_on(first, claims=len(first))
        grown = psutil.Process().memory_info().rss - before
    assert Attempt.objects.count() == 4 * len(rude)
    assert grown < 64_000_000


# --- the table itself ----------------------------------------------------------------------


def test_every_cause_has_a_behaviour_or_a_test_of_its_own() -> None:
    shown = {row[1] for row in BEHAVIOURS.values()} | {"timeout"} | set(ELSEWHERE)
    assert set(CAUSES) - shown == set()


def test_every_code_that_the_engine_writes_is_in_the_table() -> None:
    written = set()
    runs = [path for path in ENGINE.glob("*.py") if path.name != "connection_tests.py"]
    for path in runs:
        text = path.read_text()
        written |= set(re.findall(r'(?:code=|"error_code": |error_code = )"([a-z_]+)"', text))
        written |= set(re.findall(r'code = "(delivery_[a-z]+)"', text))
        written |= set(re.findall(r'_Fault\(\s*"([a-z_]+)"', text))
    assert len(written) > 10
    assert written - set(CAUSES) - set(ELSEWHERE) == set()


def test_every_behaviour_of_the_server_is_in_the_table() -> None:
    known = {*BEHAVIOURS, *FINE, *SLOW}
    names = {model.partition(":")[0] for model in known}
    aside = {"fail", "slow", "status", "echo-key"}  # building blocks, and one of its own test
    assert set(provider_behaviours.BEHAVIOURS) - names - aside == set()
    assert len(known) >= 60


def test_the_tests_that_show_the_other_causes_exist() -> None:
    texts = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in ELSEWHERE.values() if f"def {name}(" not in texts] == []


def test_outages_and_refusals_are_different_causes() -> None:
    for code, cause in CAUSES.items():
        assert not (cause.outage and cause.opens_circuit), code
        assert not (cause.rate_limited and cause.outage), code
    assert circuits.OUTAGE_FAILURES == 5

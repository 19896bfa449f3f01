"""A run from claim to end: what is committed when, repaired, retried, bought once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from automations.models import Attempt, Automation, Delivery, Provider, Run, Version
from tests.automations.engine.driving import (
    Killed,
    claim_once,
    expire,
    http_destination,
    pump_that_dies,
)
from tests.makers import (
    LONG_TEXT,
    make_automation,
    make_destination,
    make_live,
    make_provider,
    make_run,
)
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)
GOOD = "A post that is long enough to be a post: it has more than fifty characters."


def a_run(model: str = "ok", *, run: dict[str, Any] | None = None, **version: Any) -> Run:
    return make_run(make_live(model=model, **version), **(run or {}))


def attempts(run: Run) -> list[Attempt]:
    return list(run.attempts.order_by("number"))


# --- the plain way -------------------------------------------------------------------------


def test_a_run_ends_with_output_attempt_verdicts_and_trace(answering: FakeProvider) -> None:
    answering.script(answer=GOOD)
    run = claim_once(a_run())
    assert (run.status, run.output_data, run.error_message) == ("success", {"text": GOOD}, None)
    assert (run.calls, run.failures, run.crashes, run.fence) == (1, 0, 0, 1)
    assert run.model == "ok"
    assert run.answered_by.startswith("127.0.0.1")
    assert run.completed_at is not None
    assert run.started_at is not None
    assert run.started_at <= run.completed_at
    assert run.execution_time_ms is not None
    assert [v["direction"] for v in run.verdicts] == ["input", "output"]
    assert all(v["passed"] for v in run.verdicts)
    assert [line["step"] for line in run.trace] == ["model", "check"]
    (attempt,) = attempts(run)
    assert (attempt.http_status, attempt.finish_reason, attempt.request_id) == (
        200,
        "stop",
        "req_1",
    )
    assert attempt.input_tokens == run.input_tokens > 0
    assert attempt.output_tokens == run.output_tokens > 0


def test_the_deadline_counts_from_the_first_attempt(answering: FakeProvider) -> None:
    queued = timezone.now() - timedelta(hours=2)
    run = claim_once(a_run(deadline_s=600, run={"queued_at": queued}))
    assert run.status == "success"
    assert run.deadline_at is not None
    assert run.started_at is not None
    assert (
        timedelta(0)
        <= run.deadline_at - run.started_at - timedelta(seconds=600)
        < (timedelta(seconds=5))
    )


def test_a_run_past_its_deadline_fails_without_a_call(answering: FakeProvider) -> None:
    past = timezone.now() - timedelta(seconds=1)
    run = claim_once(a_run(run={"deadline_at": past, "failures": 1}))
    assert (run.status, run.error_category, run.error_code) == ("failed", "timeout", "deadline")
    assert answering.seen()["calls"] == 0


def test_a_call_gets_no_longer_than_the_deadline_leaves(answering: FakeProvider) -> None:
    soon = timezone.now() + timedelta(seconds=0.7)
    run = claim_once(a_run("hang", run={"deadline_at": soon}))
    assert (run.status, run.error_category) == ("failed", "timeout")


def test_an_input_that_fails_its_checks_costs_no_call(answering: FakeProvider) -> None:
    run = claim_once(a_run(run={"input_data": {"content": "too short"}}))
    assert (run.status, run.error_category, run.error_code) == (
        "failed",
        "validation_error",
        "too_short",
    )
    assert run.error_message == "Length: 9 characters after trimming; needs 100"
    assert answering.seen()["calls"] == run.calls == 0


def test_a_run_reads_its_source_and_keeps_what_it_read(answering: FakeProvider) -> None:
    root: Path = settings.FILE_ROOTS[0]
    (root / "article.txt").write_text(LONG_TEXT, encoding="utf-8")
    automation = make_automation("reader", source="file")
    automation.source.settings = {"path": "article.txt"}
    automation.source.save()
    run = make_run(
        make_live(automation, model="ok"), input_data={}, step="source", source_item="article.txt"
    )
    claim_once(run)
    assert (run.status, run.input_data) == ("success", {"content": LONG_TEXT})
    assert run.trace[0]["step"] == "source"


def test_a_bug_of_ours_ends_the_run_and_says_that_it_is_ours(answering: FakeProvider) -> None:
    run = a_run()
    # No form lets this through; a hand-edited row might hold it.
    Version.objects.update(examples=[{"output": "no input"}])
    claim_once(run)
    assert (run.status, run.error_category, run.error_code) == (
        "failed",
        "internal_error",
        "keyerror",
    )
    assert run.error_message
    assert "our fault" in run.error_message
    assert "KeyError" in run.traceback
    assert "KeyError" not in run.error_message


# --- again ---------------------------------------------------------------------------------


def test_a_failed_call_returns_the_run_to_the_queue(answering: FakeProvider) -> None:
    run = claim_once(a_run("fail:500"))
    assert (run.status, run.failures, run.calls, run.lease_owner) == ("queued", 1, 1, "")
    assert run.available_at <= timezone.now() + timedelta(seconds=1)
    assert run.error_message
    assert "500" in run.error_message
    assert attempts(run)[0].http_status == 500


def test_two_failures_and_then_an_answer_are_a_success(answering: FakeProvider) -> None:
    run = a_run("fail:500x2-then-ok")
    statuses = [claim_once(run).status for _ in range(3)]
    assert statuses == ["queued", "queued", "success"]
    assert [a.http_status for a in attempts(run)] == [500, 500, 200]
    assert run.error_message is None


def test_the_third_failure_ends_the_run(answering: FakeProvider) -> None:
    run = a_run("fail:500")
    statuses = [claim_once(run).status for _ in range(3)]
    assert statuses == ["queued", "queued", "failed"]
    assert (run.error_category, answering.seen()["calls"]) == ("api_error", 3)


def test_every_fallback_model_gets_its_attempts_in_order(answering: FakeProvider) -> None:
    run = a_run("fail:503", fallback_models=["500", "ok"], max_attempts=2)
    for _ in range(5):
        claim_once(run)
    assert run.status == "success"
    assert [a.model for a in attempts(run)] == ["fail:503", "fail:503", "500", "500", "ok"]
    assert run.model == "ok"


def test_a_model_that_is_gone_makes_way_for_the_next_at_once(answering: FakeProvider) -> None:
    run = a_run("404:model", fallback_models=["ok"])
    claim_once(run)
    assert (run.status, run.model_index, run.failures) == ("queued", 1, 0)
    assert run.available_at <= timezone.now()
    assert claim_once(run).status == "success"


def test_a_refused_key_ends_the_run_and_opens_the_circuit(answering: FakeProvider) -> None:
    run = claim_once(a_run("401"))
    assert (run.status, run.error_category, run.calls) == ("failed", "authentication", 1)
    provider = Provider.objects.default()
    assert provider.circuit_is_open
    assert provider.circuit_reason == run.error_message


def test_a_persons_run_is_the_probe_whose_success_closes_the_circuit(
    answering: FakeProvider,
) -> None:
    version = make_live(model="ok")
    answering.script(behaviours=["401"])
    assert claim_once(make_run(version)).status == "failed"
    bulk = make_run(version, priority=Run.BULK)
    assert claim_once(bulk).status == "queued"
    assert claim_once(make_run(version)).status == "success"
    assert not Provider.objects.default().circuit_is_open
    assert claim_once(bulk).status == "success"


def test_a_rate_limit_postpones_the_run_and_pauses_the_provider(answering: FakeProvider) -> None:
    version = make_live(model="ok")
    answering.script(behaviours=["429:retry-after=7"])
    before = timezone.now()
    run = claim_once(make_run(version))
    assert (run.status, run.failures, run.postponements) == ("queued", 0, 1)
    assert timedelta(seconds=7) <= run.available_at - before < timedelta(seconds=9)
    provider = Provider.objects.default()
    assert provider.paused_until is not None
    assert timedelta(seconds=7) <= provider.paused_until - before < timedelta(seconds=9)
    assert provider.working_concurrency == 8
    assert attempts(run)[0].error_category == "api_rate_limit"
    assert claim_once(make_run(version)).status == "queued"  # for everybody
    assert answering.seen()["calls"] == 1


def test_the_eleventh_rate_limit_fails_the_run(answering: FakeProvider) -> None:
    run = claim_once(a_run("429", run={"postponements": 10}))
    assert (run.status, run.error_category) == ("failed", "api_rate_limit")


# --- repair --------------------------------------------------------------------------------


def test_an_output_that_is_too_long_is_sent_back_with_the_complaint(
    answering: FakeProvider,
) -> None:
    answering.script(answers=["x" * 1_301, GOOD])
    run = a_run()
    assert claim_once(run).status == "queued"
    claim_once(run)
    assert (run.status, run.output_data, run.calls) == ("success", {"text": GOOD}, 2)
    first, second = attempts(run)
    assert (first.is_repair, second.is_repair) == (False, True)
    asked = answering.seen()["requests"][1]["json"]["messages"]
    assert asked[-2] == {"role": "assistant", "content": "x" * 1_301}
    assert "1,301 characters; at most 1,300 allowed" in asked[-1]["content"]
    outputs = [v for v in run.verdicts if v["direction"] == "output"]
    assert [(v["turn"], v["passed"]) for v in outputs] == [(0, False), (1, True)]


@pytest.mark.parametrize("max_repairs", [0, 1, 3])
def test_there_are_never_more_repairs_than_allowed(
    answering: FakeProvider, max_repairs: int
) -> None:
    answering.script(answer="too short")
    run = a_run(max_repairs=max_repairs)
    make_destination(run.automation)
    for _ in range(max_repairs + 2):
        claim_once(run)
    assert (run.status, run.error_category) == ("failed", "validation_error")
    assert answering.seen()["calls"] == run.calls == max_repairs + 1
    assert not Delivery.objects.exists()


def test_a_cut_off_answer_is_repaired_by_a_shorter_one(answering: FakeProvider) -> None:
    answering.script(behaviours=["length"])
    run = a_run()
    claim_once(run)
    assert (run.status, run.failures) == ("queued", 0)
    assert claim_once(run).status == "success"
    assert "cut off" in answering.seen()["requests"][1]["json"]["messages"][-1]["content"]


def test_an_answer_that_is_always_cut_off_fails_as_a_validation_error(
    answering: FakeProvider,
) -> None:
    run = a_run("length")
    for _ in range(3):
        claim_once(run)
    assert (run.status, run.error_category, run.calls) == ("failed", "validation_error", 2)


def test_json_that_does_not_fit_its_schema_is_repaired(answering: FakeProvider) -> None:
    schema = {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["a", "b"]}},
        "required": ["label"],
        "additionalProperties": False,
    }
    answering.script(answers=['{"label": "c"}', '{"label": "b"}'])
    run = a_run(output_schema=schema, rules=[])
    for _ in range(2):
        claim_once(run)
    assert (run.status, run.output_data) == ("success", {"label": "b"})


def test_a_repair_waits_for_its_place_at_the_provider(answering: FakeProvider) -> None:
    Provider.objects.default()
    Provider.objects.update(requests_per_minute=1)
    answering.script(answers=["too short", GOOD])
    run = a_run()
    assert [claim_once(run).status, claim_once(run).status] == ["queued", "queued"]
    assert answering.seen()["calls"] == 1


# --- killed in between ---------------------------------------------------------------------
# Commits of this run: 1 the answer, 2 the output with its delivery's intent, 3 the end.


def killed_run(server: FakeProvider, *, at_commit: int, written: bool, keyed: bool = True) -> Run:
    """Run once with a worker that dies at a commit, then again with one that lives."""
    automation = make_automation("mortal")
    http_destination(automation, server, "keyed" if keyed else "plain", keyed=keyed)
    run = make_run(make_live(automation, model="ok"))
    asyncio.run(_until_dead(run, at_commit=at_commit, written=written))
    run.refresh_from_db()
    if run.status == Run.Status.RUNNING:
        expire(run)
        from automations.engine.leases import reap

        reap(now=timezone.now())
        claim_once(run)
    return run


async def _until_dead(run: Run, *, at_commit: int, written: bool) -> None:
    from automations.engine.claims import Scope
    from automations.engine.pump import Pace
    from tests.automations.engine.driving import BRISK

    pump = pump_that_dies(at_commit=at_commit, written=written)(
        "mortal", Pace(budget_s=5, grace_s=5, **BRISK), Scope(run_id=run.pk)
    )
    pump.stopping = lambda: pump._report.started > 0
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: _expect(context))
    await pump.run()


def _expect(context: dict[str, Any]) -> None:
    assert isinstance(context.get("exception"), Killed), context


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("at_commit", [1, 2, 3])
def test_a_worker_killed_between_steps_costs_no_second_answer_and_no_second_effect(
    answering: FakeProvider, at_commit: int, moment: str
) -> None:
    run = killed_run(answering, at_commit=at_commit, written=moment == "after")
    killed = (at_commit, moment)
    seen = answering.seen()
    key = Delivery.objects.get().key
    assert (run.status, run.crashes) == ("success", 0 if killed == (3, "after") else 1)
    # Only an answer that was lost with its worker is bought again.
    assert seen["calls"] == (2 if killed == (1, "before") else 1)
    assert seen["deliveries"] == {key: 1}
    assert seen["attempts"][key] == (2 if killed == (3, "before") else 1)


@pytest.mark.parametrize("at_commit", [2, 3])
def test_a_delivery_that_may_have_arrived_is_never_repeated_by_itself(
    answering: FakeProvider, at_commit: int
) -> None:
    run = killed_run(answering, at_commit=at_commit, written=at_commit == 2, keyed=False)
    assert (run.status, run.error_category, run.error_code) == (
        "failed",
        "delivery_error",
        "delivery_unknown",
    )
    assert Delivery.objects.get().state == "unknown"
    sent = sum(answering.seen()["attempts"].values())
    assert sent == (0 if at_commit == 2 else 1)


def test_a_source_is_not_read_twice(answering: FakeProvider) -> None:
    root: Path = settings.FILE_ROOTS[0]
    article = root / "once.txt"
    article.write_text(LONG_TEXT, encoding="utf-8")
    automation = make_automation("reader", source="file")
    automation.source.settings = {"path": "once.txt"}
    automation.source.save()
    run = make_run(
        make_live(automation, model="ok"), input_data={}, step="source", source_item="once.txt"
    )
    asyncio.run(_until_dead(run, at_commit=1, written=True))
    article.write_text("changed " * 50, encoding="utf-8")
    expire(run)
    from automations.engine.leases import reap

    reap(now=timezone.now())
    assert claim_once(run).input_data == {"content": LONG_TEXT}
    assert Automation.objects.get(slug="reader").runs.get().status == "success"


def test_names_longer_than_their_columns_are_cut(answering: FakeProvider) -> None:
    long = "m" * 119
    provider = make_provider(
        kind="endpoint", base_url=answering.base_url, default_model=long, api_key_env=""
    )
    run = claim_once(make_run(make_live(model="", provider=provider)))
    assert (run.status, run.model) == ("success", long)

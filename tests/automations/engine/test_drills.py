"""Reliability drills, run by a real pump against the real faulty endpoint."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from automations import drilling, services
from automations.engine.faults import faulty_endpoint
from automations.engine.pump import Pace, Pump
from automations.errors import NotAllowed, WrongState
from automations.models import Attempt, AuditEvent, Delivery, Drill, Provider, Run, Version
from automations.schemas import errors_in
from automations.schemas.samples import minimal
from tests.automations.engine.driving import BRISK, pumping, wait_for
from tests.makers import LONG_TEXT, make_automation, make_destination, make_live, make_version

GIVEN = {"content": LONG_TEXT}
pytestmark = pytest.mark.django_db(transaction=True)


def finished(drill: Drill) -> Drill:
    """Let a pump work until the drill has ended."""

    def ended() -> bool:
        fresh = Drill.objects.select_related("version", "automation").get(pk=drill.pk)
        return services.judge_drill(fresh).finished_at is not None

    with pumping(Pump("drill", Pace(budget_s=100, **BRISK))):
        wait_for(ended, "the end of the drill", timeout_s=80)
    drill.refresh_from_db()
    return drill


def by_fault(drill: Drill) -> dict[str, dict[str, Any]]:
    return {row["fault"]: row for row in drill.results}


def calls_of(row: dict[str, Any]) -> list[str]:
    found = Attempt.objects.filter(run=row["run"]).order_by("started_at", "id")
    return [attempt.error_category or "answer" for attempt in found]


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default provider whose key is missing: a drill must not need it."""
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.openai.com/v1")


def test_a_good_automation_passes_every_fault(operator: User, unreachable: None) -> None:
    live = make_live(make_automation(approval_required=True))
    make_destination(live.automation, name="Blog", kind="http", settings={"url": "http://x.test/"})
    drill = finished(services.start_drill(live.automation, GIVEN, by=operator))
    rows = by_fault(drill)
    assert {fault: row["passed"] for fault, row in rows.items()} == dict.fromkeys(rows, True)
    assert drill.passed is True
    assert calls_of(rows["429"]) == ["api_rate_limit", "answer"]
    assert calls_of(rows["500_then_answer"]) == ["api_error", "api_error", "answer"]
    assert calls_of(rows["500"]) == ["api_error"] * 3
    assert calls_of(rows["timeout"]) == ["timeout"] * 3
    assert calls_of(rows["truncated"]) == ["api_error", "answer"]
    assert calls_of(rows["empty"]) == ["api_error", "answer"]
    assert calls_of(rows["401"]) == ["authentication"]
    assert calls_of(rows["bad_answer"]) == ["answer"] * (1 + live.max_repairs)
    assert calls_of(rows["bad_input"]) == []
    assert Delivery.objects.count() == 0
    assert not Run.objects.exclude(is_simulated=True, origin="drill").exists()
    assert not Run.objects.exclude(cost_usd=None).exclude(cost_usd=0).exists()
    assert Run.objects.evidence().count() == 0
    assert AuditEvent.objects.filter(action="finish drill").count() == 1


def test_a_drill_leaves_the_provider_as_it_is(operator: User, unreachable: None) -> None:
    live = make_live(rules=[])
    until = timezone.now() + timedelta(minutes=10)
    resting = {
        "paused_until": until, "circuit_opened_at": timezone.now(), "circuit_reason": "No credit.",
        "requests_per_minute": 1, "tokens_per_minute": 1, "max_concurrency": 1,
    }  # fmt: skip
    Provider.objects.update(**resting)
    before = Provider.objects.values().get()
    drill = finished(services.start_drill(live.automation, GIVEN, by=operator))
    assert drill.passed is True, drill.results
    assert Provider.objects.values().get() == before


SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"enum": ["billing", "other"]},
        "points": {
            "type": "array", "minItems": 3, "items": {"type": "string", "minLength": 20},
        },
        "score": {"type": "number", "minimum": 0.5, "maximum": 1},
        "when": {"type": "string", "format": "date"},
    },
    "required": ["label", "points", "score", "when"],
    "additionalProperties": False,
}  # fmt: skip


def test_an_automation_with_a_schema_and_fallbacks_passes(
    operator: User, unreachable: None
) -> None:
    live = make_live(
        output_schema=SCHEMA, fallback_models=["second"], max_attempts=2, max_repairs=0, rules=[]
    )
    drill = finished(services.start_drill(live.automation, GIVEN, by=operator))
    rows = by_fault(drill)
    assert drill.passed is True, drill.results
    assert len(calls_of(rows["500"])) == 4
    assert calls_of(rows["500_then_answer"]) == ["api_error", "answer"]
    assert "Accepted." in rows["429"]["happened"]
    assert len(calls_of(rows["bad_answer"])) == 1


def test_a_version_that_never_tries_again_is_judged_by_its_own_recipe(
    operator: User, unreachable: None
) -> None:
    live = make_live(max_attempts=1, rules=[])
    drill = finished(services.start_drill(live.automation, GIVEN, by=operator))
    rows = by_fault(drill)
    assert drill.passed is True, drill.results
    assert calls_of(rows["500"]) == ["api_error"]
    assert "500_then_answer" not in rows


def test_a_check_that_refuses_the_sample_answer_is_no_failure_of_error_handling(
    operator: User, unreachable: None
) -> None:
    rules = [("output", "length", {"min_stripped": 5000, "max_raw": 5001})]
    live = make_live(rules=rules, max_repairs=0)
    drill = finished(services.start_drill(live.automation, {"content": "word"}, by=operator))
    assert drill.passed is True, drill.results


def test_a_sample_input_that_is_refused_is_named(operator: User, unreachable: None) -> None:
    live = make_live()
    drill = finished(services.start_drill(live.automation, {"content": "short"}, by=operator))
    row = by_fault(drill)["429"]
    assert (drill.passed, row["passed"]) == (False, False)
    assert "refused the sample input" in row["happened"]


def test_a_wrong_retry_policy_does_not_pass(operator: User, unreachable: None) -> None:
    """The version is judged by what happened: a recipe that changes on the way is noticed."""
    live = make_live(rules=[])
    drill = services.start_drill(live.automation, GIVEN, by=operator)
    Version.objects.filter(pk=live.pk).update(max_attempts=1)
    drill = finished(drill)
    assert drill.passed is False
    assert by_fault(drill)["500"]["passed"] is False


# --- starting ------------------------------------------------------------------------------


def test_an_automation_has_one_open_drill(operator: User) -> None:
    live = make_live()
    services.start_drill(live.automation, GIVEN, by=operator)
    count = Run.objects.count()
    with pytest.raises(WrongState, match="under way"):
        services.start_drill(live.automation, GIVEN, by=operator)
    assert (Drill.objects.count(), Run.objects.count()) == (1, count)


def test_who_may_not_start_runs_may_not_drill(viewer: User) -> None:
    with pytest.raises(NotAllowed):
        services.start_drill(make_live().automation, GIVEN, by=viewer)


def test_a_draft_is_not_drilled(operator: User) -> None:
    live = make_live()
    draft = make_version(live.automation)
    with pytest.raises(WrongState, match="draft"):
        services.start_drill(live.automation, GIVEN, by=operator, version=draft)


def test_judging_twice_ends_a_drill_once(operator: User) -> None:
    live = make_live()
    drill = services.start_drill(live.automation, GIVEN, by=operator)
    assert services.judge_open_drills() == 0
    Run.objects.update(status="cancelled", completed_at=timezone.now())
    stale = Drill.objects.get(pk=drill.pk)
    assert services.judge_open_drills() == 1
    services.judge_drill(stale)
    assert AuditEvent.objects.filter(action="finish drill").count() == 1
    drill.refresh_from_db()
    assert drill.passed is False


# --- the endpoint --------------------------------------------------------------------------


def fetch(url: str, token: str) -> int:
    """Post to an address and return the status."""
    request = urllib.request.Request(url, b"{}", {"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_only_who_knows_the_token_reaches_the_faulty_endpoint() -> None:
    async def tried() -> tuple[int, int, int]:
        async with faulty_endpoint(drilling.ANSWER, "Hello.") as endpoint:
            path = "/chat/completions"
            wrong = endpoint.base_url.replace(endpoint.api_key, "x" * 32)
            known = await asyncio.to_thread(fetch, endpoint.base_url + path, endpoint.api_key)
            other = await asyncio.to_thread(fetch, wrong + path, endpoint.api_key)
            guess = await asyncio.to_thread(fetch, wrong + path, "x" * 32)
            return known, other, guess

    assert asyncio.run(tried()) == (200, 404, 404)


# --- pure ----------------------------------------------------------------------------------

SCHEMAS: list[dict[str, Any]] = [
    SCHEMA,
    {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}, "required": ["a"],
     "$defs": {"b": {"type": "integer", "minimum": 7, "multipleOf": 5}}},
    {"anyOf": [{"type": "string", "minLength": 3, "maxLength": 4}, {"type": "null"}]},
    {"type": ["string", "null"]},
    {"const": {"x": 1}},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 2},
    {"type": "number", "exclusiveMinimum": 2, "maximum": 10},
    {"type": "integer", "maximum": -3},
    {"type": "string", "format": "email"},
    {"type": "object", "properties": {"a": {"type": "string"}}},
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: str(schema)[:40])
def test_the_smallest_answer_fits_its_schema(schema: dict[str, Any]) -> None:
    assert errors_in(minimal(schema, schema), schema) == []


@pytest.mark.parametrize("attempts", [1, 2, 3])
@pytest.mark.parametrize("models", [1, 3])
def test_every_expectation_can_be_met(attempts: int, models: int) -> None:
    """A script that recovers does so within the calls that the recipe allows."""
    recipe = drilling.Recipe(attempts, models, 1)
    for one in drilling.exercises(recipe):
        assert one.wants.calls <= max(2, recipe.chances)
        last = drilling.behaviour_at(one.fault, one.wants.calls - 1, recipe)
        assert (last == drilling.ANSWER) is (one.wants.ends == drilling.ANSWERED)

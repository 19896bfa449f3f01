"""Boxes 8 to 12: error handling, checks of input and output, logging, metrics."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from automations import services
from automations.models import Delivery, Run, ValidatorRule, Version
from lifecycle.evidence import runs
from lifecycle.phases import State
from tests.lifecycle.evidence.looking import (
    DAY,
    against,
    asked,
    box,
    done,
    failed,
    many,
    passing,
)
from tests.lifecycle.makers import make_drill
from tests.makers import (
    make_automation,
    make_delivery,
    make_destination,
    make_live,
    make_run,
    make_version,
)

pytestmark = pytest.mark.django_db


def result(fault: str, run: Run, *, passed: object = True) -> dict[str, Any]:
    """Return one fault of a drill, as it is stored."""
    return {"fault": fault, "label": f"The fault {fault}", "expected": "", "wants": {},
            "run": run.pk, "happened": "", "passed": passed}  # fmt: skip


# --- 8: Error handling implemented ---------------------------------------------------------


def test_a_passed_drill_ticks_box_8_and_another_live_version_unticks_it() -> None:
    version = make_live()
    found = box(8, version.automation)
    assert (found.state, found.why) == (State.NOT_MET, "There was no drill on version 1 yet.")
    make_drill(version, results=[result("500", make_run(version, is_simulated=True))])
    found = box(8, version.automation)
    assert found.state == State.MET
    assert found.why.endswith(" on version 1 was passed: 1 fault handled as they should be.")
    make_live(version.automation)
    found = box(8, version.automation)
    assert found.state == State.NOT_MET
    assert found.why == (
        "Live version changed: no drill on version 2; the last one was on version 1."
    )


def test_going_back_to_the_drilled_version_ticks_box_8_again(approver: User) -> None:
    version = make_live()
    make_drill(version)
    make_live(version.automation)
    assert box(8, version.automation).state == State.NOT_MET
    services.make_live(version, by=approver)
    assert box(8, version.automation).state == State.MET


def test_publishing_and_making_live_opens_box_8(editor: User) -> None:
    version = make_live()
    make_drill(version)
    draft = services.create_draft(version.automation, by=editor)
    services.publish_version(draft, by=editor)
    assert box(8, version.automation).state == State.MET
    services.make_live(draft, by=editor)
    assert "no drill on version 2" in box(8, version.automation).why


def test_the_newest_drill_counts_and_names_what_went_wrong() -> None:
    version = make_live()
    make_drill(version)
    run = make_run(version, is_simulated=True)
    make_drill(version, passed=False, results=[result("401", run, passed=False)])
    found = box(8, version.automation)
    assert found.state == State.NOT_MET
    assert found.why.endswith(" on version 1 was not passed: The fault 401.")
    assert run.get_absolute_url() in [link.url for link in found.rows]


def test_a_drill_that_is_under_way_proves_nothing_and_takes_nothing_away() -> None:
    version = make_live()
    make_drill(version, finished_at=None, passed=None)
    found = box(8, version.automation)
    assert found.why == "A drill of version 1 is under way."
    assert found.step is not None
    assert found.step.label == "Watch the drill"
    make_drill(version)
    assert box(8, version.automation).state == State.MET


def test_without_a_live_version_there_is_nothing_to_drill() -> None:
    found = box(8, make_automation())
    assert found.state == State.NOT_MET
    assert found.step is not None
    assert found.step.label == "Publish a version and make it live"
    assert found.step.url == reverse("automation_versions", args=["writer"])


@pytest.mark.parametrize("number", [4, 6, 8, 9, 10, 11, 20])
def test_before_a_version_is_live_the_step_is_the_newest_draft(number: int) -> None:
    automation = make_automation()
    draft = make_version(automation)
    found = box(number, automation)
    assert found.step is not None
    assert found.step.url == draft.get_absolute_url()


# --- 9 and 10: Input and output validation -------------------------------------------------

REFUSING: dict[int, dict[str, Any]] = {
    9: {"verdicts": [against("input")]},
    10: {"verdicts": [passing("input"), against("output")], "calls": 1},
}


@pytest.mark.parametrize("number", [9, 10])
def test_a_check_that_refused_something_ticks_its_box(number: int) -> None:
    version = make_live()
    found = box(number, version.automation)
    assert found.state == State.NOT_MET
    assert "which refused nothing yet" in found.why
    run = failed(version, "validation_error", **REFUSING[number])
    found = box(number, version.automation)
    assert found.state == State.MET
    assert found.why.startswith("Version 1 has 1 ")
    assert run.get_absolute_url() in [link.url for link in found.rows]
    run.delete()
    assert box(number, version.automation).state == State.NOT_MET


@pytest.mark.parametrize("number", [9, 10])
def test_removing_the_checks_in_a_new_version_opens_the_box(number: int, editor: User) -> None:
    version = make_live()
    failed(version, "validation_error", **REFUSING[number])
    assert box(number, version.automation).state == State.MET
    draft = services.create_draft(version.automation, by=editor)
    for rule in draft.validator_rules.all():
        services.remove_check(rule, by=editor)
    services.make_live(services.publish_version(draft, by=editor), by=editor)
    found = box(number, version.automation)
    assert found.state == State.NOT_MET
    direction = {9: "input", 10: "output"}[number]
    assert found.why == f"Version 2 has no {direction} check."


@pytest.mark.parametrize("number", [9, 10])
def test_what_an_earlier_version_refused_does_not_count(number: int) -> None:
    version = make_live()
    failed(version, "validation_error", **REFUSING[number])
    make_live(version.automation)
    assert box(number, version.automation).state == State.NOT_MET


@pytest.mark.parametrize(("number", "fault"), [(9, "bad_input"), (10, "bad_answer")])
def test_the_bad_sample_of_a_drill_counts(number: int, fault: str) -> None:
    version = make_live()
    run = make_run(version, is_simulated=True)
    drill = make_drill(version, results=[result(fault, run, passed=None)])
    assert box(number, version.automation).state == State.NOT_MET
    drill.results = [result(fault, run)]
    drill.save()
    assert box(number, version.automation).state == State.MET


def test_the_inputs_own_schema_is_no_check_of_the_version() -> None:
    version = make_live()
    failed(version, "validation_error", verdicts=[against("input", "schema")])
    assert box(9, version.automation).state == State.NOT_MET


def test_an_output_schema_is_a_check() -> None:
    version = make_live(rules=[], output_schema={"type": "object"})
    assert "has 1 output check, which refused nothing yet" in box(10, version.automation).why
    failed(version, "validation_error", calls=1, verdicts=[against("output", "schema")])
    assert box(10, version.automation).state == State.MET


def test_an_answer_that_was_repaired_had_been_refused() -> None:
    version = make_live()
    done(version, calls=2, verdicts=[against("output"), passing("output")])
    assert box(10, version.automation).state == State.MET


@pytest.mark.parametrize("number", [9, 10])
def test_a_try_in_the_playground_refuses_nothing_in_earnest(number: int) -> None:
    version = make_live()
    tried = {**REFUSING[number], "origin": "playground", "is_simulated": True}
    failed(version, "validation_error", **tried)
    assert box(number, version.automation).state == State.NOT_MET


def test_a_sample_refusal_says_what_it_is() -> None:
    version = make_live()
    failed(version, "validation_error", **REFUSING[9], is_sample=True)
    assert box(9, version.automation).why.endswith("This is sample data.")


def delivered(version: Version, **values: Any) -> Run:
    run = done(version, **values)
    kind = {"kind": "http", "settings": {"url": "https://example.com"}}
    destination = version.automation.destinations.first()
    destination = destination or make_destination(version.automation, **kind)
    at = run.completed_at
    make_delivery(run, destination, state=Delivery.State.DELIVERED, delivered_at=at)
    return run


def refusing(**values: Any) -> Version:
    """Make a live version for which box 10 is met."""
    version = make_live(**values)
    failed(version, "validation_error", **REFUSING[10])
    return version


def test_an_output_that_no_check_saw_opens_box_10_for_30_days() -> None:
    version, now = refusing(), timezone.now()
    assert box(10, version.automation, now).state == State.MET
    run = delivered(version, completed_at=now - 30 * DAY)
    found = box(10, version.automation, now)
    assert found.state == State.NOT_MET
    assert found.why.startswith("1 run delivered an output that no check had seen")
    assert [link.url for link in found.rows] == [run.get_absolute_url()]
    assert box(10, version.automation, now + timedelta(seconds=1)).state == State.MET


def test_what_a_check_saw_may_be_delivered() -> None:
    version = refusing()
    delivered(version, verdicts=[passing("output")])
    assert box(10, version.automation).state == State.MET


def test_a_version_without_checks_delivers_unseen() -> None:
    bare = make_live(rules=[])
    delivered(bare, verdicts=[passing("output")])
    version = refusing(automation=bare.automation)
    found = box(10, version.automation)
    assert found.state == State.NOT_MET
    assert "no check had seen" in found.why


def test_what_stays_with_its_run_was_not_delivered() -> None:
    version = refusing()
    run = done(version)
    arrived = {"state": Delivery.State.DELIVERED, "delivered_at": timezone.now()}
    make_delivery(run, make_destination(version.automation), **arrived)
    assert box(10, version.automation).state == State.MET


@pytest.mark.parametrize("status", ["failed", "cancelled", "awaiting_approval"])
def test_what_left_before_its_run_failed_was_delivered(status: str) -> None:
    version = refusing()
    run = delivered(version)
    Run.objects.filter(pk=run.pk).update(status=status)
    found = box(10, version.automation)
    assert found.state == State.NOT_MET
    assert [link.url for link in found.rows] == [run.get_absolute_url()]


def test_newer_runs_do_not_hide_what_a_version_without_checks_delivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "MOST", 3)
    bare = make_live(rules=[])
    hidden = delivered(bare)
    version = refusing(automation=bare.automation)
    many(5, version)
    found = box(10, version.automation)
    assert found.state == State.NOT_MET
    assert [link.url for link in found.rows] == [hidden.get_absolute_url()]


def test_box_10_says_how_many_deliveries_it_has_read() -> None:
    version = refusing()
    delivered(version, verdicts=[passing("output")])
    said = "Of the newest 1 delivery each had been seen by a check."
    assert box(10, version.automation).why.startswith(said)


def test_what_did_not_arrive_was_not_delivered() -> None:
    version = refusing()
    run = delivered(version)
    run.deliveries.update(state=Delivery.State.FAILED)
    assert box(10, version.automation).state == State.MET


def test_a_simulated_run_delivers_nothing() -> None:
    version = refusing()
    delivered(version, is_simulated=True)
    assert box(10, version.automation).state == State.MET


# --- 11: Logging configured ----------------------------------------------------------------


def traced(version: Version, **values: Any) -> Run:
    run = done(version, calls=1, **values)
    asked(run)
    return run


def test_complete_traces_tick_box_11_and_a_gap_unticks_it() -> None:
    version = make_live()
    assert box(11, version.automation).state == State.NOT_MEASURED
    run = traced(version)
    found = box(11, version.automation)
    assert found.state == State.MET
    assert found.why == "Start, end, outcome and every step are there for the last 1 run."
    run.attempts.all().delete()
    found = box(11, version.automation)
    assert found.state == State.NOT_MET
    gap = f"run {run.pk} made 1 call, but 0 are written down"
    assert found.why == f"Gaps in 1 of the last 1 run: {gap}."


def test_only_the_last_20_runs_are_looked_at() -> None:
    version = make_live()
    hole = done(version, calls=1)
    for _ in range(19):
        traced(version)
    assert box(11, version.automation).state == State.NOT_MET
    traced(version)
    found = box(11, version.automation)
    assert found.state == State.MET
    assert found.why.endswith(" the last 20 runs.")
    assert hole.get_absolute_url() not in [link.url for link in found.rows]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"started_at": None}, "has no start"),
        ({"execution_time_ms": None}, "does not say how long it took"),
        ({"calls": 0}, "has no step"),
    ],
)
def test_each_kind_of_gap_is_named(values: dict[str, Any], what: str) -> None:
    version = make_live()
    run = done(version, **values)
    found = box(11, version.automation)
    assert found.state == State.NOT_MET
    assert found.why == f"Gaps in 1 of the last 1 run: run {run.pk} {what}."


def test_a_failure_without_a_reason_is_a_gap() -> None:
    version = make_live()
    failed(version, "")
    assert "failed without a reason" in box(11, version.automation).why


def test_an_input_that_was_refused_at_once_needs_no_steps() -> None:
    version = make_live()
    failed(version, "source_error", "unreadable")
    failed(version, "validation_error", verdicts=[against("input")])
    assert box(11, version.automation).state == State.MET


def test_a_run_that_began_at_its_delivery_has_that_as_its_step() -> None:
    version = make_live()
    done(version, trace=[{"step": "deliver", "at": "2026-11-22T09:00:00Z", "ms": 3, "note": ""}])
    assert box(11, version.automation).state == State.MET


def test_simulated_runs_and_those_under_way_are_not_looked_at() -> None:
    version = make_live()
    traced(version)
    done(version, calls=1, is_simulated=True)
    make_run(version, status="running", calls=3)
    assert box(11, version.automation).state == State.MET


# --- 12: Metrics tracked -------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 19, 20])
def test_runs_promise_nothing_as_long_as_there_is_no_rollup(number: int) -> None:
    version = make_live()
    many(number, version)
    found = box(12, version.automation)
    assert (found.state, found.step) == (State.NOT_MEASURED, None)
    assert found.why.startswith("Not measured: there is no rollup in this installation yet")
    assert found.why.endswith(f"{number} of 20 runs counted so far.")


def test_a_drafts_checks_do_not_count() -> None:
    version = make_live(rules=[])
    draft = Version.objects.create(
        automation=version.automation, number=2, provider=version.provider
    )
    ValidatorRule.objects.create(version=draft, direction="input", kind="length")
    assert box(9, version.automation).why == "Version 1 has no input check."

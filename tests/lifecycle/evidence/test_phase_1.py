"""Boxes 1 to 3: scorecard, decision, success criteria."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from lifecycle import elput
from lifecycle.models import Criterion, Prototype
from lifecycle.phases import State
from tests.lifecycle.evidence.looking import DAY, box, done
from tests.lifecycle.makers import (
    make_criterion,
    make_decision,
    make_prototype,
    make_scorecard,
)
from tests.makers import make_automation, make_live, make_run

pytestmark = pytest.mark.django_db


# --- 1: ELPUT score calculated -------------------------------------------------------------


def test_a_scorecard_ticks_box_1_and_its_removal_unticks_it() -> None:
    automation = make_automation()
    before = box(1, automation)
    assert (before.state, before.step.label if before.step else "") == (State.NOT_MET, "Score it")
    card = make_scorecard(automation)
    found = box(1, automation)
    assert found.state == State.MET
    assert found.why.startswith("ELPUT 6.0 on ")
    assert "Prototype this week." in found.why
    assert found.rows[0].url == card.get_absolute_url()
    card.delete()
    assert box(1, automation).state == State.NOT_MET


def test_missing_reasons_are_told_but_fail_nothing() -> None:
    automation = make_automation()
    make_scorecard(automation, reasons={"risk": "A person reads all of it."})
    assert "No reason is written for 4 factors." in box(1, automation).why
    make_scorecard(automation, reasons=dict.fromkeys(elput.KEYS, "Because."))
    assert "No reason" not in box(1, automation).why


@pytest.mark.parametrize(
    ("stage", "age", "state"),
    [
        ("production", 180, State.MET),
        ("production", 181, State.NOT_MET),
        ("prototype", 900, State.MET),
    ],
)
def test_a_scorecard_holds_for_180_days_in_production(stage: str, age: int, state: State) -> None:
    automation = make_automation(stage=stage)
    make_scorecard(automation, date=timezone.localdate() - timedelta(days=age))
    assert box(1, automation).state == state


# --- 2: Decision to build made -------------------------------------------------------------


def test_a_decision_ticks_box_2_and_a_new_scorecard_opens_it_again(editor: User) -> None:
    automation = make_automation()
    assert box(2, automation).why == "There is nothing to decide on: no scorecard yet."
    card = make_scorecard(automation)
    assert box(2, automation).why.startswith("Nobody has decided on the scorecard of ")
    make_decision(card, decided_by=editor)
    found = box(2, automation)
    assert found.state == State.MET
    assert found.why.startswith("Decided by editor on ")
    make_scorecard(automation)
    again = box(2, automation)
    assert again.state == State.NOT_MET
    assert "is new: “Prototype” of " in again.why


def test_a_decision_by_nobody_is_none(editor: User) -> None:
    automation = make_automation()
    make_decision(make_scorecard(automation), decided_by=editor)
    editor.delete()
    found = box(2, automation)
    assert found.state == State.NOT_MET
    assert "names nobody who made it" in found.why


@pytest.mark.parametrize("verdict", ["skip", "simplify"])
def test_a_decision_not_to_build_leaves_box_2_open(editor: User, verdict: str) -> None:
    automation = make_automation()
    make_decision(make_scorecard(automation), decided_by=editor, verdict=verdict)
    found = box(2, automation)
    assert found.state == State.NOT_MET
    assert found.why.endswith(f": {verdict.title()}, so it is not to be built.")


def test_the_newest_decision_counts(editor: User) -> None:
    automation = make_automation()
    card = make_scorecard(automation)
    make_decision(card, decided_by=editor, verdict="build")
    make_decision(card, decided_by=editor, verdict="skip", overrules=True, reason="No budget.")
    assert box(2, automation).state == State.NOT_MET


def test_a_sample_decision_needs_nobody_and_says_that_it_is_one() -> None:
    automation = make_automation()
    make_decision(make_scorecard(automation), is_sample=True)
    found = box(2, automation)
    assert found.state == State.MET
    assert found.why.endswith("This is sample data.")


# --- 3: Success criteria defined -----------------------------------------------------------


def test_a_criterion_ticks_box_3_and_its_removal_unticks_it() -> None:
    automation = make_automation()
    assert box(3, automation).state == State.NOT_MET
    criterion = make_criterion(automation)
    found = box(3, automation)
    assert found.state == State.MET
    assert "1 success criterion and no run yet: Success rate at least 95 %." in found.why
    criterion.delete()
    assert box(3, automation).state == State.NOT_MET


def test_a_criterion_must_be_from_before_the_first_run() -> None:
    automation = make_live().automation
    version = automation.live_version
    criterion = make_criterion(automation)
    run = make_run(version)
    assert box(3, automation).state == State.MET
    late = run.queued_at + timedelta(seconds=1)
    Criterion.objects.filter(pk=criterion.pk).update(created_at=late)
    found = box(3, automation)
    assert found.state == State.NOT_MET
    assert found.step is not None
    assert found.step.label == "Start a new prototype"


def test_a_criterion_written_at_the_very_moment_of_the_first_run_counts() -> None:
    run = make_run()
    make_criterion(run.automation, created_at=run.queued_at)
    assert box(3, run.automation).state == State.MET


def test_simulated_runs_start_no_prototype() -> None:
    run = make_run(is_simulated=True)
    make_criterion(run.automation, created_at=run.queued_at + DAY)
    assert box(3, run.automation).state == State.MET


def test_a_criterion_that_was_changed_after_the_first_run_counts_as_written_then() -> None:
    run = make_run()
    before, after = run.queued_at - DAY, run.queued_at + DAY
    make_criterion(run.automation, created_at=before, changed_at=after)
    found = box(3, run.automation)
    assert found.state == State.NOT_MET
    assert ", when it was changed, after the prototype had begun on " in found.why


def test_who_forgot_the_criterion_makes_it_good_with_a_new_prototype() -> None:
    run = make_run()
    automation, began = run.automation, run.queued_at
    make_prototype(
        automation, started_at=began, decided_at=began + DAY, verdict=Prototype.Verdict.PIVOT
    )
    make_criterion(automation, created_at=began + 2 * DAY)
    assert box(3, automation).state == State.NOT_MET
    make_prototype(automation, started_at=began + 3 * DAY)
    found = box(3, automation)
    assert found.state == State.MET
    assert "It was written after 1 run had been made." in found.why


def test_a_criterion_changed_after_the_verdict_is_flagged() -> None:
    version = make_live()
    now = timezone.now()
    make_criterion(version.automation, created_at=now - 9 * DAY, changed_at=now)
    make_criterion(
        version.automation, metric="approval_rate", number=Decimal(90), created_at=now - 9 * DAY
    )
    make_prototype(version.automation, started_at=now - 5 * DAY, decided_at=now - DAY, verdict="go")
    done(version)
    found = box(3, version.automation)
    assert found.state == State.MET
    assert "1 was changed after the verdict of " in found.why
    assert found.why.startswith("1 success criterion from before the prototype began on ")

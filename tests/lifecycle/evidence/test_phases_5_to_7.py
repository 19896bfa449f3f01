"""Boxes 17 to 29: error categories, performance targets; and what cannot be measured yet."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from automations.models import Run
from lifecycle.phases import State
from tests.lifecycle.evidence.looking import DAY, box, failed, many
from tests.lifecycle.makers import make_criterion
from tests.makers import make_automation, make_live

pytestmark = pytest.mark.django_db

WITHOUT_MACHINERY = {
    17: "metrics dashboard",
    18: "alert rules",
    19: "baseline",
    21: "improvement cycles",
    22: "experiments",
    23: "cost reviews",
    25: "purpose",
    26: "diagram",
    27: "dependencies",
    28: "runbook",
    29: "troubleshooting guide",
}


@pytest.mark.parametrize(("number", "named"), WITHOUT_MACHINERY.items())
def test_what_cannot_be_measured_says_what_is_missing(number: int, named: str) -> None:
    found = box(number, make_automation())
    assert found.state == State.NOT_MEASURED
    assert found.why.startswith("Not measured: ")
    assert named in found.why
    assert found.step is None


# --- 20: Error categorization system -------------------------------------------------------


@pytest.mark.parametrize(("unknown", "known", "state"), [(1, 9, "met"), (1, 8, "not_met")])
def test_at_most_10_percent_of_the_failures_may_be_unknown(
    unknown: int, known: int, state: str
) -> None:
    version = make_live()
    for _ in range(known):
        failed(version, "timeout")
    for _ in range(unknown):
        failed(version, "unknown")
    found = box(20, version.automation)
    assert found.state == state
    assert f"{unknown} of {known + unknown} failures of the last 30 days is of unknown" in found.why


def test_naming_the_failure_ticks_box_20_again() -> None:
    run = failed(make_live(), "unknown")
    found = box(20, run.automation)
    assert found.state == State.NOT_MET
    assert found.step is not None
    assert found.step.url == run.get_absolute_url()
    Run.objects.update(error_category="timeout")
    assert box(20, run.automation).state == State.MET


@pytest.mark.parametrize(("runs", "state"), [(19, State.NOT_MEASURED), (20, State.MET)])
def test_without_failures_20_runs_are_needed(runs: int, state: State) -> None:
    version = make_live()
    many(runs, version)
    assert box(20, version.automation).state == state


def test_failures_of_more_than_30_days_ago_do_not_count() -> None:
    version, now = make_live(), timezone.now()
    failed(version, "unknown", completed_at=now - 30 * DAY)
    assert box(20, version.automation, now).state == State.NOT_MET
    later = now + timedelta(seconds=1)
    assert box(20, version.automation, later).state == State.NOT_MEASURED


@pytest.mark.parametrize("flag", ["is_sample", "is_simulated"])
def test_sample_and_simulated_runs_never_count_for_box_20(flag: str) -> None:
    version = make_live()
    many(20, version, **{flag: True})
    assert box(20, version.automation).state == State.NOT_MEASURED
    many(20, version)
    failed(version, "unknown", "", **{flag: True})
    assert box(20, version.automation).state == State.MET


# --- 24: Performance targets set -----------------------------------------------------------


def test_numbers_for_all_four_tick_box_24_and_taking_one_away_unticks_it() -> None:
    automation = make_automation()
    for metric in ("success_rate", "approval_rate", "execution_time_s"):
        make_criterion(automation, metric=metric)
    found = box(24, automation)
    assert found.state == State.NOT_MET
    assert found.why == "No number is set for: Cost per success, $."
    last = make_criterion(automation, metric="cost_per_success_usd", operator="<=", number="0.05")
    found = box(24, automation)
    assert found.state == State.MET
    assert "Cost per success at most $0.05" in found.why
    last.delete()
    assert box(24, automation).state == State.NOT_MET

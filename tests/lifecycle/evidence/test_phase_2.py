"""Boxes 4 to 7: the core workflow, quality, performance, failure modes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from automations.models import Delivery, Run
from lifecycle.evidence import runs
from lifecycle.evidence.prototyping import approval
from lifecycle.evidence.subject import Subject
from lifecycle.models import Team
from lifecycle.phases import State
from monitoring.models import Review
from monitoring.reviews import Approval
from tests.lifecycle.evidence.looking import DAY, asked, box, done, failed, many, reviewed
from tests.lifecycle.makers import make_failure_mode, make_review
from tests.makers import make_delivery, make_destination, make_live

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


# --- 4: Core workflow working --------------------------------------------------------------


def went_all_the_way(**values: object) -> Run:
    version = make_live()
    run = done(version, **values)
    asked(run)
    make_delivery(run, make_destination(version.automation), state=Delivery.State.DELIVERED)
    return run


def test_a_run_that_went_all_the_way_ticks_box_4() -> None:
    run = went_all_the_way()
    found = box(4, run.automation)
    assert found.state == State.MET
    assert found.why.startswith(f"Run {run.pk} went all the way on ")
    assert [link.url for link in found.rows] == [run.get_absolute_url()]


def test_without_a_run_box_4_asks_for_one() -> None:
    automation = make_live().automation
    found = box(4, automation)
    assert found.state == State.NOT_MET
    assert found.step is not None
    assert found.step.label == "Run it"


def test_box_4_opens_again_after_30_days() -> None:
    now = timezone.now()
    run = went_all_the_way(completed_at=now - 30 * DAY)
    assert box(4, run.automation, now).state == State.MET
    found = box(4, run.automation, now + SECOND)
    assert found.state == State.NOT_MET
    assert "No run succeeded in the last 30 days. The last one did on " in found.why


def test_a_run_that_was_not_delivered_does_not_tick_box_4() -> None:
    run = went_all_the_way()
    run.deliveries.update(state=Delivery.State.UNKNOWN)
    found = box(4, run.automation)
    assert found.state == State.NOT_MET
    assert "but none went from the source by the model to a destination" in found.why


@pytest.mark.parametrize("answer", ["none", "failed"])
def test_a_run_whose_model_did_not_answer_does_not_tick_box_4(answer: str) -> None:
    run = went_all_the_way()
    run.attempts.all().delete()
    if answer == "failed":
        asked(run, error_category="timeout")
    assert box(4, run.automation).state == State.NOT_MET


def test_without_a_destination_the_output_stays_with_its_run() -> None:
    run = done(make_live())
    asked(run)
    found = box(4, run.automation)
    assert found.state == State.MET
    assert "kept with the run, as no destination is set" in found.why


def test_a_destination_that_is_switched_off_is_not_waited_for() -> None:
    run = done(make_live())
    asked(run)
    make_destination(run.automation, is_active=False)
    assert box(4, run.automation).state == State.MET


def test_a_simulated_run_does_not_tick_box_4_and_a_sample_run_says_what_it_is() -> None:
    assert box(4, went_all_the_way(is_simulated=True).automation).state == State.NOT_MET
    Run.objects.update(is_simulated=False, is_sample=True)
    found = box(4, Run.objects.get().automation)
    assert found.state == State.MET
    assert found.why.endswith("This is sample data.")


def test_real_runs_speak_before_newer_sample_runs() -> None:
    real = went_all_the_way()
    version = real.automation.live_version
    assert version is not None
    asked(done(version, is_sample=True))
    found = box(4, real.automation)
    assert found.why.startswith(f"Run {real.pk} ")
    assert "sample" not in found.why


# --- 5: 70%+ output quality ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("useful", "of", "state"),
    [
        (14, 20, State.MET),
        (13, 20, State.NOT_MET),
        (7, 10, State.MET),
        (6, 10, State.NOT_MET),
        (9, 9, State.NOT_MEASURED),
        (0, 0, State.NOT_MEASURED),
        (69, 99, State.NOT_MET),
        (70, 100, State.MET),
    ],
)
def test_70_percent_of_at_least_10_must_be_useful(useful: int, of: int, state: State) -> None:
    version = make_live()
    reviewed(version, useful, of)
    assert box(5, version.automation).state == state


def test_box_5_says_its_numbers_with_their_interval() -> None:
    version = make_live()
    reviewed(version, 14, 20)
    found = box(5, version.automation)
    assert (
        "14 of 20 useful = 70 % (48\N{EN DASH}85 %) of version 1, met by a small sample."
        in found.why
    )
    assert len(found.rows) == 5


def test_no_approval_is_rounded_up_to_the_target() -> None:
    assert Approval(139, 200).in_words.startswith("139 of 200 useful = 69.5 % (6")
    assert Approval(6999, 10_000).in_words.startswith("6999 of 10000 useful = 69.9 %")


def test_box_5_names_the_disputed(operator: User, editor: User) -> None:
    version = make_live()
    reviewed(version, 10, 10)
    for run in Run.objects.all()[:4]:
        make_review(run, verdict="rejected", reason="wrong", reviewer=editor)
        make_review(run, reviewer=operator)
    found = box(5, version.automation)
    assert found.state == State.NOT_MET
    assert "6 of 10 useful = 60 % (" in found.why
    assert "; 4 disputed)" in found.why


def test_box_5_says_how_many_reviews_are_lacking() -> None:
    version = make_live()
    reviewed(version, 6, 9)
    found = box(5, version.automation)
    assert found.why == "Not measured: 9 of 10 outputs of version 1 reviewed; 1 more needed."


@pytest.mark.parametrize(("useful", "of"), [(14, 15), (19, 21), (26, 30)])
def test_a_lower_bound_of_70_percent_is_met_with_confidence(useful: int, of: int) -> None:
    version = make_live()
    reviewed(version, useful, of)
    assert "met with confidence" in box(5, version.automation).why


def test_a_team_can_ask_for_the_lower_bound() -> None:
    version = make_live()
    reviewed(version, 14, 20)
    team = Team.current()
    team.quality_gate = Team.QualityGate.CONFIDENCE
    team.save()
    found = box(5, version.automation)
    assert found.state == State.NOT_MET
    assert "The team asks for the interval to begin at 70 %." in found.why
    reviewed(version, 30, 30)
    assert box(5, version.automation).state == State.MET


def test_a_new_live_version_needs_a_sample_of_its_own() -> None:
    version = make_live()
    reviewed(version, 10, 10)
    assert box(5, version.automation).state == State.MET
    second = make_live(version.automation)
    found = box(5, version.automation)
    assert found.state == State.NOT_MEASURED
    assert "0 of 10 outputs of version 2 reviewed" in found.why
    reviewed(second, 10, 10)
    assert box(5, version.automation).state == State.MET


def test_before_there_is_a_live_version_every_review_counts() -> None:
    version = make_live()
    reviewed(version, 10, 10)
    automation = version.automation
    automation.live_version = None
    automation.save()
    assert box(5, automation).state == State.MET


def test_undoing_a_review_unticks_box_5() -> None:
    version = make_live()
    reviewed(version, 10, 10)
    first = Review.objects.first()
    assert first is not None
    first.delete()
    assert box(5, version.automation).state == State.NOT_MEASURED


def test_sample_reviews_count_only_where_there_are_too_few_others() -> None:
    version = make_live()
    reviewed(version, 10, 10, is_sample=True)
    found = box(5, version.automation)
    assert found.state == State.MET
    assert found.why.endswith("10 of the reviews are sample data.")
    reviewed(version, 0, 10)
    found = box(5, version.automation)
    assert found.state == State.NOT_MET
    assert "0 of 10 useful" in found.why


def test_the_approval_that_box_5_judges_can_be_asked_for() -> None:
    version = make_live()
    reviewed(version, 14, 20)
    judged = approval(Subject(version.automation, timezone.now()))
    assert (judged.useful, judged.reviewed) == (14, 20)


# --- 6: Performance measured ---------------------------------------------------------------


def test_five_measured_runs_tick_box_6_and_four_do_not() -> None:
    version = make_live()
    many(4, version)
    found = box(6, version.automation)
    assert found.state == State.NOT_MET
    assert found.why.startswith("4 of 5 runs have time, tokens and cost.")
    done(version, cost_usd=0)
    found = box(6, version.automation)
    assert found.state == State.MET
    assert "5 runs with time, tokens and cost; median 1.2 s, mean $0.0016 a run." in found.why


@pytest.mark.parametrize(
    "lacking", [{"cost_usd": None}, {"input_tokens": 0, "output_tokens": 0}, {"is_simulated": True},
                {"execution_time_ms": None}]
)  # fmt: skip
def test_a_run_that_lacks_a_number_or_was_simulated_does_not_count(lacking: dict[str, int]) -> None:
    version = make_live()
    many(4, version)
    done(version, **lacking)
    assert box(6, version.automation).state == State.NOT_MET


def test_box_6_says_of_how_many_runs_the_price_is_unknown() -> None:
    version = make_live()
    runs = many(3, version, cost_usd=None)
    asked(runs[-1], model="gpt-4o-mini")
    found = box(6, version.automation)
    told = "The price of 3 runs is unknown (gpt-4o-mini has no known price)"
    assert f"{told}; an unknown price is no cost." in found.why
    assert found.step is not None
    assert found.step.url == reverse("automation_versions", args=["writer"])


def test_box_6_asks_for_runs_once_the_newest_has_a_price() -> None:
    version = make_live()
    done(version, cost_usd=None)
    done(version)
    found = box(6, version.automation)
    assert "The price of 1 run is unknown" in found.why
    assert found.step is not None
    assert found.step.url == reverse("automation_run", args=["writer"])


def test_removing_runs_unticks_box_6() -> None:
    version = make_live()
    runs = many(5, version)
    runs[0].delete()
    assert box(6, version.automation).state == State.NOT_MET


def test_box_6_says_where_it_rests_on_sample_data() -> None:
    version = make_live()
    many(5, version, is_sample=True)
    found = box(6, version.automation)
    assert found.state == State.MET
    assert found.why.endswith("This is sample data.")
    many(4, version)
    assert box(6, version.automation).why.endswith("Some of it is sample data.")
    many(1, version)
    assert box(6, version.automation).why.startswith("5 runs with time, tokens and cost; median ")
    assert "sample" not in box(6, version.automation).why


# --- 7: Failure modes identified -----------------------------------------------------------


def test_an_observed_failure_mode_with_a_response_ticks_box_7() -> None:
    version = make_live()
    run = failed(version, "timeout")
    mode = make_failure_mode(version.automation)
    assert box(7, version.automation).state == State.NOT_MET
    mode.error_category = "timeout"
    mode.save()
    found = box(7, version.automation)
    assert found.state == State.MET
    assert found.why == "1 failure mode with a response, 1 of them observed."
    assert run.get_absolute_url() in [link.url for link in found.rows]
    mode.delete()
    assert box(7, version.automation).state == State.NOT_MET


def test_three_written_failure_modes_tick_box_7_and_two_do_not() -> None:
    automation = make_live().automation
    make_failure_mode(automation)
    make_failure_mode(automation)
    assert box(7, automation).state == State.NOT_MET
    make_failure_mode(automation)
    assert box(7, automation).state == State.MET


def test_a_rejected_review_is_an_observation() -> None:
    version = make_live()
    mode = make_failure_mode(version.automation, review_reason="style")
    assert box(7, version.automation).state == State.NOT_MET
    make_review(done(version), verdict="rejected", reason="style")
    assert box(7, version.automation).state == State.MET
    mode.review_reason = "wrong"
    mode.save()
    assert box(7, version.automation).state == State.NOT_MET


@pytest.mark.parametrize(("code", "state"), [("", "met"), ("429", "met"), ("503", "not_met")])
def test_a_code_narrows_a_failure_mode(code: str, state: str) -> None:
    version = make_live()
    failed(version, "api_error", "429")
    make_failure_mode(version.automation, error_category="api_error", error_code=code)
    assert box(7, version.automation).state == state


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (7 * DAY, State.NOT_MET),
        (7 * DAY - SECOND, State.MET),
        (30 * DAY, State.NOT_MET),
        (30 * DAY + SECOND, State.MET),
    ],
)
def test_an_error_group_left_alone_for_7_days_opens_box_7(age: timedelta, state: State) -> None:
    version, now = make_live(), timezone.now()
    for _ in range(3):
        make_failure_mode(version.automation)
    failed(version, "api_error", "503", completed_at=now - age)
    found = box(7, version.automation, now)
    assert found.state == state
    assert ("“API error: 503” occurs since" in found.why) == (state == State.NOT_MET)


def test_newer_runs_do_not_hide_an_old_error_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST", 3)
    version, now = make_live(), timezone.now()
    for _ in range(3):
        make_failure_mode(version.automation)
    failed(version, "timeout", completed_at=now - 8 * DAY)
    for _ in range(5):
        failed(version, "timeout")
    assert box(7, version.automation, now).state == State.NOT_MET


def test_an_answered_error_group_leaves_box_7_alone() -> None:
    version, now = make_live(), timezone.now()
    failed(version, "api_error", "503", completed_at=now - 9 * DAY)
    failed(version, "timeout", completed_at=now - 9 * DAY)
    make_failure_mode(version.automation, error_category="api_error")
    assert box(7, version.automation, now).state == State.NOT_MET
    make_failure_mode(version.automation, error_category="timeout")
    assert box(7, version.automation, now).state == State.MET


def test_simulated_failures_are_no_observation() -> None:
    version = make_live()
    failed(version, "timeout", is_simulated=True)
    make_failure_mode(version.automation, error_category="timeout")
    assert box(7, version.automation).state == State.NOT_MET

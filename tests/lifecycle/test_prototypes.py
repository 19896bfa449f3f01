"""Prototypes: the clock and its edges, who starts, extends and ends one, the day goals."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Automation, Run
from lifecycle import prototypes, services
from lifecycle.models import Checklist, Extension, Prototype
from lifecycle.phases import State
from monitoring.services import review_run
from tests.lifecycle.makers import (
    make_failure_mode,
    make_promotion,
    make_prototype,
    make_review,
    make_scorecard,
)
from tests.makers import make_automation, make_delivery, make_destination, make_live, make_run
from tests.people import make_person

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def automation() -> Automation:
    """An early automation with a scorecard."""
    made = make_live().automation
    make_scorecard(made)
    return made


def make_whole_run(automation: Automation, **values: Any) -> Run:
    """Make a run that went through the model to a destination."""
    done = {"status": "success", "calls": 1, "output_data": {"text": "Fine."}, **values}
    run = make_run(automation.live_version, **done)
    make_delivery(run, make_destination(automation), state="delivered")
    return run


def prove(automation: Automation) -> None:
    """Make what meets all four criteria."""
    for _ in range(10):
        run = make_whole_run(automation, input_tokens=9, output_tokens=9, cost_usd="0.01")
        run.attempts.create(
            number=1, provider_name="here", model="m", started_at=timezone.now(), latency_ms=9
        )
        make_review(run)
    for title in ("One", "Two", "Three"):
        make_failure_mode(automation, title=title)


def at_once(verb: Callable[[], object]) -> list[str]:
    """Do a thing twice at the same time; return how each ended."""

    def attempt(_: int) -> str:
        try:
            verb()
        except WrongState:
            return "refused"
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        return sorted(pool.map(attempt, range(2)))


# --- starting ------------------------------------------------------------------------------


def test_the_clock_lasts_72_hours(automation: Automation, editor: User) -> None:
    prototype = services.start_prototype(automation, by=editor)
    assert prototype.due_at - prototype.started_at == timedelta(hours=72)
    assert prototype.started_by == editor
    assert AuditEvent.objects.get(action="start prototype").by_name == "editor"


@pytest.mark.parametrize("role", ["viewer", "operator", "approver", "admin", "stranger"])
def test_only_editors_start_it(automation: Automation, role: str) -> None:
    with pytest.raises(NotAllowed):
        services.start_prototype(automation, by=make_person(role))


def test_without_a_scorecard_it_needs_a_reason_which_is_kept(editor: User) -> None:
    automation = make_live().automation
    with pytest.raises(ValidationError, match="no scorecard"):
        services.start_prototype(automation, by=editor, reason="  ")
    prototype = services.start_prototype(automation, by=editor, reason="A customer asked.")
    assert prototype.start_reason == "A customer asked."
    assert "no scorecard" in AuditEvent.objects.get(action="start prototype").after["against"]


def test_one_runs_at_a_time(automation: Automation, editor: User) -> None:
    services.start_prototype(automation, by=editor)
    with pytest.raises(WrongState, match="running already"):
        services.start_prototype(automation, by=editor)


@pytest.mark.parametrize("stage", ["production", "retired"])
def test_later_stages_have_no_clock(automation: Automation, editor: User, stage: str) -> None:
    automation.stage = stage
    automation.save()
    with pytest.raises(WrongState, match="only an idea or a prototype"):
        services.start_prototype(automation, by=editor)


@pytest.mark.django_db(transaction=True)
def test_two_starts_at_once_leave_one() -> None:
    automation, person = make_live().automation, make_person("editor")
    make_scorecard(automation)
    ends = at_once(lambda: services.start_prototype(automation, by=person))
    assert ends == ["done", "refused"]
    assert Prototype.objects.count() == 1


@pytest.mark.parametrize("verdict", ["pivot", "simplify"])
def test_after_a_pivot_another_one_may_start(
    automation: Automation, editor: User, verdict: str
) -> None:
    make_prototype(automation, verdict=verdict, decided_at=timezone.now())
    assert services.start_prototype(automation, by=editor).is_open


@pytest.mark.parametrize("verdict", ["go", "kill"])
def test_after_go_or_kill_another_one_needs_a_reason(
    automation: Automation, editor: User, verdict: str
) -> None:
    make_prototype(automation, verdict=verdict, decided_at=timezone.now())
    with pytest.raises(ValidationError, match="last prototype ended"):
        services.start_prototype(automation, by=editor)
    assert services.start_prototype(automation, by=editor, reason="New data.").is_open


# --- the first run starts it ---------------------------------------------------------------


def test_the_first_run_starts_the_clock_from_when_it_was_asked_for(automation: Automation) -> None:
    asked = timezone.now() - 5 * HOUR
    run = make_run(automation.live_version, status="failed", queued_at=asked)
    make_run(automation.live_version, status="success")
    assert services.note_first_runs() == 1
    prototype = Prototype.objects.get()
    assert (prototype.started_by_run, prototype.started_at) == (run, asked)
    assert prototype.due_at == asked + 72 * HOUR
    assert AuditEvent.objects.get(action="start prototype").by_name == "system"
    assert services.note_first_runs() == 0


@pytest.mark.parametrize(
    "values",
    [
        {"is_simulated": True},
        {"is_sample": True},
        {"status": "queued"},
        {"status": "cancelled", "started_at": None},
    ],
)
def test_tries_samples_and_what_never_began_start_nothing(
    automation: Automation, values: dict[str, Any]
) -> None:
    make_run(automation.live_version, **{"status": "success", **values})
    assert services.note_first_runs() == 0


@pytest.mark.parametrize("stage", ["production", "retired"])
def test_runs_of_later_stages_start_nothing(automation: Automation, stage: str) -> None:
    Automation.objects.update(stage=stage)
    make_run(automation.live_version, status="success")
    assert services.note_first_runs() == 0


def test_runs_from_before_it_came_back_from_production_start_nothing(
    automation: Automation,
) -> None:
    asked = timezone.now() - 5 * HOUR
    make_run(automation.live_version, status="success", queued_at=asked)
    make_promotion(automation, "stage", from_stage="production", to_stage="prototype")
    assert services.note_first_runs() == 0
    make_run(automation.live_version, status="success", queued_at=timezone.now() + HOUR)
    assert services.note_first_runs() == 1


def test_a_later_run_starts_no_second_clock(automation: Automation) -> None:
    make_prototype(automation, verdict="pivot", decided_at=timezone.now())
    make_run(automation.live_version, status="success")
    assert services.note_first_runs() == 0


@pytest.mark.django_db(transaction=True)
def test_two_minutes_at_once_start_one_clock() -> None:
    automation = make_live().automation
    make_run(automation.live_version, status="success")
    assert at_once(services.note_first_runs) == ["done", "done"]
    assert Prototype.objects.count() == 1


def test_looking_for_first_runs_takes_one_query_however_many_there_are(
    django_assert_num_queries: Any,
) -> None:
    for number in range(5):
        make_automation(f"idea{number}")
    with django_assert_num_queries(1):
        assert services.note_first_runs() == 0


def test_first_runs_are_found_by_the_index_of_their_automation(automation: Automation) -> None:
    make_run(automation.live_version, status="success")
    with CaptureQueriesContext(connection) as captured:
        found = prototypes.without_prototype(timezone.now())
    assert [row.slug for row, _ in found] == [automation.slug]
    is_postgres, ordered = connection.vendor == "postgresql", captured[-1]["sql"]
    with connection.cursor() as cursor:
        if is_postgres:
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {'' if is_postgres else 'QUERY PLAN '}{ordered}")
        assert "idx_run_automation" in str(cursor.fetchall())


# --- overdue -------------------------------------------------------------------------------


def test_72_hours_exactly_are_not_overdue_a_second_later_it_is(
    automation: Automation, editor: User
) -> None:
    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as clock:
        prototype = services.start_prototype(automation, by=editor)
        clock.shift(timedelta(hours=72))
        assert not prototypes.is_overdue(prototype, timezone.now())
        assert services.note_overdue() == 0
        clock.shift(timedelta(seconds=1))
        assert prototypes.is_overdue(prototype, timezone.now())
        assert services.note_overdue() == 1


def test_it_is_noted_once_with_a_row_of_the_trail(automation: Automation) -> None:
    make_prototype(automation, started_at=timezone.now() - 73 * HOUR)
    assert [services.note_overdue(), services.note_overdue()] == [1, 0]
    assert AuditEvent.objects.filter(action="prototype overdue").count() == 1


def test_its_owner_is_told_and_nobody_else(
    automation: Automation, editor: User, operator: User
) -> None:
    Automation.objects.update(owner=editor)
    late = make_prototype(automation, started_at=timezone.now() - 73 * HOUR)
    assert prototypes.overdue_for(editor) == [late]
    assert prototypes.overdue_for(operator) == []


@pytest.mark.parametrize("stage", ["production", "retired"])
def test_an_automation_that_went_on_is_not_pressed(automation: Automation, stage: str) -> None:
    make_prototype(automation, started_at=timezone.now() - 73 * HOUR)
    Automation.objects.update(stage=stage)
    assert services.note_overdue() == 0


def test_a_verdict_ends_the_pressing(automation: Automation) -> None:
    now = timezone.now()
    make_prototype(automation, started_at=now - 99 * HOUR, verdict="go", decided_at=now)
    assert services.note_overdue() == 0


# --- more time -----------------------------------------------------------------------------


def test_an_extension_counts_from_the_end(automation: Automation, editor: User) -> None:
    prototype = make_prototype(automation)
    services.extend_prototype(prototype, 24, by=editor, reason="The API was down.")
    assert Prototype.objects.get().due_at == prototype.due_at + 24 * HOUR
    assert Extension.objects.get().by == editor


def test_an_overdue_one_gets_its_time_from_now_and_can_be_overdue_again(
    automation: Automation, editor: User
) -> None:
    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as clock:
        prototype = make_prototype(automation, started_at=timezone.now() - 100 * HOUR)
        assert services.note_overdue() == 1
        services.extend_prototype(prototype, 10, by=editor, reason="The API was down.")
        assert Prototype.objects.get().due_at == timezone.now() + 10 * HOUR
        assert services.note_overdue() == 0
        clock.shift(timedelta(hours=10, seconds=1))
        assert services.note_overdue() == 1


@pytest.mark.parametrize("hours", [0, -1, 73, 10**30, True, "24", 1.5])
def test_an_extension_is_1_to_72_hours(automation: Automation, editor: User, hours: Any) -> None:
    with pytest.raises(ValidationError, match="1 to 72 hours"):
        services.extend_prototype(make_prototype(automation), hours, by=editor, reason="So.")


@pytest.mark.parametrize("reason", ["", " \n", "x" * 2001])
def test_an_extension_needs_a_reason(automation: Automation, editor: User, reason: str) -> None:
    with pytest.raises(ValidationError):
        services.extend_prototype(make_prototype(automation), 1, by=editor, reason=reason)


def test_after_the_verdict_there_is_no_more_time(automation: Automation, editor: User) -> None:
    ended = make_prototype(automation, verdict="kill", decided_at=timezone.now())
    with pytest.raises(WrongState, match="ended already, with “Kill”"):
        services.extend_prototype(ended, 1, by=editor, reason="So.")


@pytest.mark.parametrize("role", ["viewer", "operator", "approver", "admin", "stranger"])
def test_only_editors_extend_and_decide(automation: Automation, role: str) -> None:
    prototype, person = make_prototype(automation), make_person(role)
    with pytest.raises(NotAllowed):
        services.extend_prototype(prototype, 1, by=person, reason="So.")
    with pytest.raises(NotAllowed):
        services.decide_prototype(prototype, "kill", by=person)


# --- the verdict ---------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", ["pivot", "kill"])
def test_what_has_not_proved_itself_is_pivoted_or_killed_without_a_reason(
    automation: Automation, editor: User, verdict: str
) -> None:
    services.decide_prototype(make_prototype(automation), verdict, by=editor)
    kept = Prototype.objects.get()
    assert (kept.verdict, kept.suggested, kept.decided_by) == (verdict, "pivot", editor)
    assert [row["state"] for row in kept.measured] == [
        "not_met", "not_measured", "not_met", "not_met",
    ]  # fmt: skip


@pytest.mark.parametrize("verdict", ["go", "simplify"])
def test_going_on_without_proof_needs_a_reason(
    automation: Automation, editor: User, verdict: str
) -> None:
    prototype = make_prototype(automation)
    with pytest.raises(ValidationError, match="suggest “Pivot”"):
        services.decide_prototype(prototype, verdict, by=editor)
    assert Prototype.objects.get().is_open
    services.decide_prototype(prototype, verdict, by=editor, reason="The customer pays.")
    assert Prototype.objects.get().reason == "The customer pays."


def test_when_all_four_are_met_go_is_suggested(automation: Automation, editor: User) -> None:
    prove(automation)
    prototype = make_prototype(automation)
    with pytest.raises(ValidationError, match="suggest “Go”"):
        services.decide_prototype(prototype, "kill", by=editor)
    services.decide_prototype(prototype, "go", by=editor)
    kept = Prototype.objects.get()
    assert kept.suggested == "go"
    assert {row["state"] for row in kept.measured} == {"met"}


def test_what_was_measured_stays_as_it_was(automation: Automation, editor: User) -> None:
    prove(automation)
    services.decide_prototype(make_prototype(automation), "go", by=editor)
    automation.failure_modes.all().delete()
    assert {row["state"] for row in Prototype.objects.get().measured} == {"met"}
    assert prototypes.measured_criteria(automation)[3].state == State.NOT_MET


@pytest.mark.parametrize("verdict", ["", "maybe", "GO", "x" * 999])
def test_an_unknown_verdict_is_refused(automation: Automation, editor: User, verdict: str) -> None:
    with pytest.raises(ValidationError, match="Choose go"):
        services.decide_prototype(make_prototype(automation), verdict, by=editor)


@pytest.mark.django_db(transaction=True)
def test_two_verdicts_at_once_leave_one() -> None:
    prototype, person = make_prototype(make_live().automation), make_person("editor")
    ends = at_once(lambda: services.decide_prototype(prototype, "kill", by=person))
    assert ends == ["done", "refused"]
    assert AuditEvent.objects.filter(action="decide prototype").count() == 1


# --- the days ------------------------------------------------------------------------------


def goals(prototype: Prototype) -> list[State]:
    return [goal.state for goal in prototypes.day_goals(prototype, timezone.now())]


def test_at_first_no_goal_is_reached_and_each_says_what_to_do(automation: Automation) -> None:
    found = prototypes.day_goals(make_prototype(automation), timezone.now())
    assert {goal.state for goal in found} == {State.NOT_MET}
    assert all(goal.step and not goal.is_late for goal in found)


def test_a_whole_run_reaches_the_first_and_the_last_goal(automation: Automation) -> None:
    prototype = make_prototype(automation, started_at=timezone.now() - HOUR)
    make_whole_run(automation)
    assert goals(prototype) == [State.MET, State.NOT_MET, State.MET]


def test_a_sample_run_is_no_real_data(automation: Automation) -> None:
    prototype = make_prototype(automation, started_at=timezone.now() - HOUR)
    make_whole_run(automation, is_sample=True)
    assert goals(prototype) == [State.MET, State.NOT_MET, State.NOT_MET]


@pytest.mark.parametrize(
    "values", [{"is_simulated": True}, {"calls": 0}, {"status": "failed"}, {"queued_at": "before"}]
)
def test_what_is_no_whole_run_of_these_days_reaches_nothing(
    automation: Automation, values: dict[str, Any]
) -> None:
    began = timezone.now() - HOUR
    if "queued_at" in values:
        values = {"queued_at": began - HOUR}
    prototype = make_prototype(automation, started_at=began)
    make_whole_run(automation, **values)
    assert goals(prototype) == [State.NOT_MET] * 3


def test_prompts_are_worked_on_with_versions_or_notes_and_a_useful_output(
    automation: Automation,
) -> None:
    prototype = make_prototype(automation, started_at=timezone.now() - HOUR)
    run = make_whole_run(automation)
    review = make_review(run, verdict="rejected", reason="style")
    make_live(automation)
    assert goals(prototype)[1] == State.NOT_MET
    review.verdict = "approved_after_edit"
    review.save()
    assert goals(prototype)[1] == State.MET


def test_without_a_destination_the_output_stays_with_its_run_for_goals_and_box_alike(
    automation: Automation,
) -> None:
    prototype = make_prototype(automation)
    live = make_live(automation)
    run = make_run(live, status="success", calls=1, output_data={"text": "Fine."})
    assert goals(prototype) == [State.MET, State.NOT_MET, State.MET]
    make_destination(automation)
    assert goals(prototype) == [State.NOT_MET] * 3
    Run.objects.filter(pk=run.pk).update(status="failed")
    automation.destinations.update(is_active=False)
    assert goals(prototype) == [State.NOT_MET] * 3


def test_a_goal_is_late_after_its_day(automation: Automation) -> None:
    prototype = make_prototype(automation, started_at=timezone.now() - 49 * HOUR)
    found = prototypes.day_goals(prototype, timezone.now())
    assert [goal.is_late for goal in found] == [True, True, False]


# --- the clock as it is drawn --------------------------------------------------------------


HOURS = st.floats(0, 2000)


@given(gone_h=HOURS, more_h=st.integers(0, 500), ended_after_h=st.none() | HOURS)
def test_the_bar_always_fits(gone_h: float, more_h: int, ended_after_h: float | None) -> None:
    began = timezone.now()
    ended = began + HOUR * ended_after_h if ended_after_h is not None else None
    prototype = Prototype(
        automation=Automation(stage="prototype"),
        started_at=began,
        due_at=began + Prototype.LASTS + HOUR * more_h,
        decided_at=ended,
        verdict="kill" if ended else "",
    )
    drawn = prototypes.clock(prototype, began + HOUR * gone_h)
    assert drawn.stretches
    assert all(0 <= part.x <= 1000 and part.gone <= part.width + 1 for part in drawn.stretches)
    assert all(part.x + part.width <= 1001 for part in drawn.stretches)
    assert drawn.in_words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "0 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=24), "1 day"),
        (timedelta(hours=53, minutes=59), "2 days 5 h"),
    ],
)
def test_a_span_is_said_in_days_and_hours(span: timedelta, words: str) -> None:
    assert prototypes.span_in_words(span) == words


# --- what the boxes see of it --------------------------------------------------------------


def test_a_verdict_on_an_output_and_one_on_a_prototype_ask_for_a_look_at_the_boxes(
    automation: Automation, editor: User
) -> None:
    run, prototype = make_whole_run(automation), make_prototype(automation)
    for verb in (
        lambda: review_run(run, "approved", by=editor),
        lambda: services.extend_prototype(prototype, 1, by=editor, reason="So."),
        lambda: services.decide_prototype(prototype, "kill", by=editor),
        lambda: services.write_failure_mode(automation, "Wait.", by=editor, title="Slow"),
        lambda: services.add_criterion(automation, "success_rate", ">", Decimal(95), by=editor),
    ):
        services.evaluate(automation)
        assert Checklist.objects.get().due_at > timezone.now()
        verb()
        assert Checklist.objects.get().due_at <= timezone.now()

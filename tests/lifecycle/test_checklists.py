"""Reading a checklist: phases, the box in the way, what is owed, the one next step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from automations.models import Automation
from lifecycle import checklists, progress
from lifecycle.evidence.base import Link
from lifecycle.models import BoxState, Checklist, Team
from lifecycle.phases import BOXES, State
from tests.lifecycle.makers import make_checklist
from tests.makers import make_automation

pytestmark = pytest.mark.django_db
EVERY = tuple(BOXES)


def read(*satisfied: int, stage: str = "prototype", **values: Any) -> checklists.ChecklistView:
    automation = make_automation(stage=stage)
    return checklists.read(automation, make_checklist(automation, *satisfied, **values))


def since(days: int, *phases: int) -> dict[str, str]:
    """Return when phases became ones that may be left, as it is stored."""
    moment = (timezone.now() - timedelta(days=days)).isoformat()
    return {str(number): moment for number in phases}


# --- phases --------------------------------------------------------------------------------


def test_without_a_look_nothing_is_measured() -> None:
    view = checklists.read(make_automation(), None)
    assert (view.satisfied, view.total, view.evaluated_at) == (0, 29, None)
    assert {box.state for box in view.boxes} == {State.NOT_MEASURED}
    assert view.current is not None
    assert view.current.phase.number == 1


def test_the_current_phase_is_the_first_that_may_not_be_left() -> None:
    view = read(1, 2, 3, 8, 9, 10, 11, 12)
    assert view.current is not None
    assert view.current.phase.number == 2
    assert [phase.may_be_left for phase in view.phases][:4] == [True, False, True, False]


def test_exempt_boxes_are_satisfied() -> None:
    automation = make_automation()
    checklist = make_checklist(automation, 1, 2)
    BoxState.objects.filter(number=3).update(state=State.EXEMPT)
    assert checklists.read(automation, checklist).satisfied == 3


def test_all_seven_may_be_left() -> None:
    view = read(*EVERY, stage="production")
    assert view.current is None
    assert view.blocker is None
    assert view.next_step is None
    assert view.stuck_days == 0


# --- in the way ----------------------------------------------------------------------------


def test_a_missing_must_box_is_in_the_way_before_an_earlier_other_one() -> None:
    view = read(1, 2, 3, 4, 6, 7)
    assert view.blocker is not None
    assert view.blocker.box.number == 5


def test_the_next_step_is_one_that_somebody_can_take() -> None:
    automation = make_automation(stage="production")
    checklist = make_checklist(automation, *range(1, 17))
    step = {"step": "Write them", "step_url": "/somewhere/"}
    BoxState.objects.filter(number=20).update(**step)
    view = checklists.read(automation, checklist)
    assert view.blocker is not None
    assert view.blocker.box.number == 18
    assert view.next_step == Link("Write them", "/somewhere/")


def test_where_no_box_has_a_step_the_next_one_is_to_look_at_it() -> None:
    view = read()
    assert view.next_step is not None
    assert view.next_step.url == "/automations/writer/checklist/#box-1"


@pytest.mark.parametrize(
    ("stage", "satisfied", "label"),
    [
        ("idea", (1, 2, 3), "Move to prototype"),
        ("idea", (1, 3), "Look at “Decision to build made”"),
        ("prototype", (1, 2, 3), "Look at “Core workflow working”"),
        ("prototype", range(1, 17), "Promote to production"),
        ("production", range(1, 17), "Look at “Alerts configured”"),
    ],
)
def test_the_next_step_follows_stage_and_phase(stage: str, satisfied: Any, label: str) -> None:
    view = read(*satisfied, stage=stage)
    assert view.next_step is not None
    assert view.next_step.label == label


def test_what_is_retired_has_no_next_step() -> None:
    assert read(1, stage="retired").next_step is None


def test_stuck_is_fourteen_days_in_one_phase() -> None:
    now = timezone.now()
    automation = make_automation()
    checklist = make_checklist(automation, phase_since=now - timedelta(days=13, hours=23))
    assert not checklists.read(automation, checklist).is_stuck
    checklist.phase_since = now - timedelta(days=16)
    view = checklists.read(automation, checklist)
    assert view.is_stuck
    assert view.stuck_days == 16


# --- owed ----------------------------------------------------------------------------------


def test_a_box_missing_in_a_phase_that_was_left_is_owed() -> None:
    view = read(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, left=since(4, 1, 2, 3))
    [owed] = view.owed
    assert owed.view.box.number == 12
    assert owed.due_on == timezone.localdate() + timedelta(days=10)
    assert not owed.is_late


def test_it_is_late_the_day_after_it_was_due() -> None:
    for days, late in ((14, False), (15, True)):
        view = read(*range(1, 12), left=since(days, 3))
        assert [owed.is_late for owed in view.owed] == [late]
        assert view.phases[2].is_late is late
        Automation.objects.all().delete()


def test_the_teams_rule_says_when_owed_boxes_are_due() -> None:
    automation = make_automation()
    checklist = make_checklist(automation, *range(1, 12), left=since(0, 3))
    [owed] = checklists.read(automation, checklist, team=Team(owed_days=3)).owed
    assert owed.due_on == timezone.localdate() + timedelta(days=3)


def test_nothing_is_owed_in_phases_that_were_not_reached() -> None:
    view = read(8, 9, 10, 11, left=since(30, 3))
    assert view.owed == []


def test_when_no_phase_is_open_the_next_step_is_what_is_owed_first() -> None:
    missing = {12, 29}
    left = {**since(1, 3), **since(5, 7)}
    view = read(*(set(EVERY) - missing), stage="production", left=left)
    assert view.next_step is not None
    assert view.next_step.url.endswith("#box-29")


# --- looking anew --------------------------------------------------------------------------


def test_a_fresh_checklist_is_read_as_it_is() -> None:
    automation = make_automation()
    make_checklist(automation, *EVERY)
    assert checklists.current(automation).satisfied == 29


@pytest.mark.parametrize("how", ["never", "due", "soon"])
def test_it_is_looked_at_anew_when_something_has_happened(how: str) -> None:
    automation, now = make_automation(), timezone.now()
    values: dict[str, dict[str, Any]] = {
        "never": {"evaluated_at": None},
        "due": {"due_at": now},
        "soon": {
            "due_at": now + timedelta(seconds=50),
            "evaluated_at": now - timedelta(seconds=6),
        },
    }
    make_checklist(automation, *EVERY, **values[how])
    view = checklists.current(automation)
    assert view.satisfied < 29
    assert view.evaluated_at is not None
    assert view.evaluated_at > now - timedelta(seconds=2)


def test_what_was_looked_at_seconds_ago_is_not_looked_at_again_for_runs() -> None:
    automation, now = make_automation(), timezone.now()
    make_checklist(automation, *EVERY, due_at=now + timedelta(seconds=50), evaluated_at=now)
    assert checklists.current(automation).satisfied == 29


def test_the_first_look_makes_the_checklist() -> None:
    automation = make_automation()
    assert checklists.current(automation).evaluated_at is not None
    assert Checklist.objects.get().boxes.count() == 29


# --- kept ----------------------------------------------------------------------------------


def test_a_frozen_checklist_is_plain_json() -> None:
    frozen = checklists.frozen(read(1, 2, 3))
    assert frozen["phase"] == 2
    assert frozen["satisfied"] == 3
    assert [box["number"] for box in frozen["boxes"]] == list(EVERY)
    assert frozen["boxes"][0]["state"] == "met"
    assert (
        checklists.frozen(checklists.read(make_automation("other"), None))["evaluated_at"] is None
    )


def test_reading_many_takes_no_query_each(django_assert_num_queries: Any) -> None:
    automations = [make_automation(f"number-{n}") for n in range(3)]
    found = {a.pk: make_checklist(a, 1) for a in automations}
    rows = {a.pk: list(found[a.pk].boxes.all()) for a in automations}
    team = Team.current()
    with django_assert_num_queries(0):
        for one in automations:
            checklists.read(one, found[one.pk], rows[one.pk], team=team)


def test_what_nobody_can_do_anything_about_is_named_apart_and_has_no_day() -> None:
    automation = make_automation()
    checklist = make_checklist(automation, *range(1, 12))
    checklist.boxes.filter(number=12).update(state=State.NOT_MEASURED, step="", step_url="")
    view = checklists.read(automation, checklist)
    assert view.owed == []
    assert [shown.box.number for shown in view.later] == [12]
    rule = progress.rule(view.phases[2])
    assert rule == "4 of 5 is 80 %: may be left, 1 box comes with a later release."


def test_an_optional_box_may_be_needed_for_the_share() -> None:
    view = read()
    assert view.phases[0].needs_all
    assert not view.phases[1].needs_all

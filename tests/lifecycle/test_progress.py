"""What the page says beyond the boxes: the 70 % rule, the four lights, going live."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from lifecycle import checklists, progress
from lifecycle.checklists import ChecklistView
from lifecycle.models import BoxChange, BoxState
from lifecycle.phases import BOXES, State
from tests.lifecycle.makers import make_checklist, make_promotion
from tests.makers import make_automation

pytestmark = pytest.mark.django_db


def read(*satisfied: int, days: int = 0) -> ChecklistView:
    automation = make_automation()
    moment = (timezone.now() - timedelta(days=days)).isoformat()
    left = {str(number): moment for number in range(1, 8)}
    return checklists.read(automation, make_checklist(automation, *satisfied, left=left))


@pytest.mark.parametrize(
    ("phase", "satisfied", "says"),
    [
        (1, (1, 2, 3), "All 3 boxes are satisfied."),
        (3, (8, 9), "2 of 5 is 40 %; it may be left at 70 %: 2 boxes more, "
            "“Output validation added” among them."),
        (2, (4, 6, 7), "3 of 4 is 75 %, but a must box is missing: “70%+ output quality”."),
        (2, (6, 7), "2 of 4 is 50 %; it may be left at 70 %: 2 boxes more, "
            "“Core workflow working” and “70%+ output quality”."),
        (3, (8, 10), "2 of 5 is 40 %; it may be left at 70 %: 2 boxes more."),
        (3, (8, 9, 10), "3 of 5 is 60 %; it may be left at 70 %: 1 box more."),
    ],
)  # fmt: skip
def test_the_rule_in_a_sentence(phase: int, satisfied: tuple[int, ...], says: str) -> None:
    assert progress.rule(read(*satisfied).phases[phase - 1]) == says


def test_a_phase_that_may_be_left_says_what_is_owed_and_by_when() -> None:
    due = progress.say_day(timezone.localdate() + timedelta(days=14))
    said = progress.rule(read(8, 9, 10, 11).phases[2])
    assert said == f"4 of 5 is 80 %: may be left, 1 box owed by {due}."


def test_what_is_late_is_owed_since() -> None:
    assert "1 box owed since" in progress.rule(read(8, 9, 10, 11, days=20).phases[2])


def test_three_of_four_without_a_must_box_are_enough_and_two_of_three_are_not() -> None:
    view = read(1, 2, 4, 5, 6)
    assert not view.phases[0].may_be_left
    assert view.phases[1].may_be_left


def test_a_light_is_green_when_all_its_boxes_are_met() -> None:
    view = read(8, 9, 10, 17, 18, 19)
    told = {light.title: light for light in progress.lights(view)}
    assert told["Error handling"].is_green
    assert not told["Monitoring"].is_green
    assert (told["Monitoring"].met, told["Monitoring"].total) == (3, 4)
    assert [light.number for light in progress.lights(view)] == [8, 17, 25, 21]


def test_production_ready_is_all_four_lights() -> None:
    lasting = [n for _, numbers in progress.LASTING for n in numbers]
    assert len(lasting) == 16
    assert progress.is_production_ready(read(*lasting))
    BoxState.objects.filter(number=29).update(state=State.NOT_MET)
    checklist = BoxState.objects.select_related("checklist__automation")[0].checklist
    assert not progress.is_production_ready(checklists.read(checklist.automation, checklist))


def test_an_exempt_box_is_counted_apart_and_makes_no_light_green() -> None:
    view = read(8, 9, 10)
    BoxState.objects.filter(number=9).update(state=State.EXEMPT)
    checklist = BoxState.objects.select_related("checklist")[0].checklist
    [light, *_] = progress.lights(checklists.read(view.automation, checklist))
    assert not light.is_green
    assert (light.met, light.exempt, light.total) == (2, 1, 3)


def test_the_tally_counts_what_occurs() -> None:
    assert progress.tally(read(1, 2)) == [("met", 2), ("not_met", 27)]


def test_boxes_met_only_after_going_live_are_counted() -> None:
    automation = make_automation(stage="production")
    assert progress.gone_live(automation) is None
    at = timezone.now() - timedelta(days=10)
    make_promotion(automation, "stage", to_stage="production", decided_at=at, asked_at=at)
    for number, days in ((1, 20), (8, 5), (13, 3), (18, 2)):
        moment = timezone.now() - timedelta(days=days)
        BoxChange.objects.create(
            automation=automation, number=number, after="met", why="-", at=moment
        )
    again = timezone.now()
    BoxChange.objects.create(automation=automation, number=1, after="met", why="-", at=again)
    live = progress.gone_live(automation)
    assert live == progress.GoneLive(at, 2)  # 8 and 13; 18 is of a later phase


def test_a_sample_promotion_is_no_going_live() -> None:
    automation = make_automation(stage="production")
    make_promotion(automation, "stage", to_stage="production", is_sample=True)
    assert progress.gone_live(automation) is None


def test_every_box_is_in_a_phase_once() -> None:
    assert sorted(BOXES) == list(range(1, 30))

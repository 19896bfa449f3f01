"""The evaluator: it keeps how each box stands, and every change of one leaves a row."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_q.models import Schedule

from automations import services as ground
from automations.models import Automation
from lifecycle import checklists, evaluating, evidence, schedules, services, tasks
from lifecycle.evaluating import evaluate, evaluate_due, mark
from lifecycle.evidence import CHECKS
from lifecycle.evidence.base import Evidence, met, not_met, to
from lifecycle.models import BoxChange, BoxState, Checklist, Exemption
from lifecycle.phases import BOXES, State
from tests.lifecycle.makers import (
    make_criterion,
    make_decision,
    make_drill,
    make_scorecard,
)
from tests.makers import make_automation, make_live

pytestmark = pytest.mark.django_db
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def changes(automation: Automation, number: int) -> list[tuple[str, str, str]]:
    """Return the changes of one box, oldest first."""
    rows = BoxChange.objects.filter(automation=automation, number=number).order_by("pk")
    return [(row.before, row.after, row.why) for row in rows]


def boxes(automation: Automation) -> dict[int, BoxState]:
    return {row.number: row for row in BoxState.objects.filter(checklist__automation=automation)}


def validated(automation: Automation, editor: User) -> None:
    """Give an automation what phase 1 asks for."""
    make_decision(make_scorecard(automation), decided_by=editor)
    make_criterion(automation)


# --- rows and history ----------------------------------------------------------------------


def test_a_first_look_keeps_29_boxes_and_calls_only_met_ones_a_change() -> None:
    automation = make_automation()
    card = make_scorecard(automation)
    evaluate(automation)
    kept = boxes(automation)
    assert sorted(kept) == list(BOXES)
    assert kept[1].state == State.MET
    assert kept[1].rows == [[kept[1].rows[0][0], card.get_absolute_url()]]
    assert (kept[2].step, kept[2].step_url) == ("Decide", card.get_absolute_url())
    assert [row.number for row in BoxChange.objects.all()] == [1]
    assert changes(automation, 1)[0][:2] == ("", "met")


def test_looking_twice_at_the_same_changes_nothing() -> None:
    automation = make_automation()
    make_scorecard(automation)
    evaluate(automation)
    before = list(BoxState.objects.values()), list(BoxChange.objects.values())
    evaluate(automation)
    assert (list(BoxState.objects.values()), list(BoxChange.objects.values())) == before


def test_a_new_live_version_leaves_a_row_that_says_why(editor: User) -> None:
    version = make_live()
    make_drill(version)
    evaluate(version.automation)
    draft = ground.create_draft(version.automation, by=editor)
    services.release(draft, by=editor)
    evaluate(version.automation)
    _first, last = changes(version.automation, 8)
    why = "Live version changed: no drill on version 2; the last one was on version 1."
    assert last == ("met", "not_met", why)
    row = BoxChange.objects.filter(number=8).first()
    assert row is not None
    assert str(row) == "Error handling implemented: Met -> Not met"


def test_a_box_keeps_since_when_it_stands_so_while_its_sentence_goes_on() -> None:
    automation = make_automation()
    make_scorecard(automation)
    now = timezone.now()
    evaluate(automation, now=now)
    make_scorecard(automation, risk=9)
    BoxState.objects.filter(number=1).update(why="Old words.")
    evaluate(automation, now=now + HOUR)
    row = boxes(automation)[1]
    assert row.why != "Old words."
    assert row.since == now
    assert len(changes(automation, 1)) == 1


def test_a_sentence_of_any_length_and_many_links_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    automation = make_automation("a" * 80)
    found = met("Words. " * 1000, *(to(f"Run {n}", "run", n) for n in range(50)))
    monkeypatch.setitem(CHECKS, 1, lambda _subject: found)
    step = to("Score it", "scorecard_new", automation.slug)
    monkeypatch.setitem(CHECKS, 2, lambda _subject: not_met("No.", step=step))
    evaluate(automation)
    assert boxes(automation)[1].why == found.why
    assert len(boxes(automation)[1].rows) == 50


# --- phases --------------------------------------------------------------------------------


def test_the_phase_its_beginning_and_when_it_may_be_left_follow_the_boxes(editor: User) -> None:
    automation = make_automation()
    now = timezone.now()
    first = evaluate(automation, now=now)
    assert (first.phase, first.left) == (1, {})
    validated(automation, editor)
    second = evaluate(automation, now=now + HOUR)
    assert (second.phase, second.phase_since) == (2, now + HOUR)
    assert second.left == {"1": (now + HOUR).isoformat()}
    third = evaluate(automation, now=now + 2 * HOUR)
    assert (third.phase_since, third.left) == (second.phase_since, second.left)
    make_scorecard(automation)  # opens the decision again
    fourth = evaluate(automation, now=now + 3 * HOUR)
    assert (fourth.phase, fourth.phase_since, fourth.left) == (1, now + 3 * HOUR, {})


def test_a_later_phase_may_be_left_before_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    automation = make_automation()
    for number in range(4, 8):
        monkeypatch.setitem(CHECKS, number, lambda _subject: met("Fine."))
    found = evaluate(automation)
    assert found.phase == 1
    assert list(found.left) == ["2"]


def test_an_exemption_counts_for_the_phase_and_its_end_takes_it_back(editor: User) -> None:
    automation = make_automation()
    make_decision(make_scorecard(automation), decided_by=editor)
    now, today = timezone.now(), timezone.localdate()
    Exemption.objects.create(automation=automation, number=3, reason="A try.", until=today)
    assert evaluate(automation, now=now).phase == 2
    assert evaluate(automation, now=now + timedelta(days=1)).phase == 1
    assert [change[1] for change in changes(automation, 3)] == ["exempt", "not_met"]


def test_all_boxes_met_is_phase_8(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in BOXES:
        monkeypatch.setitem(CHECKS, number, lambda _subject: met("Fine."))
    found = evaluate(make_automation())
    assert found.phase == 8
    assert list(found.left) == ["1", "2", "3", "4", "5", "6", "7"]


# --- when ----------------------------------------------------------------------------------


def test_an_older_look_never_overwrites_a_newer_one_and_asks_for_another() -> None:
    automation = make_automation()
    now = timezone.now()
    evaluate(automation, now=now)
    make_scorecard(automation)
    evaluate(automation, now=now - MINUTE)
    assert boxes(automation)[1].state == State.NOT_MET
    due = Checklist.objects.get().due_at
    assert due <= timezone.now()
    assert evaluate_due() == 1
    assert boxes(automation)[1].state == State.MET


def test_what_happens_between_look_and_write_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    automation = make_automation()
    evaluate(automation)

    def meanwhile(_subject: object) -> Evidence:
        mark([automation.slug])
        return met("As it was seen.")

    monkeypatch.setitem(CHECKS, 29, meanwhile)
    evaluate(automation)
    checklist = Checklist.objects.get()
    assert checklist.due_at <= timezone.now()
    assert checklist.evaluated_at is not None


def test_marking_lowers_the_time_and_never_puts_it_off() -> None:
    automation = make_automation()
    evaluate(automation)
    mark([automation.slug], within=MINUTE)
    soon = Checklist.objects.get().due_at
    assert soon <= timezone.now() + MINUTE
    mark([automation.slug], within=HOUR)
    mark([])
    mark(["nobody"])
    assert Checklist.objects.get().due_at == soon


def test_marking_what_is_due_already_is_one_query(django_assert_num_queries: Any) -> None:
    slugs = [make_automation(f"writer-{n}").slug for n in range(5)]
    for slug in slugs:
        evaluate(Automation.objects.get(slug=slug))
    with django_assert_num_queries(2):
        mark(slugs)
    with django_assert_num_queries(1):
        mark(slugs)


def test_one_that_breaks_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = make_automation("first"), make_automation("second")
    looked = evidence.look

    def look(automation: Automation, now: datetime) -> dict[int, Evidence]:
        if automation.slug == "first":
            raise RuntimeError("no luck")
        return looked(automation, now)

    monkeypatch.setattr(evidence, "look", look)
    assert evaluate_due() == 2
    assert boxes(second)
    assert not boxes(first)
    assert "no luck" in caplog.text
    again = Checklist.objects.get(automation=first).due_at
    assert again <= timezone.now() + evaluating.AFTER_A_BREAK


def test_only_what_is_due_is_looked_at() -> None:
    automation = make_automation()
    assert evaluate_due() == 1
    assert evaluate_due() == 0
    mark([automation.slug])
    assert evaluate_due() == 1
    Checklist.objects.update(due_at=timezone.now() + MINUTE)
    assert evaluate_due() == 0


def test_a_page_looks_again_at_what_was_marked(editor: User) -> None:
    automation = make_automation()
    checklists.current(automation)
    make_scorecard(automation)
    mark([automation.slug])
    assert checklists.current(automation).boxes[0].state == State.MET


# --- the task ------------------------------------------------------------------------------


def test_the_scheduler_has_the_rows_and_they_name_what_exists() -> None:
    rows = {row.name: row for row in Schedule.objects.all()}
    assert {rows[name].func for name in schedules.SCHEDULES} == {
        values["func"] for values in schedules.SCHEDULES.values()
    }
    assert (rows["evaluate"].minutes, rows["measure"].minutes) == (1, 60)


def test_the_task_says_what_it_did() -> None:
    make_automation()
    assert tasks.evaluate_due() == "0 begun, 0 overdue, 1 evaluated"
    assert tasks.measure() == "0 measured"


def test_the_task_goes_on_until_nothing_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "A_ROUND", 2)
    for number in range(5):
        make_automation(f"a{number}")
    assert tasks.evaluate_due() == "0 begun, 0 overdue, 5 evaluated"
    assert not Checklist.objects.filter(evaluated_at=None).exists()


def test_the_task_ends_before_its_minute_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "A_ROUND", 2)
    monkeypatch.setattr(tasks, "ROUNDS_S", 0.0)
    for number in range(5):
        make_automation(f"a{number}")
    assert tasks.evaluate_due() == "0 begun, 0 overdue, 2 evaluated"


def test_a_clock_that_breaks_does_not_stop_the_evaluator(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def note_overdue() -> int:
        raise RuntimeError("stopped")

    make_automation()
    monkeypatch.setattr("lifecycle.services.note_overdue", note_overdue)
    assert tasks.evaluate_due() == "0 begun, 0 overdue, 1 evaluated"
    assert "stopped" in caplog.text


def test_after_something_happened_there_is_a_second_look_and_then_rest() -> None:
    automation = make_automation()
    first = timezone.now()
    evaluate(automation, now=first)
    checklist = Checklist.objects.get()
    assert checklist.due_at == first + Checklist.SECOND_LOOK
    evaluate(automation, now=checklist.due_at)
    rested = Checklist.objects.get()
    assert rested.due_at == checklist.due_at + Checklist.EVERY
    mark([automation.slug])
    again = timezone.now() + Checklist.SECOND_LOOK
    evaluate(automation, now=again)
    assert Checklist.objects.get().due_at == again + Checklist.SECOND_LOOK

"""Verdicts on outputs: who may give them, on what, how they count, and how they are taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Run
from monitoring import reviews, services
from monitoring.models import Review
from tests.makers import make_automation, make_live, make_run
from tests.people import make_person

pytestmark = pytest.mark.django_db

OUTPUT = {"text": "We asked 40 patients why they had not come."}


def make_output(version: Any = None, **values: Any) -> Run:
    return make_run(version, **{"status": "success", "output_data": OUTPUT, **values})


def count(run: Run, **asked: Any) -> tuple[int, int]:
    found = reviews.approvals_of([run.automation.pk], **{"since": None, **asked})
    return found[run.automation.pk].useful, found[run.automation.pk].reviewed


# --- giving one ----------------------------------------------------------------------------


def test_a_verdict_keeps_what_was_judged_and_who_said_so(operator: User) -> None:
    run = make_output()
    review = services.review_run(run, "approved", by=operator, seconds_spent=40)
    assert (review.automation, review.version) == (run.automation, run.version)
    assert (review.reviewer, review.seconds_spent, review.is_sample) == (operator, 40, False)
    event = AuditEvent.objects.get(action="review output")
    assert event.by_name == "operator"
    assert event.after["verdict"] == "approved"


@pytest.mark.parametrize("role", ["operator", "editor", "approver"])
def test_who_runs_edits_or_approves_may_review(role: str) -> None:
    assert services.review_run(make_output(), "approved", by=make_person(role)).pk


@pytest.mark.parametrize("role", ["viewer", "admin", "stranger"])
def test_others_may_not(role: str) -> None:
    with pytest.raises(NotAllowed):
        services.review_run(make_output(), "approved", by=make_person(role))
    assert not Review.objects.exists()


@pytest.mark.parametrize(
    "values",
    [
        {"status": "failed"},
        {"status": "queued"},
        {"status": "cancelled"},
        {"output_data": None},
        {"is_simulated": True},
        {"origin": "playground"},
        {"origin": "drill"},
    ],
)
def test_what_was_a_try_or_has_no_output_is_not_reviewed(
    operator: User, values: dict[str, Any]
) -> None:
    with pytest.raises(WrongState, match="no output to review"):
        services.review_run(make_output(**values), "approved", by=operator)


def test_an_output_that_waits_for_approval_can_be_judged(operator: User) -> None:
    assert services.review_run(make_output(status="awaiting_approval"), "approved", by=operator).pk


def test_a_verdict_on_a_sample_run_is_a_sample(operator: User) -> None:
    run = make_output(is_sample=True)
    assert services.review_run(run, "approved", by=operator).is_sample
    assert count(run) == (0, 0)
    assert count(run, samples=(False, True)) == (1, 1)


@pytest.mark.parametrize("reason", ["", "nonsense"])
def test_a_rejection_needs_a_known_reason(operator: User, reason: str) -> None:
    with pytest.raises(ValidationError, match="Say why you reject it"):
        services.review_run(make_output(), "rejected", by=operator, reason=reason)


@pytest.mark.parametrize("edited", ["", "  ", f" {OUTPUT['text']}\r\n"])
def test_an_edit_must_change_something(operator: User, edited: str) -> None:
    with pytest.raises(ValidationError):
        services.review_run(make_output(), "approved_after_edit", by=operator, edited_output=edited)


def test_only_an_edit_keeps_a_text_and_only_a_rejection_a_reason(operator: User) -> None:
    run = make_output()
    values: dict[str, Any] = {"reason": "style", "edited_output": "Another text."}
    approved = services.review_run(run, "approved", by=operator, **values)
    assert (approved.reason, approved.edited_output) == ("", "")
    services.undo_review(approved, by=operator)
    edited = services.review_run(run, "approved_after_edit", by=operator, **values)
    assert (edited.reason, edited.edited_output) == ("", "Another text.")


@pytest.mark.parametrize("verdict", ["", "perfect", "approved\x00"])
def test_an_unknown_verdict_is_refused(operator: User, verdict: str) -> None:
    with pytest.raises(ValidationError, match="Choose one of the verdicts"):
        services.review_run(make_output(), verdict, by=operator)


def test_a_note_may_hold_anything_but_not_without_end(operator: User) -> None:
    run = make_output()
    with pytest.raises(ValidationError, match="at most 2,000"):
        services.review_run(run, "approved", by=operator, note="x" * 2001)
    assert services.review_run(run, "approved", by=operator, note="\x00 odd").note == "\ufffd odd"


@pytest.mark.parametrize(("given", "kept"), [(-5, 0), (0, 0), (1800, 1800), (1801, 1800)])
def test_the_time_spent_is_bounded(operator: User, given: int, kept: int) -> None:
    review = services.review_run(make_output(), "approved", by=operator, seconds_spent=given)
    assert review.seconds_spent == kept


def test_one_person_judges_an_output_once(operator: User, editor: User) -> None:
    run = make_output()
    services.review_run(run, "approved", by=operator)
    with pytest.raises(WrongState, match="already"):
        services.review_run(run, "rejected", by=operator, reason="wrong")
    services.review_run(run, "approved", by=editor)
    assert Review.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_verdicts_at_once_leave_one() -> None:
    run, person = make_output(), make_person("operator")

    def give(_: int) -> str:
        try:
            services.review_run(run, "approved", by=person)
        except WrongState:
            return "refused"
        finally:
            connection.close()
        return "kept"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(give, range(2))) == ["kept", "refused"]
    assert Review.objects.count() == 1


# --- taking it back ------------------------------------------------------------------------


def test_one_takes_back_ones_own_verdict(operator: User) -> None:
    review = services.review_run(make_output(), "rejected", by=operator, reason="wrong")
    services.undo_review(review, by=operator)
    assert not Review.objects.exists()
    assert AuditEvent.objects.get(action="undo review").before["reason"] == "wrong"


def test_nobody_takes_back_somebody_elses(operator: User, approver: User) -> None:
    review = services.review_run(make_output(), "approved", by=operator)
    with pytest.raises(NotAllowed, match="Only who gave"):
        services.undo_review(review, by=approver)


def test_a_verdict_is_taken_back_once(operator: User) -> None:
    review = services.review_run(make_output(), "approved", by=operator)
    services.undo_review(Review.objects.get(pk=review.pk), by=operator)
    with pytest.raises(WrongState, match="already"):
        services.undo_review(review, by=operator)


def test_who_lost_the_role_takes_nothing_back(operator: User) -> None:
    review = services.review_run(make_output(), "approved", by=operator)
    operator.groups.clear()
    with pytest.raises(NotAllowed):
        services.undo_review(review, by=User.objects.get(pk=operator.pk))


# --- counting ------------------------------------------------------------------------------


def test_useful_is_what_was_approved_also_after_an_edit(operator: User) -> None:
    live = make_live()
    for verdict in ("approved", "approved_after_edit", "rejected"):
        services.review_run(
            make_output(live), verdict, by=operator, reason="style", edited_output="Better."
        )
    assert count(make_output(live)) == (2, 3)


def test_fourteen_of_twenty_is_seventy_per_cent_with_its_interval() -> None:
    assert reviews.Approval(14, 20).in_words == ("14 of 20 useful = 70 % (48\N{EN DASH}85 %)")
    assert reviews.Approval(0, 0).in_words == "none reviewed yet"
    assert reviews.Approval(0, 0).interval is None


@pytest.mark.parametrize("first", ["rejected", "approved"])
def test_an_output_on_which_two_people_disagree_counts_once_as_rejected(
    first: str, operator: User, editor: User
) -> None:
    run, reasons = make_output(), {"rejected": "wrong", "approved": ""}
    second = "approved" if first == "rejected" else "rejected"
    services.review_run(run, first, by=operator, reason=reasons[first])
    services.review_run(run, second, by=editor, reason=reasons[second])
    assert count(run) == (0, 1)
    assert reviews.approvals_of([run.automation.pk], since=None)[run.automation.pk].disputed == 1


def test_an_output_on_which_two_people_agree_counts_once(operator: User, editor: User) -> None:
    run = make_output()
    services.review_run(run, "approved", by=operator)
    services.review_run(run, "approved", by=editor)
    assert count(run) == (1, 1)


def test_of_one_input_on_one_version_the_newest_approval_counts_and_every_rejection(
    operator: User,
) -> None:
    root = make_output()
    services.review_run(root, "approved", by=operator)
    for verdict, reason in (("approved", ""), ("rejected", "wrong"), ("approved", "")):
        again = make_output(root.version, rerun_of=root, rerun_root=root)
        services.review_run(again, verdict, by=operator, reason=reason)
    assert count(root) == (1, 2)
    other = make_output(make_live(root.automation), rerun_of=root, rerun_root=root)
    services.review_run(other, "approved", by=operator)
    assert count(root) == (2, 3)


def test_what_is_said_later_does_not_change_a_period(operator: User, editor: User) -> None:
    run, end = make_output(), timezone.now()
    early = services.review_run(run, "approved", by=operator)
    Review.objects.filter(pk=early.pk).update(at=end - timedelta(days=1))
    services.review_run(run, "rejected", by=editor, reason="wrong")
    [found] = reviews.counted(Review.objects.filter(at__lt=end), until=end)
    assert (found.pk, found.was_rejected) == (early.pk, False)


def test_samples_are_judged_only_below_ten_real_outputs(operator: User) -> None:
    live = make_live()
    key = live.automation.pk
    for run in [make_output(live, is_sample=True) for _ in range(5)]:
        services.review_run(run, "approved", by=operator)
    for at in range(10):
        judged = reviews.judged_of([key])[key]
        assert (judged.useful, judged.reviewed, judged.samples) == (5, 5 + at, 5)
        services.review_run(make_output(live), "rejected", by=operator, reason="wrong")
    assert reviews.judged_of([key])[key] == reviews.judged_of_version(live)
    assert reviews.judged_of_version(live) == reviews.Approval(0, 10)


def test_a_period_counts_the_moment_of_the_verdict(operator: User) -> None:
    run = make_output()
    review = services.review_run(run, "approved", by=operator)
    now = timezone.now()
    Review.objects.filter(pk=review.pk).update(at=now - timedelta(days=31))
    assert count(run, since=now - timedelta(days=30)) == (0, 0)
    assert count(run, since=now - timedelta(days=32)) == (1, 1)


def test_any_number_of_automations_takes_one_query(
    operator: User, django_assert_num_queries: Any
) -> None:
    lives = [make_live(make_automation(f"a{n}")) for n in range(4)]
    for live in lives[:3]:
        services.review_run(make_output(live), "approved", by=operator)
    with django_assert_num_queries(1):
        found = reviews.approvals_of([live.automation.pk for live in lives], since=None)
    assert [found[live.automation.pk].reviewed for live in lives] == [1, 1, 1, 0]


def test_the_approval_of_a_version_is_its_own(operator: User) -> None:
    first = make_live()
    second = make_live(first.automation)
    services.review_run(make_output(first), "approved", by=operator)
    services.review_run(make_output(second), "rejected", by=operator, reason="wrong")
    assert reviews.approval_of_version(first).share == 1
    assert reviews.approval_of_version(second).share == 0


# --- what comes next -----------------------------------------------------------------------


def test_the_next_output_is_the_next_older_then_the_newest(operator: User) -> None:
    live = make_live()
    first, second, third = (make_output(live) for _ in range(3))
    make_output(make_live(make_automation("other")))
    assert reviews.next_after(second, operator) == first
    assert reviews.next_after(first, operator) == third
    services.review_run(third, "approved", by=operator)
    assert reviews.next_after(first, operator) == second
    assert reviews.count_waiting(operator, live.automation) == 2
    assert reviews.count_waiting(make_person("editor"), live.automation) == 3


def test_the_list_offers_what_is_among_the_newest_runs_only(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = make_live()
    old = make_output(live)
    monkeypatch.setattr(reviews, "RECENT", 2)
    new = [make_output(live), make_run(live, status="failed")][0]
    assert list(reviews.waiting_for(operator)) == [new]
    assert old not in reviews.waiting_for(operator, live.automation)

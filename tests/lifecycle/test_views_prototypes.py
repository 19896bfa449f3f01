"""The pages of prototypes, criteria and failure modes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.models import AuditEvent, Automation
from lifecycle import prototypes
from lifecycle.models import Criterion, Extension, FailureMode, Prototype
from tests.lifecycle.makers import (
    make_criterion,
    make_failure_mode,
    make_prototype,
    make_review,
    make_scorecard,
)
from tests.makers import make_live, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def automation() -> Automation:
    return make_live().automation


@pytest.fixture
def at_work(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


def shown(client: Client, name: str, *args: Any, query: str = "") -> str:
    answer = client.get(reverse(name, args=args) + query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def sent(client: Client, name: str, *args: Any, **values: Any) -> str:
    """Post a form and return the page that answers, after a redirect if there is one."""
    answer = client.post(reverse(name, args=args), values, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


# --- the prototype -------------------------------------------------------------------------


def test_before_the_first_run_the_page_says_how_it_begins(
    at_work: Client, automation: Automation
) -> None:
    make_scorecard(automation)
    page = shown(at_work, "prototype", automation.slug)
    assert "The clock has not begun" in page
    assert "Start the clock all the same" not in page


def test_looking_at_the_page_changes_nothing_and_says_that_the_clock_is_about_to_begin(
    client: Client, viewer: User, automation: Automation
) -> None:
    run = make_run(automation.live_version, status="success")
    client.force_login(viewer)
    page = shown(client, "prototype", automation.slug)
    assert "The clock is about to begin" in page
    assert f"Run {run.pk}</a> was the first in earnest" in page
    assert not Prototype.objects.exists()
    assert not AuditEvent.objects.filter(action="start prototype").exists()


def test_it_is_started_by_the_button(at_work: Client, automation: Automation) -> None:
    make_scorecard(automation)
    assert "72 hours is running" in sent(at_work, "prototype_start", automation.slug)
    assert "running already" in sent(at_work, "prototype_start", automation.slug)


def test_without_a_scorecard_the_page_asks_for_a_reason_and_shows_it(
    at_work: Client, automation: Automation
) -> None:
    page = sent(at_work, "prototype_start", automation.slug)
    assert "There is no scorecard yet" in page
    assert "Write the reason." in page
    page = sent(at_work, "prototype_start", automation.slug, reason="A customer asked.")
    assert "all the same because: A customer asked." in page


def test_an_overdue_one_says_so_and_takes_more_time(
    at_work: Client, automation: Automation
) -> None:
    late = make_prototype(automation, started_at=timezone.now() - timedelta(hours=75, minutes=5))
    assert "Overdue by 3 h" in shown(at_work, "prototype", automation.slug)
    page = sent(at_work, "prototype_extend", late.pk, hours=24, reason="The API was down.")
    assert "extended once" in page
    assert "The API was down." in page
    assert "23 h left" in page


@pytest.mark.parametrize("hours", ["", "0", "73", "x", "1e9", "9" * 400, "\x00"])
def test_odd_hours_are_said_in_the_form(
    at_work: Client, automation: Automation, hours: str
) -> None:
    prototype = make_prototype(automation)
    page = sent(at_work, "prototype_extend", prototype.pk, hours=hours, reason="My reason.")
    assert "My reason." in page
    assert 'aria-invalid="true"' in page
    assert not Extension.objects.exists()


def test_after_its_time_the_verdict_is_prefilled_from_the_four(
    at_work: Client, automation: Automation
) -> None:
    make_prototype(automation, started_at=timezone.now() - timedelta(hours=73))
    page = shown(at_work, "prototype", automation.slug)
    assert "the suggestion is <strong>pivot or kill</strong>" in page
    assert page.index('value="pivot"') < page.index("checked") < page.index('value="kill"')


def test_while_there_is_time_left_no_verdict_is_chosen_before_the_four_are_met(
    at_work: Client, automation: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_prototype(automation)
    page = shown(at_work, "prototype", automation.slug)
    assert "As it stands now" in page
    assert page.count(" checked") == 1, "only the keys of the frame are"
    monkeypatch.setattr(prototypes, "suggested", lambda _: Prototype.Verdict.GO)
    page = shown(at_work, "prototype", automation.slug)
    assert page.index('value="go"') < page.index(" checked") < page.index('value="simplify"')


@pytest.mark.parametrize(
    ("verdict", "link"),
    [("go", "promotions"), ("kill", "promotions"), ("simplify", "scorecard_new")],
)
def test_what_follows_from_a_verdict_is_one_click_away(
    at_work: Client, automation: Automation, verdict: str, link: str
) -> None:
    prototype = make_prototype(automation)
    values = {"end-verdict": verdict, "end-reason": "Because."}
    page = sent(at_work, "prototype_verdict", prototype.pk, **values)
    assert "The verdict is kept" in page
    assert f'btn-small" href="{reverse(link, args=[automation.slug])}' in page
    assert "As it stood then" in page


@pytest.mark.parametrize("verdict", ["go", "", "x" * 99, "\x00"])
def test_a_verdict_that_cannot_be_is_said_in_the_form(
    at_work: Client, automation: Automation, verdict: str
) -> None:
    prototype = make_prototype(automation)
    page = sent(at_work, "prototype_verdict", prototype.pk, **{"end-verdict": verdict})
    assert 'class="errorlist' in page
    assert Prototype.objects.get().is_open


def test_a_second_verdict_is_told(at_work: Client, automation: Automation) -> None:
    prototype = make_prototype(automation, verdict="kill", decided_at=timezone.now())
    page = sent(at_work, "prototype_verdict", prototype.pk, **{"end-verdict": "kill"})
    assert "ended already, with “Kill”" in page


def test_the_share_of_useful_outputs_is_drawn_with_its_interval(
    at_work: Client, automation: Automation
) -> None:
    for number in range(20):
        done = make_run(automation.live_version, status="success", output_data={"text": "x"})
        make_review(done, **({} if number < 14 else {"verdict": "rejected", "reason": "style"}))
    page = shown(at_work, "prototype", automation.slug)
    assert 'aria-label="14 of 20 useful = 70 % (48\N{EN DASH}85 %); the target is 70 %."' in page
    assert "met by a small sample" in page


def test_a_viewer_sees_the_clock_and_no_buttons(
    client: Client, viewer: User, automation: Automation
) -> None:
    client.force_login(viewer)
    prototype = make_prototype(automation)
    page = shown(client, "prototype", automation.slug)
    assert "Editors give the verdict." in page
    assert reverse("prototype_extend", args=[prototype.pk]) not in page


def test_the_history_shows_all_with_their_extensions(
    at_work: Client, automation: Automation
) -> None:
    ended = make_prototype(automation, verdict="pivot", decided_at=timezone.now(), reason="No.")
    Extension.objects.create(prototype=ended, hours=7, reason="Holiday.")
    make_prototype(automation)
    page = shown(at_work, "prototype", automation.slug)
    assert "7 h: Holiday." in page
    assert "All prototypes" in page


def test_the_page_takes_as_many_queries_for_many_prototypes(
    at_work: Client, automation: Automation, django_assert_max_num_queries: Any
) -> None:
    for number in range(9):
        row = make_prototype(automation, verdict="pivot", decided_at=timezone.now())
        Extension.objects.create(prototype=row, hours=number + 1, reason="So.")
    for _ in range(9):
        make_run(automation.live_version, status="failed", error_category="timeout")
    with django_assert_max_num_queries(45):
        shown(at_work, "prototype", automation.slug)


# --- criteria ------------------------------------------------------------------------------


def test_a_usual_criterion_is_added_with_one_click(at_work: Client, automation: Automation) -> None:
    assert "Success rate more than 95" in shown(at_work, "criteria", automation.slug)
    page = sent(
        at_work, "criteria", automation.slug, metric="success_rate", operator=">", number="95"
    )
    assert "Saved." in page
    assert str(Criterion.objects.get()) == "Success rate more than 95 %"


@pytest.mark.parametrize("number", ["", "x", "NaN", "Infinity", "1e99", "0.12345", "101", "\x00"])
def test_an_odd_number_is_said_in_the_form(
    at_work: Client, automation: Automation, number: str
) -> None:
    values = {"metric": "success_rate", "operator": ">", "number": number, "note": "Mine."}
    page = sent(at_work, "criteria", automation.slug, **values)
    assert 'aria-invalid="true"' in page
    assert "Mine." in page
    assert not Criterion.objects.exists()


def test_a_second_one_of_its_kind_is_said_in_the_form(
    at_work: Client, automation: Automation
) -> None:
    make_criterion(automation)
    values = {"metric": "success_rate", "operator": ">=", "number": "80"}
    page = sent(at_work, "criteria", automation.slug, **values)
    assert "“Success rate at least …” already" in page


def test_two_that_contradict_each_other_are_warned_of(
    at_work: Client, automation: Automation
) -> None:
    make_criterion(automation)
    values = {"metric": "success_rate", "operator": "<", "number": "90"}
    assert "cannot both be met" in sent(at_work, "criteria", automation.slug, **values)


def test_a_criterion_is_changed_and_removed(at_work: Client, automation: Automation) -> None:
    row = make_criterion(automation)
    assert 'value="95"' in shown(at_work, "criterion", row.pk)
    values = {"metric": "success_rate", "operator": ">=", "number": "80"}
    assert "Changed" in sent(at_work, "criterion", row.pk, **values)
    assert "is removed" in sent(at_work, "criterion_remove", row.pk)
    assert not Criterion.objects.exists()


def test_a_viewer_sees_criteria_and_no_form(
    client: Client, viewer: User, automation: Automation
) -> None:
    client.force_login(viewer)
    make_criterion(automation)
    page = shown(client, "criteria", automation.slug)
    assert "Success rate" in page
    assert 'method="post" action="/automations' not in page
    assert client.post(reverse("criteria", args=[automation.slug])).status_code == 403


# --- failure modes -------------------------------------------------------------------------


def test_a_response_to_what_was_seen_is_two_clicks_away(
    at_work: Client, automation: Automation
) -> None:
    values = {"error_category": "timeout", "error_code": "deadline"}
    make_run(automation.live_version, status="failed", **values)
    page = shown(at_work, "failure_modes", automation.slug)
    assert "?category=timeout&amp;code=deadline#write" in page
    page = shown(at_work, "failure_modes", automation.slug, query="?category=timeout&code=deadline")
    assert "Response to “Timeout: deadline”" in page
    named = {"category": "timeout", "code": "deadline", "title": "Slow", "response": "Wait."}
    assert "Written" in sent(at_work, "failure_modes", automation.slug, **named)
    mode = FailureMode.objects.get()
    assert (mode.error_category, mode.error_code, mode.title) == ("timeout", "deadline", "Slow")


@pytest.mark.parametrize(
    "query", ["?category=x", "?code=x", "?reason=%00", "?category=timeout&code=" + "x" * 5000]
)
def test_an_odd_address_shows_the_plain_form(
    at_work: Client, automation: Automation, query: str
) -> None:
    assert "One you can think of" in shown(at_work, "failure_modes", automation.slug, query=query)


def test_a_failure_mode_without_a_response_is_said_in_the_form(
    at_work: Client, automation: Automation
) -> None:
    page = sent(at_work, "failure_modes", automation.slug, title="Slow")
    assert "Write what you do when it happens" in page
    assert 'value="Slow"' in page


def test_a_failure_mode_is_changed_and_removed(at_work: Client, automation: Automation) -> None:
    mode = make_failure_mode(automation)
    assert mode.response in shown(at_work, "failure_mode", mode.pk)
    page = sent(at_work, "failure_mode", mode.pk, title="Down", response="Call them.")
    assert "Call them." in page
    assert "is removed" in sent(at_work, "failure_mode_remove", mode.pk)


def test_the_lists_take_as_many_queries_for_many_rows(
    at_work: Client, automation: Automation, editor: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        make_failure_mode(automation, title=f"Mode {number}", written_by=editor)
        values = {"error_category": "timeout", "error_code": str(number)}
        make_run(automation.live_version, status="failed", **values)
    with django_assert_max_num_queries(15):
        shown(at_work, "failure_modes", automation.slug)

"""The checklist's page and its history: what people see, may do, and are told."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation
from lifecycle.models import Attestation, BoxChange, BoxState, Exemption, Team
from lifecycle.phases import BOXES, PHASES, State
from tests.lifecycle.makers import make_checklist, make_exemption, make_scorecard
from tests.makers import make_automation

pytestmark = pytest.mark.django_db


@pytest.fixture
def automation() -> Automation:
    """An automation in phase 3, with one box owed."""
    found = make_automation(stage="production")
    left = {"1": "2026-11-01T08:00:00+00:00", "2": f"{timezone.now().isoformat()}"}
    make_checklist(found, 1, 2, 3, 4, 5, 6, 9, left=left)
    Team.current()
    return found


def page(client: Client, automation: Automation, person: User, **query: str) -> str:
    client.force_login(person)
    answer = client.get(reverse("checklist", args=[automation.slug]), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def address(name: str, *args: Any) -> str:
    return reverse(name, args=args)


# --- what is on it -------------------------------------------------------------------------


def test_all_seven_phases_and_29_boxes_are_on_the_page(
    client: Client, automation: Automation, viewer: User
) -> None:
    shown = page(client, automation, viewer)
    for number, box in BOXES.items():
        assert f'id="box-{number}"' in shown
        assert box.title in shown
    for phase in PHASES:
        assert phase.title in shown
    assert "<strong>7</strong> of 29" in shown
    assert "Not production-ready yet" in shown


def test_done_phases_are_folded_and_the_current_one_is_open(
    client: Client, automation: Automation, viewer: User
) -> None:
    opened = re.compile(r'id="phase-(\d)" open')
    assert opened.findall(page(client, automation, viewer)) == ["3"]
    assert len(opened.findall(page(client, automation, viewer, all=""))) == 7


def test_evidence_links_and_the_next_step_are_shown(
    client: Client, automation: Automation, viewer: User
) -> None:
    values = {"why": "No drill of v1.", "step": "Start a drill", "step_url": "/drill/"}
    BoxState.objects.filter(number=8).update(rows=[["Run 7", "/runs/7/"]], **values)
    shown = page(client, automation, viewer)
    assert "No drill of v1." in shown
    assert '<a href="/runs/7/">Run 7</a>' in shown
    assert '<a class="btn btn-primary" href="/drill/">Start a drill' in shown


def test_what_is_owed_is_named_with_its_day(
    client: Client, automation: Automation, viewer: User
) -> None:
    shown = page(client, automation, viewer)
    assert "may be left, 1 box owed by" in shown
    assert '<h2 id="owed-title">Owed</h2>' in shown


def test_texts_of_the_evidence_are_escaped(
    client: Client, automation: Automation, viewer: User
) -> None:
    BoxState.objects.filter(number=8).update(why="<script>alert(1)</script>")
    assert "<script>alert(1)" not in page(client, automation, viewer)


def test_the_score_is_shown_in_both_formulas(
    client: Client, automation: Automation, viewer: User
) -> None:
    make_scorecard(automation)
    assert "published mean 6.0, direction-adjusted 8.4" in page(client, automation, viewer)


def test_nothing_on_the_page_ticks_a_box(
    client: Client, automation: Automation, superuser: User
) -> None:
    shown = page(client, automation, superuser)
    body = shown[shown.index('class="phases-nav"') : shown.index("</main>")]
    assert 'type="checkbox"' not in body


def test_the_first_visit_looks_at_the_boxes(client: Client, viewer: User) -> None:
    automation = make_automation("fresh", stage="idea")
    assert "There is no scorecard yet." in page(client, automation, viewer)


def test_a_whole_checklist_says_so(client: Client, viewer: User) -> None:
    automation = make_automation(stage="production")
    make_checklist(automation, *BOXES)
    shown = page(client, automation, viewer)
    assert "All 29 boxes are satisfied." in shown
    assert ">Production-ready<" in shown


def test_queries_do_not_grow_with_rows(
    client: Client, automation: Automation, approver: User
) -> None:
    counts = []
    for round_ in range(2):
        client.force_login(approver)
        make_checklist_rows(automation, 3 + round_ * 15)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            client.get(address("checklist", automation.slug))
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 20


def make_checklist_rows(automation: Automation, count: int) -> None:
    for _ in range(count):
        number = 10 + Exemption.objects.count() % 19
        if not Exemption.objects.filter(number=number).exists():
            make_exemption(automation, number)
        BoxChange.objects.create(
            automation=automation, number=number, before="met", after="not_met", why="Gone."
        )


# --- who may -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "offered"),
    [
        ("viewer", set()),
        ("operator", set()),
        ("editor", {"attest"}),
        ("approver", {"exempt", "attest"}),
        ("admin", set()),
    ],
)
def test_forms_are_offered_to_who_may(
    role: str,
    offered: set[str],
    client: Client,
    automation: Automation,
    request: pytest.FixtureRequest,
) -> None:
    shown = page(client, automation, request.getfixturevalue(role))
    places = {
        "exempt": address("box_exempt", automation.slug, 8),
        "attest": address("box_attest", automation.slug, 15),
    }
    assert {verb for verb, place in places.items() if place in shown} == offered
    assert address("box_attest", automation.slug, 8) not in shown


def test_a_satisfied_box_offers_no_exemption(
    client: Client, automation: Automation, approver: User
) -> None:
    assert address("box_exempt", automation.slug, 1) not in page(client, automation, approver)


def test_who_may_not_see_it_does_not_know_it(
    client: Client, automation: Automation, stranger: User
) -> None:
    client.force_login(stranger)
    for name in ("checklist", "checklist_history"):
        assert client.get(address(name, automation.slug)).status_code == 404


# --- exempt, attest ------------------------------------------------------------------------


def until(ahead: int) -> str:
    return str(timezone.localdate() + timedelta(days=ahead))


def test_an_approver_exempts_on_the_page_and_ends_it(
    client: Client, automation: Automation, approver: User
) -> None:
    client.force_login(approver)
    sent = {"reason": "The drill is on Monday.", "until": until(9)}
    answer = client.post(address("box_exempt", automation.slug, 8), sent)
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("/checklist/#box-8")
    shown = page(client, automation, approver)
    assert "The drill is on Monday." in shown
    held = Exemption.objects.get()
    ended = client.post(address("exemption_end", held.pk), follow=True)
    assert "The exemption has ended" in ended.content.decode()
    again = client.post(address("exemption_end", held.pk), follow=True)
    assert "has ended already" in again.content.decode()


def test_an_editor_attests_on_the_page(
    client: Client, automation: Automation, editor: User
) -> None:
    client.force_login(editor)
    sent = {"comment": "Restored last night's backup.", "expires_on": until(60)}
    there = address("box_attest", automation.slug, 15)
    assert "This field is required." in client.post(there, sent).content.decode()
    refused = client.post(there, {**sent, "backup_on": until(1)})
    assert "Write the day of a backup that was made." in refused.content.decode()
    assert client.post(there, {**sent, "backup_on": until(-2)}).status_code == 302
    made = Attestation.objects.get()
    assert made.by == editor
    assert made.comment.startswith("last backup of ")
    shown = page(client, automation, editor)
    assert "Withdraw attestation" in shown
    client.post(address("attestation_withdraw", made.pk))
    assert "Withdraw attestation" not in page(client, automation, editor)
    again = client.post(address("attestation_withdraw", made.pk), follow=True)
    assert "holds no more" in again.content.decode()


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({}, "This field is required."),
        ({"reason": "  ", "until": until(3)}, "This field is required."),
        ({"reason": "Why.", "until": "tomorrow"}, "Enter a valid date."),
        ({"reason": "Why.", "until": until(-1)}, "Choose a day from today to"),
        ({"reason": "Why.", "until": until(400)}, "Choose a day from today to"),
        ({"reason": "Why.", "until": "9999-12-31"}, "Choose a day from today to"),
        ({"reason": "a\x00b", "until": until(3)}, "Null characters are not allowed."),
        ({"reason": "x" * 1001, "until": until(3)}, "at most 1000 characters"),
    ],
)
def test_what_is_wrong_is_said_at_the_box(
    sent: dict[str, str], says: str, client: Client, automation: Automation, approver: User
) -> None:
    client.force_login(approver)
    answer = client.post(address("box_exempt", automation.slug, 29), sent)
    assert answer.status_code == 200
    shown = answer.content.decode()
    box = shown[shown.index('id="box-29"') :]
    assert says in box
    assert '<details class="box-form" open>' in box
    assert 'id="phase-7" open' in shown
    assert not Exemption.objects.exists()


@pytest.mark.parametrize("number", [0, 30, 999_999_999_999_999_999_999])
def test_other_boxes_are_not_found(
    number: int, client: Client, automation: Automation, approver: User
) -> None:
    client.force_login(approver)
    for name in ("box_exempt", "box_attest"):
        assert client.post(address(name, automation.slug, number)).status_code == 404


def test_what_data_proves_cannot_be_attested_by_a_sent_form(
    client: Client, automation: Automation, approver: User
) -> None:
    client.force_login(approver)
    sent = {"comment": "Trust me.", "expires_on": until(9), "backup_on": until(-1)}
    answer = client.post(address("box_attest", automation.slug, 8), sent, follow=True)
    assert "is proved by data" in answer.content.decode()
    assert not Attestation.objects.exists()


def test_a_second_exemption_from_another_tab_is_refused_in_a_sentence(
    client: Client, automation: Automation, approver: User
) -> None:
    make_exemption(automation)
    client.force_login(approver)
    sent = {"reason": "Again.", "until": until(9)}
    answer = client.post(address("box_exempt", automation.slug, 8), sent, follow=True)
    assert "end that exemption first" in answer.content.decode()


# --- history -------------------------------------------------------------------------------


def changed(automation: Automation, number: int, count: int = 1) -> None:
    BoxChange.objects.bulk_create(
        BoxChange(automation=automation, number=number, before="met", after="not_met", why="Gone.")
        for _ in range(count)
    )


def test_the_history_is_paged_by_key_and_filtered_by_box(
    client: Client, automation: Automation, viewer: User
) -> None:
    changed(automation, 8, 60)
    changed(automation, 18)
    client.force_login(viewer)
    place = address("checklist_history", automation.slug)
    first = client.get(place).content.decode()
    assert "18. Alerts configured</a>" in first
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older
    assert client.get(place + older[1].replace("&amp;", "&")).status_code == 200
    filtered = client.get(place, {"box": "18"}).content.decode()
    assert "8. Error handling implemented</a>" not in filtered
    assert "18. Alerts configured</a>" in filtered
    assert "This box has not changed" in client.get(place, {"box": "1"}).content.decode()


@pytest.mark.parametrize("query", ["box=99", "box=x", "before=x", "before=" + "9" * 40, "box=%00"])
def test_a_bad_query_shows_the_first_page(
    query: str, client: Client, automation: Automation, viewer: User
) -> None:
    client.force_login(viewer)
    assert client.get(f"{address('checklist_history', automation.slug)}?{query}").status_code == 200


def test_a_box_that_opens_again_leaves_a_line(
    client: Client, automation: Automation, viewer: User
) -> None:
    fresh = make_automation("fresh")
    page(client, fresh, viewer)
    BoxState.objects.filter(checklist__automation=fresh, number=1).update(state=State.MET)
    fresh.progress.__class__.objects.filter(automation=fresh).update(due_at=timezone.now())
    shown = page(client, fresh, viewer)
    [change] = BoxChange.objects.filter(automation=fresh, number=1, before="met")
    assert change.why in shown


def test_history_queries_do_not_grow(client: Client, automation: Automation, viewer: User) -> None:
    client.force_login(viewer)
    place, counts = address("checklist_history", automation.slug), []
    for count in (3, 40):
        changed(automation, 8, count)
        with CaptureQueriesContext(connection) as captured:
            client.get(place)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_what_is_kept_says_until_when(client: Client, automation: Automation, editor: User) -> None:
    client.force_login(editor)
    there = address("box_attest", automation.slug, 15)
    sent = {"comment": "Restored it.", "expires_on": until(60), "backup_on": until(-2)}
    assert "Attested until " in client.post(there, sent, follow=True).content.decode()

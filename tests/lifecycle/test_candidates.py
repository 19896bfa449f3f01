"""What is said of a version before it goes live in production, and while a request waits."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from automations.models import Automation, Version
from lifecycle import candidates, services
from lifecycle.models import Promotion, Team
from lifecycle.phases import BOXES
from tests.lifecycle.makers import make_checklist, make_drill, make_review
from tests.lifecycle.test_promotions_live import published
from tests.makers import make_automation, make_live, make_run, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def running() -> Automation:
    """An automation in production with every box met."""
    live = make_live(make_automation("running", stage="production"))
    make_checklist(live.automation, *BOXES)
    return live.automation


def look(client: Client, user: Any, address: str) -> str:
    client.force_login(user)
    answer = client.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def page_of(client: Client, user: Any, version: Version) -> str:
    return look(client, user, version.get_absolute_url())


def test_what_nobody_tried_opens_four_boxes(running: Automation) -> None:
    found = candidates.prospects(published(running))
    assert [one.box.number for one in found if one.opens] == [5, 8, 9, 10]
    assert "0 of 10 outputs of version 2 reviewed" in found[0].why
    assert "no drill on version 2" in found[1].why


def test_a_drilled_version_keeps_box_8_and_what_is_not_met_today_does_not_open(
    running: Automation,
) -> None:
    version = published(running)
    make_drill(version)
    assert 8 not in {one.box.number for one in candidates.prospects(version) if one.opens}
    other = make_live(make_automation("bare", stage="production")).automation
    assert not any(one.opens for one in candidates.prospects(published(other)))


def test_the_queries_do_not_grow_with_the_runs(
    running: Automation, django_assert_max_num_queries: Any
) -> None:
    version = published(running)
    for _ in range(12):
        make_review(make_run(version, status="success"))
    with django_assert_max_num_queries(25):
        candidates.prospects(version)


def test_in_production_the_page_says_what_opens_again_before_a_version_goes_live(
    client: Client, approver: Any, running: Automation
) -> None:
    version = published(running)
    page = page_of(client, approver, version)
    assert "4 boxes of the checklist open again:" in page
    assert f"{reverse('drill', args=[running.slug])}?version={version.number}" in page
    assert 'name="reason"' in page
    assert "Make it live" in page
    client.post(reverse("version_live", args=[version.pk]), {"from": "version", "reason": "Short."})
    assert Promotion.objects.get().reason == "Short."


def test_a_draft_is_asked_about_as_well(
    client: Client, superuser: Any, running: Automation
) -> None:
    draft = make_version(running, note="Shorter.")
    page = page_of(client, superuser, draft)
    assert "open again:" in page
    assert "Try it in the playground first" in page


def test_before_production_one_click_is_enough(client: Client, editor: Any) -> None:
    early = make_live().automation
    page = page_of(client, editor, published(early))
    assert "Make live" in page
    assert "checklist open" not in page


def test_the_list_leads_to_the_question(client: Client, approver: Any, running: Automation) -> None:
    version = published(running)
    page = look(client, approver, reverse("automation_versions", args=[running.slug]))
    assert reverse("version_live", args=[version.pk]) not in page
    assert "Make live" in page


def test_a_request_that_waits_stands_in_the_buttons_place(
    client: Client, approver: Any, running: Automation
) -> None:
    Team.objects.create(pk=1, second_person=True)
    version = published(running)
    services.go_live(version, by=approver)
    page = page_of(client, approver, version)
    assert "Waiting for a second person" in page
    assert reverse("promotions", args=[running.slug]) in page
    assert reverse("version_live", args=[version.pk]) not in page


def test_the_second_person_sees_the_facts_of_what_is_asked_for(
    client: Client, approver: Any, running: Automation
) -> None:
    Team.objects.create(pk=1, second_person=True)
    version, live = published(running), running.live_version_id
    services.go_live(version, by=approver)
    page = look(client, approver, reverse("promotions", args=[running.slug]))
    assert "Checklist then, with v1" in page
    assert "With v2 live" in page
    assert "0 of 10 outputs of version 2 reviewed" in page
    assert f"{reverse('version_diff', args=[version.pk])}?against={live}" in page


def test_the_drill_page_offers_the_version_that_was_named(
    client: Client, superuser: Any, running: Automation
) -> None:
    published(running)
    page = look(client, superuser, reverse("drill", args=[running.slug]) + "?version=2")
    assert '<option value="2" selected>' in page
    assert '<option value="1" selected>' not in page

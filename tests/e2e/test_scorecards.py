"""Scoring in a real browser: sliders by keyboard, the live score, from idea to decision."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from automations.models import Automation
from lifecycle.models import Decision, Scorecard
from tests.e2e.conftest import Check, Open, visit
from tests.e2e.test_shell import LOOKS
from tests.lifecycle.makers import make_scorecard
from tests.lifecycle.scoring import pages_of_scorecards
from tests.makers import make_automation

pytestmark = pytest.mark.django_db(transaction=True)


def test_from_an_idea_to_a_decision_with_the_keyboard(open_page: Open) -> None:
    page = open_page(reverse("idea_new"))
    page.get_by_label("Name", exact=True).fill("Invoice reader")
    expect(page.locator("#slug-hint")).to_contain_text("/automations/invoice_reader/")
    page.get_by_role("button", name="Save and score it").click()
    page.wait_for_url("**/automations/invoice_reader/scorecard/new/")
    page.wait_for_selector("html[data-keys=ready]")
    for label, presses in (
        ("Revenue impact", ["ArrowRight"] * 2), ("Time to implement", ["ArrowLeft"] * 2),
        ("Risk", ["Home", "ArrowRight"]), ("Scalability", ["End", "ArrowLeft"]),
        ("Reusability", ["End", "ArrowLeft"]),
    ):  # fmt: skip
        page.get_by_role("slider", name=label).focus()
        for key in presses:
            page.keyboard.press(key)
    expect(page.locator("#outcome .verdict-score strong")).to_have_text("6.0")
    expect(page.locator("#outcome .verdict .pill")).to_have_text("Prototype this week")
    expect(page.locator("#outcome")).to_contain_text("The two formulas disagree.")
    expect(page.locator("#outcome-said")).to_have_text("6.0 of 10: Prototype this week")
    expect(page.locator("output[for=id_risk]")).to_have_text("2")
    page.get_by_role("group", name="Do you have all the pieces?").get_by_label("Yes").check()
    expect(page.locator("#outcome")).to_contain_text("14 assumptions to test")
    page.get_by_role("button", name="Save the scorecard").click()
    page.wait_for_url("**/scorecards/*/")
    page.get_by_role("button", name="Decide to prototype it").click()
    expect(page.get_by_role("link", name="To the prototype")).to_be_visible()
    assert Scorecard.objects.get().answers["all_pieces"]["answer"] == "yes"
    assert Decision.objects.get().verdict == "prototype"
    assert Automation.objects.get().stage == "idea"


def test_typing_a_note_asks_the_server_nothing(open_page: Open) -> None:
    page = open_page(reverse("scorecard_new", args=[make_automation().slug]))
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url))
    page.get_by_label("Note: Do you have all the pieces?").fill("All of them.")
    page.wait_for_timeout(600)  # longer than the sliders wait
    assert calls == []


def test_the_score_stays_in_sight_on_a_phone(open_page: Open) -> None:
    page = open_page(reverse("scorecard_new", args=[make_automation().slug]), wide=False)
    for place in ("Revenue impact", "Risk", "Scalability"):
        page.get_by_role("slider", name=place).scroll_into_view_if_needed()
        box = page.locator("#outcome .verdict").bounding_box()
        assert box
        assert 0 < box["y"] + box["height"] <= 845


@pytest.mark.parametrize("look", LOOKS)
def test_pages_of_scorecards_can_be_used_by_everybody(
    open_page: Open, accessible: Check, look: dict[str, bool]
) -> None:
    automation = make_automation()
    page = open_page(reverse("scorecards"), **look)
    accessible(page)
    for address in pages_of_scorecards(automation):
        visit(page, address)
        accessible(page)
        page.evaluate("document.querySelectorAll('main details').forEach(d => { d.open = true })")
        accessible(page)


@pytest.mark.parametrize("look", LOOKS)
def test_a_refused_scorecard_can_be_used_by_everybody(
    open_page: Open, accessible: Check, look: dict[str, bool]
) -> None:
    automation = make_automation()
    make_scorecard(automation, risk=9)
    page = open_page(reverse("scorecard_new", args=[automation.slug]), **look)
    page.get_by_role("slider", name="Risk").fill("2")
    page.get_by_role("button", name="Save the scorecard").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing is saved yet")
    why = page.get_by_label("Why this value for risk?")
    expect(why).to_have_attribute("aria-invalid", "true")
    accessible(page)

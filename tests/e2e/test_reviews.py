"""Judging outputs and ending a prototype in a real browser."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from lifecycle.models import Prototype
from monitoring.models import Review
from tests.e2e.conftest import Check, Open
from tests.lifecycle.makers import make_prototype
from tests.makers import make_live, make_run

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_output_after_the_other_is_judged_and_a_slip_is_undone(
    open_page: Open, accessible: Check
) -> None:
    live = make_live()
    older, newer = (
        make_run(live, status="success", output_data={"text": f"Post {n}"}) for n in (1, 2)
    )
    page = open_page(reverse("reviews"))
    page.get_by_role("link", name="Start with the newest").click()
    expect(page.get_by_role("region", name="Output")).to_contain_text("Post 2")
    page.get_by_text("Reject", exact=True).click()
    page.get_by_label("Reason").select_option("style")
    accessible(page)
    page.get_by_role("button", name="Reject with this reason").click()
    expect(page.get_by_role("region", name="Output")).to_contain_text("Post 1")
    expect(page.get_by_role("status").first).to_contain_text(f"{newer}: rejected. 1 left.")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("region", name="Output")).to_contain_text("Post 2")
    page.get_by_text("Approve after edit").click()
    page.get_by_label("The text as it should have been").fill("Post two")
    page.get_by_role("button", name="Approve with these edits").click()
    expect(page.get_by_role("region", name="Output")).to_contain_text("Post 1")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("heading", name="Nothing of it waits for you")).to_be_visible()
    kept = Review.objects.order_by("run_id").values_list("run_id", "verdict", "edited_output")
    assert list(kept) == [
        (older.pk, "approved", ""),
        (newer.pk, "approved_after_edit", "Post two"),
    ]


def test_a_prototype_is_extended_and_ended(open_page: Open, accessible: Check) -> None:
    automation = make_live().automation
    make_prototype(automation)
    page = open_page(reverse("prototype", args=[automation.slug]))
    page.get_by_text("More time").click()
    page.get_by_label("Reason").first.fill("The API was down.")
    page.get_by_role("button", name="Extend").click()
    expect(page.get_by_text("extended once")).to_be_visible()
    page.get_by_role("radio", name="Go").check()
    page.get_by_role("button", name="Give the verdict").click()
    expect(page.get_by_text("Write the reason.")).to_be_visible()
    accessible(page)
    page.get_by_label("Reason").last.fill("The customer pays.")
    page.get_by_role("button", name="Give the verdict").click()
    expect(page.locator("h1 .pill")).to_have_text("Go")
    assert Prototype.objects.get().reason == "The customer pays."

"""The portfolio in a real browser: choosing automations to compare, filters, a template."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from automations.models import Automation
from tests.e2e.conftest import Open
from tests.lifecycle.portfolios import make_whole


@pytest.mark.django_db(transaction=True)
def test_two_automations_are_chosen_and_compared(open_page: Open) -> None:
    for slug in ("alpha", "beta", "gamma"):
        make_whole(slug)
    page = open_page(reverse("portfolio"))
    page.get_by_label("Compare Alpha").check()
    page.get_by_label("Compare Gamma").check()
    page.get_by_role("button", name="Compare chosen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Compare")
    expect(page.get_by_role("columnheader")).to_have_count(3)


@pytest.mark.django_db(transaction=True)
def test_a_filter_is_chosen_and_cleared(open_page: Open) -> None:
    make_whole("alpha")
    make_whole("beta", stage="production")
    page = open_page(reverse("portfolio"))
    filters = page.get_by_role("navigation", name="Filters")
    filters.get_by_text("Stage", exact=True).first.click()
    filters.get_by_role("link", name="Production").click()
    expect(page.get_by_role("rowheader")).to_have_count(1)
    filters.get_by_role("link", name="Clear").click()
    expect(page.get_by_role("rowheader")).to_have_count(2)


@pytest.mark.django_db(transaction=True)
def test_an_empty_installation_starts_from_a_template(open_page: Open) -> None:
    page = open_page(reverse("portfolio"))
    page.get_by_role("link", name="Support ticket classifier").click()
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("My support ticket classifier")
    assert Automation.objects.get().stage == "idea"

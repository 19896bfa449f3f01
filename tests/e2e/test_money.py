"""Recording profit and deciding on the portfolio in a real browser."""

from __future__ import annotations

from datetime import date

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from lifecycle.models import PortfolioDecision, ProfitPeriod
from tests.e2e.conftest import Open
from tests.lifecycle.makers import make_portfolio_review
from tests.makers import make_automation

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_form_asks_only_for_what_the_kind_needs(open_page: Open) -> None:
    automation = make_automation()
    page = open_page(reverse("profit_new", args=[automation.slug]))
    expect(page.get_by_label("Time saved: hours")).to_be_visible()
    expect(page.get_by_label("Revenue: amount, $")).to_be_hidden()
    page.get_by_label("What it brought").select_option("revenue")
    expect(page.get_by_label("Time saved: hours")).to_be_hidden()
    page.get_by_label("Revenue: amount, $").fill("2400")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Profit of Writer")
    expect(page.get_by_role("region", name="Periods")).to_contain_text("$2,400")
    assert ProfitPeriod.objects.get().gross_usd == 2400


def test_nothing_is_chosen_until_a_person_chooses(open_page: Open) -> None:
    row = make_portfolio_review(make_automation(), month=date(2026, 9, 1))
    page = open_page(row.review.get_absolute_url())
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    page.get_by_role("radio", name="Kill").check()
    page.get_by_role("button", name="Decide on Writer").click()
    expect(page.locator("main")).to_contain_text("The suggestion is to keep; say why not.")
    expect(page.get_by_role("radio", name="Kill")).to_be_checked()
    page.get_by_label("Reason").fill("Nobody reads it.")
    page.get_by_role("button", name="Decide on Writer").click()
    expect(page.get_by_role("link", name="Retire it on its Promotions page")).to_be_visible()
    assert PortfolioDecision.objects.get().decision == "kill"

"""Checks in a real browser: what would fail is seen before it is saved; the trace can be used."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.automations.test_backtests import make_success
from tests.e2e.conftest import Check, Open
from tests.e2e.test_shell import LOOKS
from tests.makers import make_live, make_version


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("look", LOOKS)
def test_a_check_is_tried_then_saved_anyway(
    open_page: Open, accessible: Check, look: dict[str, bool]
) -> None:
    live = make_live()
    run = make_success(live, "It is longer than fifty characters, so the check lets it through.")
    draft = make_version(live.automation)
    page = open_page(reverse("version_checks", args=[draft.pk]), **look)
    page.get_by_role("link", name="Edit Length").last.click()
    page.get_by_label("At most").fill("55")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("failed 1 of the last 1 successful outputs")
    expect(page.get_by_role("link", name=f"Run {run.pk}")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Save anyway").click()
    expect(page.get_by_role("status")).to_contain_text("The check is saved.")
    expect(page.get_by_text("at least 50, at most 55")).to_be_visible()
    accessible(page)

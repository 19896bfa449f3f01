"""Live parts in a real browser: a connection's test says its result, a batch agrees with itself."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from automations.models import Batch, Destination, Run
from tests.automations.batching import end, loaded, numbered
from tests.e2e.conftest import Check, Open
from tests.e2e.test_shell import LOOKS
from tests.makers import make_destination, make_live


@pytest.mark.django_db(transaction=True)
def test_the_result_of_a_connection_test_appears_by_itself(open_page: Open) -> None:
    live = make_live()
    row = make_destination(live.automation)
    page = open_page(reverse("destination", args=[live.automation.slug, row.pk]))
    with page.expect_response("**/tested/"):
        page.get_by_role("button", name="Test the connection").click()
    # What a worker stores when it has looked.
    Destination.objects.filter(pk=row.pk).update(
        test_passed=True, test_message="It answered.", tested_at=timezone.now()
    )
    expect(page.get_by_text("It answered.")).to_be_visible()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("look", LOOKS)
def test_items_and_buttons_of_a_batch_follow_its_progress(
    open_page: Open, accessible: Check, look: dict[str, bool]
) -> None:
    batch = loaded(make_live(), numbered(3))
    page = open_page(reverse("batch", args=[batch.pk]), **look)
    page.locator("summary", has_text="Cancel").click()
    expect(page.get_by_role("button", name="Cancel the batch")).to_be_visible()
    accessible(page)
    with page.expect_response("**/progress/*"):
        pass
    expect(page.get_by_role("button", name="Cancel the batch")).to_be_visible()
    end(batch.runs, Run.Status.FAILED, error_category="timeout", error_message="Too slow.")
    expect(page.get_by_text("3 of 3 ended")).to_be_visible()
    expect(page.get_by_role("button", name="Retry row 1")).to_be_visible()
    expect(page.get_by_role("button", name="Retry all failed (3)")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    expect(page.locator("summary", has_text="Cancel")).to_have_count(0)
    accessible(page)


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_cancelled_after_a_question(open_page: Open, admin_user: User) -> None:
    batch = loaded(make_live(), numbered(3))
    page = open_page(reverse("batch", args=[batch.pk]))
    page.locator("summary", has_text="Cancel").click()
    page.get_by_role("button", name="Cancel the batch").click()
    expect(page.get_by_text("is being cancelled")).to_be_visible()
    assert Batch.objects.get().cancelled_at

"""What is kept of tests and refusals when things change, break off or come in floods."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations import services
from automations.engine import connection_tests
from automations.models import Destination, Firing, RefusedAddress
from automations.services.firings import REFUSALS_A_MINUTE, note_refused_call
from tests.automations.hooking import call, make_hook
from tests.makers import make_destination, make_live

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> Destination:
    return make_destination(make_live().automation, kind="store_only")


def changed(row: Destination) -> Destination:
    other = Destination.objects.get(pk=row.pk)
    other.kind, other.settings = "file", {"path": "out/{{ run_id }}.md"}
    services.save_connection(other, by=services.SYSTEM)
    return Destination.objects.get(pk=row.pk)


def test_a_change_of_settings_forgets_what_the_last_test_found(row: Destination) -> None:
    services.store_connection_test(row, passed=True, message="ok")
    assert (changed(row).test_passed, changed(row).tested_at) == (None, None)


def test_a_test_of_older_settings_is_not_kept(row: Destination) -> None:
    changed(row)
    assert not services.store_connection_test(row, passed=True, message="ok")
    row.refresh_from_db()
    assert row.test_passed is None


def test_our_own_bug_ends_a_test_with_a_sentence(row: Destination) -> None:
    connection_tests._keep(row, lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    row.refresh_from_db()
    assert (row.test_passed, row.test_message) == (False, connection_tests.BROKE)


def test_a_test_whose_worker_was_killed_is_given_up(row: Destination) -> None:
    services.ask_for_connection_test(row, by=services.SYSTEM)
    assert (row.is_being_tested, row.test_was_lost) == (True, False)
    row.tested_at = timezone.now() - timedelta(minutes=6)
    assert (row.is_being_tested, row.test_was_lost) == (False, True)


def test_refusals_in_turn_do_not_fill_the_history() -> None:
    trigger = make_hook().trigger
    for number in range(50):
        note_refused_call(trigger, "ab"[number % 2])
    assert Firing.objects.count() == 2
    for number in range(50):
        note_refused_call(trigger, f"reason {number}")
    assert Firing.objects.count() == REFUSALS_A_MINUTE


def test_bad_signatures_are_slowed_down_and_good_ones_are_not() -> None:
    hook = make_hook(signed=True)
    codes = [call(hook, {"content": "x"}).status_code for _ in range(25)]
    assert codes == [401] * RefusedAddress.AT_ONCE + [429] * 5


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_time_all_count() -> None:
    now = timezone.now()

    def guess(_number: int) -> int:
        try:
            return RefusedAddress.charge("203.0.113.5", now=now)
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        waits = list(pool.map(guess, range(60)))
    assert waits.count(0) == RefusedAddress.AT_ONCE


@pytest.mark.parametrize("page", ["batch_new", "drill", "playground"])
def test_pages_that_start_something_say_that_all_is_stopped(
    client: Client, operator: Any, page: str
) -> None:
    client.force_login(operator)
    automation = make_live().automation
    services.halt(by=services.SYSTEM, reason="a bad model")
    told = client.get(reverse(page, args=[automation.slug])).content.decode()
    assert "All automations are stopped (a bad model)" in told

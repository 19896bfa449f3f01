"""The card on an automation's page: how far it is, what is next, how it does; the guide."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation
from lifecycle import evaluating
from lifecycle.models import Checklist, Decision, Scorecard
from lifecycle.phases import BOXES
from tests.lifecycle.makers import make_decision
from tests.lifecycle.portfolios import make_checklist, make_whole
from tests.makers import make_automation

pytestmark = pytest.mark.django_db


def words(client: Client, user: Any, address: str) -> str:
    client.force_login(user)
    return " ".join(client.get(address).content.decode().split())


def test_the_card_says_how_far_it_is_and_how_it_does(client: Client, viewer: Any) -> None:
    automation = make_whole("writer")
    page = words(client, viewer, automation.get_absolute_url())
    for part in (
        "Phase 2 of 7: Rapid prototyping", "5 of 29 boxes", "Performance measured",
        "stuck 20 days", "6.0</strong>", "8.4", "1 of 2", "1 of 1", "$100",
        "Last 2 runs: 1 success, 1 failed",
    ):  # fmt: skip
        assert part in page, part


def test_the_card_reads_what_is_stored_and_looks_only_the_first_time(
    client: Client, viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    automation = make_whole("writer")
    Checklist.objects.update(due_at=timezone.now() - timedelta(hours=1))
    client.force_login(viewer)
    with monkeypatch.context() as patched, CaptureQueriesContext(connection) as captured:
        patched.setattr(evaluating, "evaluate", None)
        client.get(automation.get_absolute_url())
    assert len(captured) <= 30
    words(client, viewer, make_automation("new").get_absolute_url())
    assert Checklist.objects.get(automation__slug="new").evaluated_at is not None


def test_one_thing_is_next(client: Client, viewer: Any) -> None:
    page = words(client, viewer, make_whole("writer").get_absolute_url())
    assert page.count("btn-primary") == 1


def test_the_tabs_lead_to_the_other_pages(client: Client, viewer: Any) -> None:
    automation = make_automation()
    page = words(client, viewer, automation.get_absolute_url())
    for name in ("checklist", "automation_scorecards", "promotions", "profit"):
        assert reverse(name, args=["writer"]) in page
    assert 'aria-current="page">Overview' in page


def test_the_stage_is_moved_on_its_own_page(client: Client, viewer: Any, editor: Any) -> None:
    automation = make_automation()
    address = automation.get_absolute_url()
    assert "Promote or move" in words(client, editor, address)
    assert "Promote or move" not in words(client, viewer, address)
    assert "<select" not in words(client, editor, address)


def test_nothing_known_is_said_not_invented(client: Client, viewer: Any) -> None:
    page = words(client, viewer, make_automation().get_absolute_url())
    for part in ("nothing reviewed", "nothing recorded", "no runs"):
        assert part in page, part


def test_all_phases_done_has_no_blocker(client: Client, viewer: Any) -> None:
    automation = make_automation()
    make_checklist(automation, met=29)
    page = words(client, viewer, automation.get_absolute_url())
    assert "All seven phases may be left" in page
    assert "in the way" not in page


def test_a_retired_automation_has_no_next_step(client: Client, viewer: Any) -> None:
    automation = make_whole("writer", stage="retired")
    assert "btn-primary" not in words(client, viewer, automation.get_absolute_url())


def test_a_name_is_never_markup(client: Client, viewer: Any) -> None:
    automation = make_whole("writer", name="<b>x</b>")
    assert "<b>x</b>" not in words(client, viewer, automation.get_absolute_url())
    assert Automation.objects.get().name == "<b>x</b>"


def test_the_guide_names_every_box_and_command(client: Client, viewer: Any) -> None:
    page = words(client, viewer, reverse("guide"))
    for box in BOXES.values():
        assert box.title in page
    assert "show_checklist" in page


def test_a_decision_against_the_score_is_what_is_shown(client: Client, viewer: Any) -> None:
    automation = make_whole("writer")
    card = Scorecard.objects.get()
    make_decision(card, verdict="build" if card.verdict == "skip" else "skip")
    for address in ("/", automation.get_absolute_url()):
        shown = words(client, viewer, address)
        assert f"score says {card.verdict}" in shown
    Decision.objects.update(verdict=card.verdict)
    assert "score says" not in words(client, viewer, "/")

"""What needs a person: only what concerns them and what they may do, with a link that does it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation, Run
from lifecycle.models import Promotion, Team
from lifecycle.needs import Need
from tests.lifecycle.makers import make_promotion, make_prototype, make_review
from tests.lifecycle.portfolios import make_checklist
from tests.makers import make_automation, make_live, make_run

pytestmark = pytest.mark.django_db


def needs(client: Client, user: Any) -> list[Need]:
    client.force_login(user)
    context = client.get("/").context
    return [*context["needs"], *context["more_needs"]]


def test_nothing_is_said_too(client: Client, viewer: Any) -> None:
    make_automation(stage="idea")
    assert needs(client, viewer) == []
    assert "Nothing needs you now" in client.get("/").content.decode()


def test_an_output_waits_for_who_may_approve_it(client: Client, viewer: Any, approver: Any) -> None:
    run = make_run(status="awaiting_approval")
    assert needs(client, viewer) == []
    need = next(need for need in needs(client, approver) if need.shape == "eye")
    assert need.url == run.get_absolute_url()
    assert need.since == run.queued_at


def test_several_outputs_are_one_line_with_the_oldest(client: Client, approver: Any) -> None:
    live = make_live()
    first, _ = (make_run(live, status="awaiting_approval") for _ in range(2))
    need = next(need for need in needs(client, approver) if need.shape == "eye")
    assert need.what == "Writer: 2 outputs"
    assert need.url == f"{reverse('runs')}?status=awaiting_approval&automation=writer"
    assert need.since == first.queued_at
    assert client.get(need.url).status_code == 200


def test_many_outputs_are_not_all_counted(client: Client, approver: Any) -> None:
    live = make_live()
    run = make_run(live, status="awaiting_approval")
    fields = {"automation_id": "writer", "version": live, "status": "awaiting_approval"}
    now = timezone.now()
    Run.objects.bulk_create(
        Run(**fields, queued_at=now, available_at=now, provider_id=run.provider_id)
        for _ in range(230)
    )
    need = next(need for need in needs(client, approver) if need.shape == "eye")
    assert need.what == "Writer: at least 201 outputs"


def test_a_promotion_waits_for_another_approver(client: Client, viewer: Any, approver: Any) -> None:
    Team.objects.update_or_create(pk=1, defaults={"second_person": True})
    promotion = make_promotion(
        make_live().automation, "stage", state=Promotion.State.WAITING, to_stage="production",
        asked_by=viewer, decided_at=None,
    )  # fmt: skip
    assert [need for need in needs(client, viewer) if need.shape == "rocket"] == []
    need = next(need for need in needs(client, approver) if need.shape == "rocket")
    assert need.what == "Writer: to production"
    assert need.url == reverse("promotion", args=[promotion.pk])
    Promotion.objects.update(asked_by=approver)
    assert [need for need in needs(client, approver) if need.shape == "rocket"] == []


def test_an_overdue_prototype_is_its_owners(client: Client, viewer: Any, editor: Any) -> None:
    automation = make_automation(owner=editor)
    make_prototype(automation, started_at=timezone.now() - timedelta(days=4))
    assert needs(client, viewer) == []
    need = next(need for need in needs(client, editor) if need.shape == "clock")
    assert need.url == reverse("prototype", args=["writer"])


def test_late_boxes_are_their_owners(client: Client, viewer: Any, editor: Any) -> None:
    automation = make_automation(owner=editor)
    make_checklist(automation, met=6, days=40)
    assert needs(client, viewer) == []
    need = next(need for need in needs(client, editor) if need.shape == "warn")
    assert "Failure modes identified" in need.what
    assert need.url.startswith(reverse("checklist", args=["writer"]))


def test_boxes_that_are_owed_but_not_late_wait(client: Client, editor: Any) -> None:
    make_checklist(make_automation(owner=editor), met=6, days=3)
    assert [need for need in needs(client, editor) if need.shape == "warn"] == []


def test_the_portfolio_review_is_for_who_may_open_it(
    client: Client, viewer: Any, approver: Any
) -> None:
    automation = make_live(make_automation(stage="production")).automation
    type(automation).objects.update(created_at=timezone.now() - timedelta(days=70))
    assert needs(client, viewer) == []
    need = next(need for need in needs(client, approver) if need.shape == "portfolio")
    assert need.url == reverse("portfolio_review")


def test_outputs_to_review_are_one_line_for_who_may_review(
    client: Client, viewer: Any, operator: Any
) -> None:
    live = make_live()
    text = {"status": "success", "output_data": {"text": "Fine."}}
    for values in ({}, {}, {"is_sample": True}, {"origin": "playground", "is_simulated": True}):
        make_run(live, **text, **values)
    assert needs(client, viewer) == []
    (need,) = needs(client, operator)
    assert (need.what, need.url) == ("2 outputs to review", reverse("reviews"))
    make_review(Run.objects.order_by("pk")[0], reviewer=operator)
    (need,) = needs(client, operator)
    assert need.what == "1 output to review"


def test_more_outputs_than_a_list_offers_are_not_counted(client: Client, operator: Any) -> None:
    live = make_live()
    run = make_run(live, status="success", output_data={"text": "Fine."})
    fields = {"automation_id": "writer", "version": live, "status": "success"}
    more = {"output_data": {"text": "Fine."}, "provider_id": run.provider_id}
    now = timezone.now()
    Run.objects.bulk_create(
        Run(**fields, **more, queued_at=now, available_at=now, completed_at=now) for _ in range(120)
    )
    (need,) = needs(client, operator)
    assert need.what == "At least 100 outputs to review"


def test_open_must_boxes_in_production_are_their_owners(
    client: Client, viewer: Any, editor: Any
) -> None:
    automation = make_automation(stage="production", owner=viewer)
    make_checklist(automation, met=12)
    assert needs(client, editor) == []
    (need,) = needs(client, viewer)
    assert need.what == "Writer: “Environment variables configured” and 1 more"
    assert need.url == f"{reverse('checklist', args=['writer'])}#box-13"
    Automation.objects.update(stage="prototype")
    assert needs(client, viewer) == []

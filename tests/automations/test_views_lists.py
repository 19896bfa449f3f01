"""Lists: their filters, their pages by key, and queries that do not grow with the rows."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from automations.models import AuditEvent, Batch, Run, Worker
from lifecycle.demo.portfolio import PORTFOLIO
from tests.makers import (
    make_automation,
    make_delivery,
    make_destination,
    make_live,
    make_run,
)

pytestmark = pytest.mark.django_db


def rows(answer: Any) -> list[int]:
    return [run.pk for run in answer.context["page"].rows]


@pytest.fixture
def viewing(client: Client, viewer: Any) -> Client:
    client.force_login(viewer)
    return client


def test_runs_are_listed_newest_first_by_page(viewing: Client) -> None:
    live = make_live()
    made = [make_run(live).pk for _ in range(120)]
    first = viewing.get(reverse("runs"))
    assert rows(first) == made[:-51:-1]
    assert first.context["page"].newer == ""
    second = viewing.get(reverse("runs") + first.context["page"].older)
    third = viewing.get(reverse("runs") + second.context["page"].older)
    assert rows(first) + rows(second) + rows(third) == made[::-1]
    assert third.context["page"].older == ""
    back = viewing.get(reverse("runs") + third.context["page"].newer)
    assert rows(back) == rows(second)
    again = viewing.get(reverse("runs") + back.context["page"].newer)
    assert rows(again) == rows(first)
    assert again.context["page"].newer == ""


def test_pages_keep_the_filters(viewing: Client) -> None:
    live = make_live()
    for _ in range(55):
        make_run(live, status="failed")
    answer = viewing.get(reverse("runs"), {"status": "failed", "automation": "writer"})
    assert "status=failed" in answer.context["page"].older
    assert "automation=writer" in answer.context["page"].older


@pytest.mark.parametrize(
    "query",
    [
        {"before": "x"},
        {"after": "-1"},
        {"before": "9" * 40},
        {"status": "<b>"},
        {"automation": "'"},
    ],
)
def test_nonsense_in_the_address_is_ignored(viewing: Client, query: dict[str, str]) -> None:
    run = make_run()
    answer = viewing.get(reverse("runs"), query)
    assert rows(answer) == [run.pk]


def test_runs_are_filtered_by_status_and_automation(viewing: Client) -> None:
    failed = make_run(status="failed")
    make_run(failed.version)
    assert rows(viewing.get(reverse("runs"), {"status": "failed"})) == [failed.pk]
    answer = viewing.get(reverse("runs"), {"status": "cancelled"})
    assert "Nothing matches" in answer.content.decode()


def test_an_empty_list_says_what_a_run_is(viewing: Client) -> None:
    assert "A run is one execution" in viewing.get(reverse("runs")).content.decode()


# --- the first page ------------------------------------------------------------------------


def test_an_empty_installation_shows_three_ways_in(client: Client, editor: Any) -> None:
    client.force_login(editor)
    page = client.get("/").content.decode()
    for words in ("Load the example", "Describe an idea", "Start from a template"):
        assert words in page
    answer = client.post(reverse("load_example"), follow=True)
    page = answer.content.decode()
    assert all(demo.name in page for demo in PORTFOLIO)


def test_who_may_not_add_is_not_offered_to(viewing: Client) -> None:
    page = viewing.get("/").content.decode()
    assert reverse("load_example") not in page
    assert "An editor can do this." in page


def test_the_portfolio_shows_stage_and_last_runs(viewing: Client) -> None:
    live = make_live()
    make_run(live, status="success")
    make_run(live, status="failed")
    page = viewing.get("/").content.decode()
    assert f"{reverse('runs')}?automation=writer" in page
    for words in ("Writer", "Prototype", "1 success, 1 failed"):
        assert words in page


def test_what_waits_for_a_person_comes_first(client: Client, approver: Any) -> None:
    client.force_login(approver)
    run = make_run(status="awaiting_approval")
    page = client.get("/").content.decode()
    assert page.index("Needs you") < page.index('aria-label="Automations"')
    assert reverse("run", args=[run.pk]) in page


def test_an_account_without_a_role_is_told_so(client: Client, stranger: Any) -> None:
    make_live()
    client.force_login(stranger)
    page = client.get("/").content.decode()
    assert "has no role yet" in page
    assert "Writer" not in page


# --- batches -------------------------------------------------------------------------------


def test_a_batch_counts_its_runs_and_stops_asking_when_all_ended(viewing: Client) -> None:
    live = make_live()
    batch = Batch.objects.create(automation=live.automation, name="Rows", total=3)
    made = [make_run(live, batch=batch, status=s) for s in ("success", "failed", "queued")]
    answer = viewing.get(reverse("batch_progress", args=[batch.pk]))
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "2 of 3 ended" in page
    assert 'hx-trigger="every 2s"' in page
    Run.objects.filter(pk=made[2].pk).update(status="success", completed_at=made[0].completed_at)
    answer = viewing.get(reverse("batch_progress", args=[batch.pk]))
    assert answer.status_code == 286
    assert "hx-trigger" not in answer.content.decode()


def test_cancelling_a_batch_cancels_what_waits(client: Client, operator: Any) -> None:
    live = make_live()
    batch = Batch.objects.create(automation=live.automation, name="Rows", total=2)
    for status in ("success", "queued"):
        make_run(live, batch=batch, status=status)
    client.force_login(operator)
    client.post(reverse("batch_cancel", args=[batch.pk]))
    assert batch.counts() == {"success": 1, "cancelled": 1}


# --- queries -------------------------------------------------------------------------------


def grow(number: int) -> None:
    """Add automations with versions, runs, deliveries, batches, workers and audit rows."""
    for at in range(number):
        slug = f"a{Run.objects.count()}x{at}"
        live = make_live(make_automation(slug))
        batch = Batch.objects.create(automation=live.automation, name=slug, total=1)
        run = make_run(live, status="awaiting_approval", batch=batch)
        make_delivery(run, make_destination(live.automation))
        Worker.objects.create(name=slug, started_at=run.queued_at, seen_at=run.queued_at)
        AuditEvent.objects.create(by_name="x", action="y", object_type="run", object_id=str(at))


LISTS = [
    "/",
    "/runs/",
    *(
        f"/admin/automations/{model}/"
        for model in ("run", "version", "automation", "batch", "delivery", "auditevent", "worker")
    ),
]


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


@pytest.mark.parametrize("address", LISTS)
def test_queries_do_not_grow_with_the_rows(client: Client, superuser: Any, address: str) -> None:
    client.force_login(superuser)
    grow(2)
    client.get(address)
    few = queries(client, address)
    grow(9)
    assert queries(client, address) == few
    assert few <= (20 if address == "/" else 15)


def test_an_automations_page_costs_the_same_with_many_rows(client: Client, superuser: Any) -> None:
    live = make_live()
    client.force_login(superuser)
    address = live.automation.get_absolute_url()

    def add(number: int) -> None:
        for _ in range(number):
            make_run(live)
            make_destination(live.automation)
            make_live(live.automation)

    add(2)
    client.get(address)
    few = queries(client, address)
    add(8)
    assert queries(client, address) == few
    assert few <= 21


def test_no_page_counts_all_runs(client: Client, superuser: Any) -> None:
    grow(2)
    client.force_login(superuser)
    for address in ("/", "/runs/", "/admin/automations/run/"):
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        assert [q["sql"] for q in captured if "COUNT(*)" in q["sql"] and "_runs" in q["sql"]] == []


def test_lists_leave_the_big_columns_alone(client: Client, superuser: Any) -> None:
    grow(1)
    client.force_login(superuser)
    for address in LISTS:
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        for query in captured:
            assert '"automation_runs"."input_data"' not in query["sql"], address
            assert '"automation_runs"."trace"' not in query["sql"], address


def test_simulated_runs_are_shown_when_asked_for(viewing: Client) -> None:
    live = make_live()
    real = make_run(live, origin="api").pk
    drill = make_run(live, origin="drill", is_simulated=True).pk
    assert rows(viewing.get(reverse("runs"))) == [real]
    assert rows(viewing.get(reverse("runs"), {"origin": "api"})) == [real]
    assert rows(viewing.get(reverse("runs"), {"origin": "drill"})) == [drill]
    answer = viewing.get(reverse("runs"), {"origin": "every", "status": "queued"})
    assert rows(answer) == [drill, real]
    assert "?status=queued&amp;origin=every" in answer.content.decode().replace(
        "?origin=every&amp;status=queued", "?status=queued&amp;origin=every"
    )

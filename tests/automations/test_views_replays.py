"""Run again: from ticks or a filter to a preview, and from the preview to one batch."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation, Batch, Run, Version
from tests.makers import make_live, make_provider, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def live() -> Version:
    return make_live(rules=[], provider=make_provider(kind="endpoint", base_url="http://x.test/v1"))


@pytest.fixture
def operating(client: Client, operator: Any) -> Client:
    client.force_login(operator)
    return client


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().replace("&#x27;", "'").split())


def preview(client: Client, **query: Any) -> str:
    return text_of(client.get(reverse("replay"), query))


def test_the_list_of_runs_offers_ticks_to_those_who_may_start(
    client: Client, operator: Any, viewer: Any, live: Version
) -> None:
    run = make_run(live, status="failed")
    client.force_login(operator)
    page = text_of(client.get(reverse("runs"), {"status": "failed"}))
    assert f'aria-label="Select run {run.pk}"' in page
    assert "?all=1&amp;status=failed" in page
    client.force_login(viewer)
    assert "Select run" not in text_of(client.get(reverse("runs")))


def test_nothing_selected_is_not_everything(operating: Client, live: Version) -> None:
    make_run(live, status="failed")
    assert "No run is selected" in preview(operating)
    answer = operating.post(reverse("replay"), {"key": str(uuid.uuid4())}, follow=True)
    assert "No run is selected" in text_of(answer)
    assert not Batch.objects.exists()


def test_a_preview_counts_prices_and_says_what_is_left_out(
    operating: Client, live: Version
) -> None:
    make_run(live, status="success", calls=1, cost_usd=Decimal("0.5"), execution_time_ms=100)
    runs = [make_run(live, status="failed") for _ in range(3)]
    empty = make_run(live, status="failed", input_data={})
    page = preview(operating, run=[run.pk for run in (*runs, empty)])
    for words in ("3 runs", "v1 (3)", "$1.50", "1 has no input to run again", "the live version"):
        assert words in page
    assert "The embedded model" not in page
    assert not Batch.objects.exists()


def test_from_delivery_asks_no_model(operating: Client, live: Version) -> None:
    make_run(live, status="failed", output_data={"text": "x"})
    page = preview(operating, all="1", status="failed", start="delivery", to="every")
    assert "no active destination" in page


def test_the_same_form_sent_twice_makes_one_batch(operating: Client, live: Version) -> None:
    runs = [make_run(live, status="failed") for _ in range(3)]
    data = {"run": [run.pk for run in runs], "key": str(uuid.uuid4()), "canary": "on"}
    first = operating.post(reverse("replay"), data)
    second = operating.post(reverse("replay"), data)
    batch = Batch.objects.get()
    assert (
        first.headers["Location"] == second.headers["Location"] == reverse("batch", args=[batch.pk])
    )
    assert (batch.kind, batch.canary_stage, batch.options["rows"]) == ("replay", 1, 3)


def test_all_that_match_are_those_that_matched_when_it_was_shown(
    operating: Client, live: Version
) -> None:
    first = make_run(live, status="failed")
    answer = operating.get(reverse("replay"), {"all": "1", "status": "failed"})
    assert answer.context["selection"].upto == first.pk
    make_run(live, status="failed")
    data = {"all": "1", "status": "failed", "upto": first.pk, "key": str(uuid.uuid4())}
    operating.post(reverse("replay"), data)
    assert Batch.objects.get().options["rows"] == 1


def test_in_production_a_tick_is_asked_for(operating: Client, live: Version) -> None:
    Automation.objects.update(stage="production")
    run = make_run(live, status="failed")
    assert "Yes, run it in production" in preview(operating, run=run.pk)
    data = {"run": run.pk, "key": str(uuid.uuid4()), "needs_confirm": "1"}
    assert "Tick the box" in text_of(operating.post(reverse("replay"), data))
    operating.post(reverse("replay"), {**data, "confirm": "yes"})
    assert Batch.objects.count() == 1


@pytest.mark.parametrize(
    "query",
    [{"run": "x"}, {"run": "9" * 30}, {"all": "1", "upto": "-1"}, {"all": "1", "status": "<b>"},
     {"all": "1", "automation": "'"}, {"all": "1", "start": "x", "version": "y", "to": "z"}],
)  # fmt: skip
def test_nonsense_in_the_address_is_no_error(
    operating: Client, live: Version, query: dict[str, str]
) -> None:
    make_run(live, status="failed")
    assert operating.get(reverse("replay"), query).status_code == 200
    assert Run.objects.count() == 1


@pytest.mark.parametrize("wrong", [{"status": "bogus"}, {"origin": "bogus"}, {"upto": "bogus"}])
def test_a_wrong_filter_is_refused_and_does_not_mean_everything(
    operating: Client, live: Version, wrong: dict[str, str]
) -> None:
    make_run(live, status="failed")
    page = preview(operating, all="1", **wrong)
    assert "so no run was selected" in page
    assert "All runs" not in page
    operating.post(reverse("replay"), {"all": "1", "key": str(uuid.uuid4()), **wrong})
    assert not Batch.objects.exists()


def test_a_run_that_is_not_there_is_not_counted_as_selected(operating: Client) -> None:
    page = preview(operating, run="99999999")
    assert "Nothing is selected." in page
    assert "1 selected run" not in page


def test_all_of_one_origin_leaves_the_others(operating: Client, live: Version) -> None:
    make_run(live, status="failed", origin="webhook")
    make_run(live, status="failed", origin="api")
    data = {"all": "1", "origin": "api", "key": str(uuid.uuid4())}
    operating.post(reverse("replay"), data)
    assert Batch.objects.get().options["rows"] == 1


def test_a_paused_automation_still_has_its_live_version(operating: Client, live: Version) -> None:
    run = make_run(live, status="failed")
    Automation.objects.update(paused_at=timezone.now())
    page = preview(operating, run=run.pk)
    assert "v1, the live version" in page
    assert "no live version" not in page

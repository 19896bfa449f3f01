"""The pages of batches: upload and preview, live progress, items, buttons."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations import services
from automations.batch_progress import progress_of
from automations.models import Automation, Batch, Run, Version
from tests.automations.batching import SYSTEM, a_draft, end, loaded, numbered, started, upload
from tests.makers import make_live, make_provider, make_run

pytestmark = pytest.mark.django_db

FOUR_FIELDS = {
    "type": "object",
    "properties": {"subject": {"type": "string"}, "copies": {"type": "integer"}},
    "required": ["subject"],
}


@pytest.fixture
def live() -> Version:
    return make_live(rules=[], provider=make_provider(kind="endpoint", base_url="http://x.test/v1"))


@pytest.fixture
def operating(client: Client, operator: Any) -> Client:
    client.force_login(operator)
    return client


def text_of(answer: Any) -> str:
    text: str = answer.content.decode()
    return " ".join(text.replace("&#x27;", "'").split())


def said(client: Client, address: str, **data: Any) -> str:
    """Post and return the page that follows, messages and all."""
    return text_of(client.post(address, data, follow=True))


# --- upload and preview --------------------------------------------------------------------


def test_an_upload_shows_its_first_rows_and_starts_nothing(
    operating: Client, live: Version
) -> None:
    new = reverse("batch_new", args=[live.automation.slug])
    assert "Upload and look" in text_of(operating.get(new))
    page = said(operating, new, file=upload(numbered(30), "tickets.csv"))
    for words in ("tickets.csv", "30 rows", "CSV, UTF-8", "row 1", "row 5", "Start 30 runs"):
        assert words in page
    assert "row 6" not in page
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Choose a file first."),
        ({"file": upload("", "a.csv")}, "is empty"),
        ({"file": upload(b"PK\x03\x04", "a.csv")}, "save it as CSV"),
        ({"file": upload("x", "a.xlsx")}, "neither .csv nor .jsonl"),
        ({"file": upload("a,a\n1,2\n")}, "two columns called 'a'"),
        ({"from": "source"}, "holds nothing to run on"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_kept(
    operating: Client, live: Version, data: dict[str, Any], words: str
) -> None:
    for file in data.values():
        if isinstance(file, SimpleUploadedFile):
            file.seek(0)
    page = said(operating, reverse("batch_new", args=[live.automation.slug]), **data)
    assert words in page
    assert 'role="alert"' in page
    assert not Batch.objects.exists()


def test_a_file_that_is_too_large_is_cut_off_while_it_arrives(
    operating: Client, live: Version, settings: Any
) -> None:
    settings.MAX_BATCH_BYTES = 100_000
    file = upload(b"content\n" + b"x" * 200_000)
    page = said(operating, reverse("batch_new", args=[live.automation.slug]), file=file)
    assert "The file is larger than 97.7 KB" in page
    assert not Batch.objects.exists()


def test_columns_are_mapped_on_the_preview(operating: Client, live: Version) -> None:
    Automation.objects.update(input_schema=FOUR_FIELDS)
    live.automation.refresh_from_db()
    batch = a_draft(live, "topic,n\nHello,1\nBye,many\n")
    page = text_of(operating.get(reverse("batch", args=[batch.pk])))
    assert "Choose where Subject comes from." in page
    mapped = {"column_subject": "topic", "column_copies": "n", "constant_copies": ""}
    page = said(operating, reverse("batch_map", args=[batch.pk]), **mapped)
    assert "copies takes a value of type integer" in page
    assert "1 row cannot be used" in page
    page = said(operating, reverse("batch_map", args=[batch.pk]), **mapped, skips_bad="on")
    assert "Choose where" not in page
    page = said(operating, reverse("batch_start", args=[batch.pk]))
    assert "Started; a worker queues its rows." in page
    services.tend_batch(batch.pk)
    assert batch.counts() == {"queued": 1, "failed": 1}


def test_a_constant_of_the_wrong_type_is_said(operating: Client, live: Version) -> None:
    Automation.objects.update(input_schema=FOUR_FIELDS)
    live.automation.refresh_from_db()
    batch = a_draft(live, "subject\nHello\n")
    data = {"column_subject": "subject", "constant_copies": "many"}
    page = said(operating, reverse("batch_map", args=[batch.pk]), **data)
    assert "copies takes a value of type integer" in page


def test_cost_and_time_come_from_the_last_successes(operating: Client, live: Version) -> None:
    batch = a_draft(live, numbered(60))
    address = reverse("batch", args=[batch.pk])
    assert "not known yet: no successful run" in text_of(operating.get(address))
    for cost in ("0.01", "0.03"):
        make_run(live, status="success", calls=1, cost_usd=Decimal(cost), execution_time_ms=6000)
    make_run(live, status="success", calls=1, cost_usd=9, is_sample=True)
    page = text_of(operating.get(address))
    assert "$1.20" in page  # 60 x 0.02
    assert "the last 2 successful runs" in page
    assert "1 min 12 s" in page  # 60 x 6 s, five at once
    assert "50 runs a minute: 6.0 s each, 5 at once (the limit of Writer)" in page


def test_the_embedded_model_costs_nothing(operating: Client) -> None:
    batch = a_draft(make_live(), numbered(2))
    assert "The embedded model costs nothing." in text_of(
        operating.get(reverse("batch", args=[batch.pk]))
    )


def test_a_viewer_sees_a_draft_and_no_buttons(client: Client, viewer: Any, live: Version) -> None:
    batch = a_draft(live, numbered(2))
    client.force_login(viewer)
    page = text_of(client.get(reverse("batch", args=[batch.pk])))
    assert "Estimated cost" in page
    assert "Discard" not in page


def test_a_draft_is_discarded(operating: Client, live: Version) -> None:
    batch = a_draft(live, numbered(2))
    assert "was discarded" in said(operating, reverse("batch_discard", args=[batch.pk]))
    assert not Batch.objects.exists()


# --- progress ------------------------------------------------------------------------------


def test_progress_counts_what_is_not_queued_yet(live: Version) -> None:
    batch = started(live, numbered(40))
    found = progress_of(batch)
    assert (found.expected, found.ended, found.unsettled) == (40, 0, 40)
    assert (found.per_minute, found.left_s, found.cost_usd) == (None, None, None)


def test_rate_time_left_and_projection_are_measured(live: Version) -> None:
    batch = loaded(live, numbered(40))
    Batch.objects.update(options={})
    Batch.objects.update(created_at=timezone.now() - timedelta(minutes=30))
    batch.refresh_from_db()
    end(batch.runs.filter(batch_row__lte=10), cost_usd=Decimal("0.5"))
    old = timezone.now() - timedelta(minutes=20)
    batch.runs.filter(batch_row__lte=5).update(started_at=old, completed_at=old)
    found = progress_of(batch)
    assert found.per_minute == pytest.approx(1.0)  # five in the last five minutes
    assert found.left_s == pytest.approx(30 * 60)
    assert (found.cost_usd, found.projected_usd) == (Decimal(5), Decimal(20))


def test_a_paused_batch_promises_no_time(live: Version) -> None:
    batch = loaded(live, numbered(4))
    services.pause_batch(batch, by=SYSTEM)
    batch.refresh_from_db()
    assert progress_of(batch).left_s is None


def test_failures_are_grouped_with_their_runs(operating: Client, live: Version) -> None:
    batch = loaded(live, numbered(10))
    end(
        batch.runs.filter(batch_row__lte=3),
        "failed",
        error_category="timeout",
        error_code="deadline",
    )
    end(batch.runs.filter(batch_row=4), "failed", error_category="api_error", error_code="http_500")
    page = text_of(operating.get(reverse("batch", args=[batch.pk])))
    assert "Timeout: deadline" in page
    assert "Retry all failed (4)" in page
    answer = operating.get(
        reverse("batch", args=[batch.pk]), {"status": "failed", "code": "http_500"}
    )
    assert [run.batch_row for run in answer.context["page"].rows] == [4]


def test_the_live_part_asks_ever_more_seldom_and_stops(operating: Client, live: Version) -> None:
    batch = loaded(live, numbered(2))
    address = reverse("batch_progress", args=[batch.pk])
    for age, every in ((0, 2), (2, 5), (11, 15)):
        Batch.objects.update(created_at=timezone.now() - timedelta(minutes=age))
        answer = operating.get(address)
        assert answer.status_code == 200
        assert f"every {every}s" in text_of(answer)
    end(batch.runs)
    assert operating.get(address).status_code == 286


def test_queries_of_a_batch_do_not_grow_with_its_rows(
    operating: Client, live: Version, django_assert_max_num_queries: Any
) -> None:
    batch = loaded(live, numbered(120))
    operating.get(reverse("batch", args=[batch.pk]))
    with django_assert_max_num_queries(16):
        operating.get(reverse("batch", args=[batch.pk]))


@pytest.mark.parametrize(
    ("name", "words", "attribute"),
    [("batch_pause", "Paused: nothing new begins", "paused_at"),
     ("batch_cancel", "is being cancelled", "cancelled_at")],
)  # fmt: skip
def test_buttons_do_what_they_say(
    operating: Client, live: Version, name: str, words: str, attribute: str
) -> None:
    batch = loaded(live, numbered(2))
    assert words in said(operating, reverse(name, args=[batch.pk]))
    batch.refresh_from_db()
    assert getattr(batch, attribute) is not None


def test_a_stopped_canary_says_which_run_and_offers_both_ways(
    operating: Client, live: Version
) -> None:
    batch = loaded(live, numbered(3))
    run = batch.runs.get(batch_row=1)
    reason = f"Run {run.pk} was the first bad one (failed): It broke."
    Batch.objects.update(stopped_because=reason, canary_stage=1)
    page = text_of(operating.get(reverse("batch", args=[batch.pk])))
    for words in (reason, "Continue anyway", "Cancel the rest"):
        assert words in page
    assert "The rest goes on." in said(operating, reverse("batch_continue", args=[batch.pk]))


def test_a_canary_that_stopped_at_the_last_run_offers_nothing_to_go_on_with(
    operating: Client, live: Version
) -> None:
    batch = loaded(live, numbered(2))
    end(batch.runs, "failed")
    Batch.objects.update(stopped_because="Run 2 failed: too short", canary_stage=1)
    page = text_of(operating.get(reverse("batch", args=[batch.pk])))
    assert "Run 2 failed: too short." in page
    for words in ("The rest is held", "Continue anyway", "Cancel the rest"):
        assert words not in page


def test_the_live_part_brings_the_items_and_the_buttons_that_changed(
    operating: Client, live: Version
) -> None:
    batch = loaded(live, numbered(2))
    first = text_of(operating.get(reverse("batch", args=[batch.pk])))
    mark = first.partition("mark=")[2].partition('"')[0]
    address = reverse("batch_progress", args=[batch.pk])
    unchanged = text_of(operating.get(f"{address}?mark={mark}"))
    assert 'id="batch-items" hx-swap-oob' in unchanged
    assert 'id="batch-actions" hx-swap-oob' not in unchanged
    end(batch.runs, "success")
    ended = operating.get(f"{address}?mark={mark}")
    assert ended.status_code == 286
    assert 'id="batch-actions" hx-swap-oob' in text_of(ended)
    assert "Pause" not in text_of(ended)


def test_an_item_is_retried_from_its_row(operating: Client, live: Version) -> None:
    batch = loaded(live, numbered(2))
    end(batch.runs, "failed")
    run = batch.runs.get(batch_row=2)
    assert 'aria-label="Retry row 2"' in text_of(operating.get(reverse("batch", args=[batch.pk])))
    assert "runs again" in said(operating, reverse("run_retry", args=[run.pk]))
    assert batch.items.get(batch_row=2).rerun_of == run


# --- the list ------------------------------------------------------------------------------


def test_batches_are_listed_for_everybody_who_may_see_them(
    client: Client, viewer: Any, live: Version
) -> None:
    viewer.is_staff = False
    viewer.save()
    client.force_login(viewer)
    assert "No batches yet" in text_of(client.get(reverse("batches")))
    loaded(live, numbered(2))
    a_draft(live, numbered(3), "later.csv")
    other = make_live(Automation.objects.create(slug="other", name="Other"))
    services.submit_batch(other.automation, [{"content": "x"}], by=SYSTEM, name="others'")
    page = text_of(client.get(reverse("batches")))
    for words in ("later.csv", "Draft", "Queued or running", "Running", "others"):
        assert words in page or words == "Queued or running"
    answer = client.get(reverse("batches"), {"automation": "other"})
    assert [batch.name for batch in answer.context["page"].rows] == ["others'"]
    assert f'href="{reverse("batches")}"' in page  # in the sidebar


def test_queries_of_the_list_do_not_grow_with_batches(
    client: Client, viewer: Any, live: Version, django_assert_num_queries: Any
) -> None:
    client.force_login(viewer)
    loaded(live, numbered(2))
    client.get(reverse("batches"))
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        client.get(reverse("batches"))
    for _ in range(10):
        loaded(live, numbered(2))
    with django_assert_num_queries(len(few)):
        client.get(reverse("batches"))

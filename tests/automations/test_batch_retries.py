"""Failed items of a batch repeated: alone or all, once, and the row keeps one newest run."""

from __future__ import annotations

from typing import Any

import pytest

from automations import services
from automations.errors import WrongState
from automations.models import Run, Version
from automations.rows import Plan
from tests.automations.batching import SYSTEM, a_draft, end, loaded, numbered
from tests.makers import make_live

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def live() -> Version:
    return make_live(rules=[])


def test_a_failed_item_is_retried_alone_and_keeps_its_row(live: Version, operator: Any) -> None:
    batch = loaded(live, numbered(3))
    end(batch.runs.filter(batch_row__lte=2))
    end(batch.runs.filter(batch_row=3), "failed")
    failed = batch.runs.get(batch_row=3)
    newest = make_live(live.automation)
    again = services.retry_item(failed, by=operator)
    assert (again.batch_row, again.rerun_of, again.version) == (3, failed, newest)
    assert again.priority == Run.INTERACTIVE
    failed.refresh_from_db()
    assert (failed.batch, failed.batch_row) == (batch, None)
    assert batch.counts() == {"success": 2, "queued": 1}
    assert batch.total == 3


def test_of_two_people_who_retry_an_item_one_does(live: Version) -> None:
    batch = loaded(live, numbered(1))
    end(batch.runs, "failed")
    run = batch.runs.get()
    services.retry_item(run, by=SYSTEM)
    with pytest.raises(WrongState, match="cannot be retried"):
        services.retry_item(run, by=SYSTEM)
    assert batch.runs.count() == 2


@pytest.mark.parametrize("status", ["success", "queued", "running"])
def test_only_what_failed_is_retried(live: Version, status: str) -> None:
    batch = loaded(live, numbered(1))
    if status == "success":
        end(batch.runs)
    batch.runs.update(status=status)
    with pytest.raises(WrongState):
        services.retry_item(batch.runs.get(), by=SYSTEM)


def test_all_failed_items_are_retried_but_for_rows_that_could_not_be_read(live: Version) -> None:
    batch = a_draft(live, "content,n\n" + "a,1\n" * 25 + "bad\n")
    services.map_columns(batch, Plan({"content": "content"}), skips_bad=True, by=SYSTEM)
    services.start_batch(batch, by=SYSTEM)
    services.tend_batch(batch.pk)
    end(batch.runs.filter(status="queued"), "failed", error_code="deadline")
    services.retry_failed(batch, by=SYSTEM)
    services.tend_batch(batch.pk)
    batch.refresh_from_db()
    assert batch.counts() == {"queued": 25, "failed": 1}
    assert batch.items.count() == 26
    with pytest.raises(WrongState, match="could be retried"):
        services.retry_failed(batch, by=SYSTEM)

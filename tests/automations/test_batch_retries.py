"""Failed items of a batch repeated: alone or all, once, and the row keeps one newest run."""

from __future__ import annotations

from typing import Any

import pytest

from automations import services
from automations.errors import WrongState
from automations.models import Run, Version
from automations.rows import Plan
from tests.automations.batching import SYSTEM, a_draft, end, loaded, numbered
from tests.makers import make_delivery, make_destination, make_live

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


# --- what has arrived, and what may have ---------------------------------------------------


def stuck(live: Version, *states: str, **values: Any) -> Run:
    """Return the one item of a batch that failed at its delivery."""
    batch = loaded(live, numbered(1))
    end(batch.runs, "failed", step="deliver", output_data={"text": "done"}, **values)
    run = batch.runs.get()
    for state in states:
        place = make_destination(live.automation, kind="http", settings={})
        make_delivery(run, place, state=state)
    return run


def test_what_failed_at_its_delivery_is_delivered_only_where_it_is_missing(live: Version) -> None:
    run = stuck(live, "delivered", "failed")
    assert run.batch is not None
    services.retry_failed(run.batch, by=SYSTEM)
    again = run.batch.items.get()
    assert (again.step, again.output_data, again.rerun_of) == ("deliver", {"text": "done"}, run)
    assert list(again.deliveries.values_list("state", flat=True)) == ["delivered", "pending"]


def test_what_may_have_arrived_is_left_out_until_somebody_has_looked(live: Version) -> None:
    run = stuck(live, "unknown")
    assert run.batch is not None
    with pytest.raises(WrongState, match="of 1 the delivery has an unknown outcome"):
        services.retry_failed(run.batch, by=SYSTEM)
    with pytest.raises(WrongState, match="of unknown outcome"):
        services.retry_item(run, by=SYSTEM)
    assert services.unresolved_in(run.batch).get() == run
    run.deliveries.update(state="failed")
    assert services.retry_item(run, by=SYSTEM).step == "deliver"


@pytest.mark.parametrize(("state", "step"), [("delivered", "deliver"), ("failed", "model")])
def test_what_was_stopped_before_it_left_is_asked_for_again(
    live: Version, state: str, step: str
) -> None:
    run = stuck(live, state)
    Run.objects.filter(pk=run.pk).update(status="cancelled")
    assert services.retry_item(run, by=SYSTEM).step == step

"""How the newest runs went, and what a month cost: right, and without walking all runs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from automations.models import Run
from lifecycle import health
from lifecycle.health import Health, health_of, spent_since
from tests.makers import make_automation, make_live, make_run

pytestmark = pytest.mark.django_db


def statuses(found: Health) -> list[str]:
    return [status for _, status in found.runs]


def test_the_newest_finished_runs_count_oldest_first() -> None:
    live = make_live()
    for status in ("success", "failed", "cancelled", "queued", "running"):
        make_run(live, status=status)
    found = health_of(["writer"])["writer"]
    assert statuses(found) == ["success", "failed", "cancelled"]
    assert (found.successes, found.finished, found.percent) == (1, 2, 50)
    assert found.in_words == "Last 3 runs: 1 success, 1 failed, 1 cancelled"


def test_simulated_runs_are_left_out_and_samples_are_marked() -> None:
    live = make_live()
    make_run(live, status="failed", is_simulated=True)
    assert health_of(["writer"]) == {}
    make_run(live, status="success", is_sample=True)
    assert health_of(["writer"])["writer"].has_samples


def test_fifty_runs_count_and_fourteen_are_drawn() -> None:
    live = make_live()
    make_run(live, status="failed")
    for _ in range(50):
        make_run(live, status="success")
    found = health_of(["writer"])["writer"]
    assert (found.successes, found.finished) == (50, 50)
    assert len(found.strip) == 14
    assert {bar.tone for bar in found.strip} == {"ok"}


def test_each_automation_has_its_own_runs_and_a_name_that_begins_the_same_is_another() -> None:
    for slug, status in (("post", "success"), ("post_2", "failed"), ("pos", "failed")):
        make_run(make_live(make_automation(slug)), status=status)
    found = health_of(["post", "post_2"])
    assert {slug: statuses(one) for slug, one in found.items()} == {
        "post": ["success"],
        "post_2": ["failed"],
    }


def test_without_runs_nothing_is_said_and_nothing_divided() -> None:
    assert health_of([]) == {}
    empty = Health()
    assert (empty.share, empty.percent, empty.last) == (None, None, None)
    assert {bar.tone for bar in empty.strip} == {"none"}
    assert not empty.reaches_target


@pytest.mark.parametrize(("good", "bad", "reaches"), [(19, 1, False), (20, 1, True)])
def test_the_target_of_95_is_to_be_passed(good: int, bad: int, *, reaches: bool) -> None:
    runs = tuple(enumerate(["success"] * good + ["failed"] * bad))
    assert Health(runs).reaches_target is reaches


def test_a_strip_tells_states_apart_by_height() -> None:
    strip = Health(((1, "success"), (2, "failed"), (3, "cancelled"))).strip[-3:]
    assert len({bar.height for bar in strip}) == 3
    assert all(bar.y + bar.height == health.HEIGHT for bar in strip)


def test_health_walks_an_index_and_not_all_runs() -> None:
    # Enough rows of several names, and counted: on an empty table any index looks as good.
    made = [make_run(make_live(make_automation(f"writer-{n}")), status="success") for n in range(5)]
    Run.objects.bulk_create(_copy(run) for run in made for _ in range(400))
    with CaptureQueriesContext(connection) as captured:
        health_of(["writer-1"])
    assert len(captured) == 1
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE automation_runs")
            cursor.execute("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{explain} {captured[0]['sql']}")
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "idx_run_automation" in plan
    assert "SCAN automation_runs" not in plan


def _copy(run: Run) -> Run:
    values = {f.attname: getattr(run, f.attname) for f in Run._meta.concrete_fields}
    return Run(**{**values, "id": None})


# --- cost ------------------------------------------------------------------------------------


def test_the_months_cost_counts_tries_and_nothing_older() -> None:
    live = make_live()
    start = timezone.now() - timedelta(days=5)
    make_run(live, status="success", calls=1, cost_usd=Decimal("1.5"))
    make_run(live, status="success", calls=1, cost_usd=Decimal("0.5"), is_simulated=True)
    old = make_run(live, status="success", calls=1, cost_usd=Decimal(9))
    Run.objects.filter(pk=old.pk).update(queued_at=start - timedelta(days=1))
    spent = spent_since(start)["writer"]
    assert (spent.cost_usd, spent.is_at_least) == (Decimal(2), False)


def test_an_unknown_price_makes_it_at_least() -> None:
    live = make_live()
    make_run(live, status="success", calls=1, cost_usd=None)
    assert spent_since(timezone.now() - timedelta(days=1))["writer"].is_at_least


def test_what_called_no_model_cost_nothing_and_is_not_unknown() -> None:
    make_run(make_live(), status="failed", calls=0)
    assert spent_since(timezone.now() - timedelta(days=1)) == {}


def test_beyond_the_newest_runs_it_is_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SPENT_OVER", 2)
    live = make_live()
    for _ in range(4):
        make_run(live, status="success", calls=1, cost_usd=Decimal(1))
    spent = spent_since(timezone.now() - timedelta(days=1))["writer"]
    assert (spent.cost_usd, spent.is_at_least) == (Decimal(2), True)

"""All 29 boxes at once: none forgotten, none that takes the others along, few queries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from automations.models import Automation, Delivery, Version
from lifecycle import evidence
from lifecycle.evidence import CHECKS, look, runs
from lifecycle.evidence.base import Evidence
from lifecycle.models import Exemption
from lifecycle.phases import BOXES, PHASES, State
from tests.lifecycle.evidence.looking import against, asked, done, failed, reviewed
from tests.lifecycle.makers import (
    make_criterion,
    make_decision,
    make_drill,
    make_failure_mode,
    make_promotion,
    make_prototype,
    make_scorecard,
)
from tests.makers import make_automation, make_delivery, make_destination, make_live, make_run

pytestmark = pytest.mark.django_db
MOST_QUERIES = 60
PROVING = [box.number for phase in PHASES if phase.number in (4, 5, 6) for box in phase.boxes]


def busy(rows: int, **values: Any) -> Version:
    """Make an automation with so many rows of everything that boxes look at."""
    version = make_live()
    automation = version.automation
    destination = make_destination(automation, kind="http", settings={"url": "env:DESTINATION_X"})
    for _ in range(rows):
        run = done(version, calls=2, verdicts=[against("output")], **values)
        asked(run)
        make_delivery(run, destination, state=Delivery.State.DELIVERED)
        failed(version, "timeout", completed_at=timezone.now() - timedelta(days=9), **values)
        failed(version, "validation_error", verdicts=[against("input")], **values)
        make_decision(make_scorecard(automation))
        make_drill(version)
        make_promotion(automation)
        make_promotion(automation, "rehearsal")
        make_failure_mode(automation, error_category="timeout", review_reason="style")
    make_criterion(automation)
    make_prototype(automation)
    reviewed(version, rows, rows)
    return version


def queries_of(automation: Automation) -> int:
    fresh = Automation.objects.select_related("live_version__provider", "source", "owner")
    stored = fresh.get(pk=automation.pk)
    with CaptureQueriesContext(connection) as captured:
        look(stored, timezone.now())
    return len(captured)


def test_every_box_is_looked_at_and_says_a_sentence() -> None:
    found = look(make_automation(), timezone.now())
    assert list(found) == list(range(1, 30)) == list(CHECKS) == list(BOXES)
    for number, shown in found.items():
        assert shown.why.endswith((".", "?")), number
        assert "\n" not in shown.why
        measured = shown.state != State.NOT_MEASURED
        assert measured == (not shown.why.startswith("Not measured: ")), number
        assert shown.state != State.NOT_MET or shown.step, number


@pytest.mark.parametrize("number", BOXES)
def test_no_box_is_met_by_nothing(number: int) -> None:
    found = look(make_automation(), timezone.now())
    assert found[number].state in (State.NOT_MET, State.NOT_MEASURED)


def test_the_number_of_queries_is_small_and_does_not_grow_with_the_rows() -> None:
    small = busy(2).automation
    queries_of(small)  # what is asked once per process
    few = queries_of(small)
    big = make_live(make_automation("bigger")).automation
    assert few <= MOST_QUERIES
    for _ in range(3):
        grow(big)
    assert queries_of(big) <= few


def grow(automation: Automation) -> None:
    """Add rows of everything to an automation."""
    version = automation.live_version
    assert version is not None
    destination = make_destination(automation, kind="http", settings={"url": "env:DESTINATION_X"})
    for _ in range(8):
        run = done(version, calls=2, verdicts=[against("output")])
        asked(run)
        make_delivery(run, destination, state=Delivery.State.DELIVERED)
        failed(version, "timeout")
        make_decision(make_scorecard(automation))
        make_drill(version)
        make_failure_mode(automation, error_category="timeout", review_reason="style")


@pytest.mark.parametrize("flag", ["is_sample", "is_simulated"])
@pytest.mark.parametrize("number", PROVING)
def test_sample_and_simulated_runs_change_no_box_of_phases_4_to_6(number: int, flag: str) -> None:
    version = make_live()
    before = look(version.automation, timezone.now())[number]
    for _ in range(20):
        run = done(version, calls=1, **{flag: True})
        asked(run)
        failed(version, "unknown", "", **{flag: True})
    reviewed(version, 10, 10, is_sample=True)
    assert look(version.automation, timezone.now())[number] == before


def test_links_are_few_and_count_the_others() -> None:
    version = busy(8)
    for number, shown in look(version.automation, timezone.now()).items():
        assert len(shown.rows) <= 8, number
    performance = look(version.automation, timezone.now())[6]
    assert [link.label for link in performance.rows][-1] == "and 11 more"


# --- the newest runs -----------------------------------------------------------------------


def test_the_newest_runs_are_found_by_their_index() -> None:
    make_run(status="success")
    plan = runs.ended_below("writer")[: runs.MOST].explain()
    if connection.vendor == "sqlite":
        assert "idx_run_automation" in plan


def test_no_more_than_the_newest_runs_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    version = make_live()
    made = [done(version) for _ in range(6)]
    monkeypatch.setattr(runs, "MOST", 4)
    assert [run.id for run in runs.newest("writer")] == [run.pk for run in made[:1:-1]]


@pytest.mark.parametrize(("near", "queries"), [(2_500, 1), (8, 3)])
def test_one_query_finds_the_newest_unless_a_queue_hides_them(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any, near: int, queries: int
) -> None:
    version = make_live()
    made = [done(version) for _ in range(3)]
    for _ in range(6):
        make_run(version)
    monkeypatch.setattr(runs, "NEAR", near)
    with django_assert_num_queries(queries):
        found = runs.newest("writer")
    assert [run.id for run in found] == [run.pk for run in reversed(made)]


def test_what_lies_too_far_back_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    version = make_live()
    for _ in range(3):
        done(version)
    last = done(version)
    for _ in range(3):
        make_run(version)
    monkeypatch.setattr(runs, "NEAR", 2)
    monkeypatch.setattr(runs, "FAR", 4)
    assert [run.id for run in runs.newest("writer")] == [last.pk]


# --- what breaks ---------------------------------------------------------------------------


def breaking(error: Exception) -> Callable[[object], Evidence]:
    def check(_subject: object) -> Evidence:
        raise error

    return check


def test_a_box_that_breaks_says_so_and_leaves_the_others_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    automation = make_automation()
    make_scorecard(automation)
    monkeypatch.setitem(CHECKS, 2, breaking(RuntimeError("no luck")))
    found = look(automation, timezone.now())
    assert found[2].state == State.NOT_MEASURED
    assert found[2].why == (
        "Not measured: this check broke, and it is our fault; the log says how."
    )
    assert found[1].state == State.MET
    assert "no luck" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("error", [OperationalError("gone"), DatabaseError("aborted")])
def test_a_database_that_cannot_be_asked_is_no_fault_of_a_box(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setitem(CHECKS, 2, breaking(error))
    with transaction.atomic(), pytest.raises(type(error)):
        look(make_automation(), timezone.now())


# --- exemptions ----------------------------------------------------------------------------


def exempt(automation: Automation, number: int, days: int = 0, **values: Any) -> Exemption:
    until = timezone.localdate() + timedelta(days=days)
    reason = {"reason": "Read by hand until May."}
    return Exemption.objects.create(
        automation=automation, number=number, until=until, **{**reason, **values}
    )


def test_an_exemption_stands_in_for_what_is_missing_until_its_last_day(approver: User) -> None:
    automation = make_automation()
    exempt(automation, 18, by=approver)
    now = timezone.now()
    found = look(automation, now)[18]
    assert found.state == State.EXEMPT
    assert found.why.startswith("Exempt until ")
    assert " by approver: Read by hand until May. (Not measured: there are no alert" in found.why
    assert look(automation, now + timedelta(days=1))[18].state == State.NOT_MEASURED


def test_a_met_box_takes_no_notice_of_an_exemption() -> None:
    automation = make_automation()
    exempt(automation, 1)
    assert look(automation, timezone.now())[1].state == State.EXEMPT
    make_scorecard(automation)
    assert look(automation, timezone.now())[1].state == State.MET


def test_an_exemption_that_was_ended_holds_no_more() -> None:
    automation = make_automation()
    exempt(automation, 18, days=9, ended_at=timezone.now())
    assert look(automation, timezone.now())[18].state == State.NOT_MEASURED


def test_looking_is_exported_for_those_who_ask_one_box() -> None:
    assert evidence.CHECKS is CHECKS

"""Chains: one automation starts another, once per output, never in a circle."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from automations import services
from automations.connectors.base import Parcel
from automations.connectors.problems import DeliveryProblem
from automations.errors import NotAllowed
from automations.models import Automation, Destination, Run
from automations.services.chaining import start_chained
from automations.services.loops import find_loop, upstream_of
from tests.makers import make_automation, make_live, make_run

pytestmark = pytest.mark.django_db


def make_parcel(run: Run, **values: Any) -> Parcel:
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    defaults = {"key": f"run-{run.pk}-1", "run_id": run.pk, "automation": run.automation_id,
                "text": "x", "data": None, "created_at": moment}  # fmt: skip
    return Parcel(**{**defaults, **values})


def chained(source: str, target: str, **values: Any) -> Destination:
    upstream = Automation.objects.get(slug=source)
    row = Destination(automation=upstream, name=f"to {target}", kind="automation", **values)
    row.settings = {"automation": target}
    services.save_connection(row, by=services.SYSTEM)
    return row


@pytest.fixture
def run() -> Run:
    make_live(make_automation("after"))
    return make_run(make_live(make_automation("first")))


def test_a_parcel_starts_one_run_however_often_it_comes(run: Run) -> None:
    started = {start_chained("after", {"content": "x"}, make_parcel(run)) for _ in range(3)}
    made = Run.objects.get(automation_id="after")
    assert started == {made.pk}
    assert (made.origin, made.caused_by_id, made.depth) == ("automation", run.pk, 1)


@pytest.mark.parametrize(
    ("upstream", "chained"),
    [(Run.INTERACTIVE, Run.USUAL), (Run.USUAL, Run.USUAL), (Run.CANARY, Run.BULK),
     (Run.BULK, Run.BULK), (Run.HELD, Run.BULK)],
)  # fmt: skip
def test_what_a_batch_starts_waits_like_a_batch_and_never_before_a_person(
    run: Run, upstream: int, chained: int
) -> None:
    made = start_chained("after", {"content": "x"}, make_parcel(run, priority=upstream))
    assert Run.objects.get(pk=made).priority == chained < Run.INTERACTIVE


def test_a_key_that_somebody_else_used_is_not_taken_for_a_parcels(run: Run) -> None:
    after = Automation.objects.get(slug="after")
    origin = services.Origin(Run.Origin.API, idempotency_key=f"run-{run.pk}-1")
    other = services.submit_run(after, {"content": "y"}, by=services.SYSTEM, origin=origin)
    assert start_chained("after", {"content": "x"}, make_parcel(run)) != other.pk


def test_a_chain_ends_at_its_depth(run: Run) -> None:
    start_chained("after", {"content": "x"}, make_parcel(run, depth=Run.MAX_DEPTH - 1))
    with pytest.raises(DeliveryProblem, match="10 automations deep") as refused:
        start_chained("after", {"content": "x"}, make_parcel(run, key="k", depth=Run.MAX_DEPTH))
    assert (refused.value.code, refused.value.retry) == ("chain_too_deep", False)


def refused(run: Run, input_data: dict[str, Any]) -> tuple[str, bool]:
    with pytest.raises(DeliveryProblem) as problem:
        start_chained("after", input_data, make_parcel(run))
    assert not Run.objects.filter(automation_id="after").exists()
    assert not problem.value.retry
    return problem.value.code, problem.value.postpone


def test_what_takes_no_run_now_is_tried_again_only_if_that_can_help(run: Run) -> None:
    after = Automation.objects.get(slug="after")
    assert refused(run, {"content": 7}) == ("input_refused", False)
    services.pause(after, by=services.SYSTEM)
    assert refused(run, {"content": "x"}) == ("target_takes_none", True)
    Automation.objects.filter(pk=after.pk).update(stage="retired")
    assert refused(run, {"content": "x"}) == ("target_takes_none", False)
    Automation.objects.filter(pk=after.pk).update(stage="idea", paused_at=None, live_version=None)
    assert refused(run, {"content": "x"}) == ("target_takes_none", False)


def test_an_automation_that_is_gone_is_named(run: Run) -> None:
    with pytest.raises(DeliveryProblem, match="no automation nothing") as problem:
        start_chained("nothing", {"content": "x"}, make_parcel(run))
    assert (problem.value.code, problem.value.postpone) == ("no_target", False)


@pytest.fixture
def letters() -> None:
    for slug in ("aa", "bb", "cc", "dd"):
        make_automation(slug)


@pytest.mark.usefixtures("letters")
def test_a_circle_is_found_and_refused() -> None:
    chained("aa", "bb")
    chained("bb", "cc")
    assert find_loop("cc", "aa") == ["cc", "aa", "bb", "cc"]
    assert find_loop("aa", "aa") == ["aa", "aa"]
    assert find_loop("cc", "dd") == []
    with pytest.raises(ValidationError) as refusal:
        chained("cc", "aa")
    assert "cc -> aa -> bb -> cc" in refusal.value.message_dict["automation"][0]
    chained("aa", "cc")  # two ways to one place are no circle


@pytest.mark.usefixtures("letters")
def test_an_automation_cannot_start_itself() -> None:
    with pytest.raises(ValidationError, match="aa -> aa"):
        chained("aa", "aa")


@pytest.mark.usefixtures("letters")
def test_a_destination_that_is_off_closes_no_circle_until_it_is_on() -> None:
    chained("aa", "bb")
    off = chained("bb", "aa", is_active=False)
    off.is_active = True
    with pytest.raises(ValidationError, match="bb -> aa -> bb"):
        services.save_connection(off, by=services.SYSTEM)


@pytest.mark.usefixtures("letters")
def test_a_source_that_reads_another_automation_counts_as_well() -> None:
    chained("aa", "bb")
    source = Automation.objects.get(slug="aa").source
    source.kind, source.settings = "automation", {"automation": "bb"}
    with pytest.raises(ValidationError, match="bb -> aa -> bb"):
        services.save_connection(source, by=services.SYSTEM)


@pytest.mark.usefixtures("letters")
def test_who_starts_whom_is_made_from_either_side(editor: Any, viewer: Any) -> None:
    first, after = (Automation.objects.get(slug=slug) for slug in ("aa", "bb"))
    with pytest.raises(NotAllowed):
        services.start_after(first, after, name="x", settings={}, by=viewer)
    made = services.start_after(first, after, name="x", settings={"input": ""}, by=editor)
    assert made.settings["automation"] == "bb"
    assert upstream_of(after) == [made]
    with pytest.raises(ValidationError, match="bb -> aa -> bb"):
        services.start_after(after, first, name="back", settings={}, by=editor)

"""Runs repeated: which, why not others, from where, once, and a canary that stops at a bad one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from automations import services
from automations.engine.held import COLUMNS, Held, Step
from automations.engine.oneshot import drive
from automations.engine.settle import settle
from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Automation, Batch, Delivery, Run, Version
from automations.services.replaying import FROM_DELIVERY, Selection, Wish
from automations.services.replays import preview
from automations.waiting import obstacles
from tests.automations.batching import SYSTEM, asked_for, end, priorities
from tests.makers import (
    make_automation,
    make_delivery,
    make_destination,
    make_live,
    make_run,
    make_version,
)
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)

AGAIN = Wish()


@pytest.fixture
def live() -> Version:
    return make_live(rules=[])


def failed(live: Version, count: int = 1, **values: Any) -> list[Run]:
    return [
        make_run(live, status="failed", input_data={"content": f"text {n}"}, **values)
        for n in range(count)
    ]


def replayed(
    selection: Selection,
    wish: Wish = AGAIN,
    *,
    canary: bool = False,
    key: str = "",
) -> Batch:
    (batch,) = services.start_replay(selection, wish, by=SYSTEM, key=key, canary=canary)
    services.tend_batch(batch.pk)
    batch.refresh_from_db()
    return batch


def only(*runs: Run) -> Selection:
    return Selection(ids=tuple(run.pk for run in runs))


# --- what is taken -------------------------------------------------------------------------


def test_a_replay_runs_the_same_inputs_on_the_live_version(live: Version) -> None:
    runs = failed(live, 3)
    newest = make_live(live.automation)
    batch = replayed(only(*runs))
    made = list(batch.items.order_by("batch_row"))
    assert [run.rerun_of for run in made] == runs
    assert [run.input_data for run in made] == [run.input_data for run in runs]
    assert {(run.version, run.origin, run.step) for run in made} == {(newest, "replay", "model")}
    assert batch.version == newest


def test_the_same_version_is_kept_where_that_is_wished(live: Version) -> None:
    runs = failed(live, 2)
    make_live(live.automation)
    batch = replayed(only(*runs), Wish(version="same"))
    assert set(batch.items.values_list("version", flat=True)) == {live.pk}


def test_a_filter_takes_what_matched_when_it_was_shown(live: Version) -> None:
    failed(live, 2)
    make_run(live, status="success")
    newest = Run.objects.order_by("-pk").values_list("pk", flat=True)[0]
    failed(live, 5)
    selection = Selection(status="failed", automation="writer", upto=newest)
    assert replayed(selection).total == 2


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"status": "queued"}, "has not ended yet"),
        ({"status": "awaiting_approval"}, "has not ended yet"),
        ({"status": "failed", "input_data": {}}, "has no input to run again"),
        ({"status": "success", "is_simulated": True}, "was simulated in the playground or a drill"),
    ],
)
def test_what_cannot_be_repeated_is_left_out_with_its_reason(
    live: Version, values: dict[str, Any], reason: str
) -> None:
    bad, good = make_run(live, **values), failed(live)[0]
    (share,) = preview(only(bad, good), Wish())
    assert (share.taken, share.left_out) == (1, [(reason, 1)])
    assert replayed(only(bad, good)).items.get().rerun_of == good
    with pytest.raises(WrongState, match=reason):
        replayed(only(bad))


def test_a_draft_is_no_version_to_repeat_on(live: Version) -> None:
    draft = make_version(live.automation)
    run = failed(draft)[0]
    (share,) = preview(only(run), Wish(version="same"))
    assert share.left_out == [("ran on a draft, which is not published", 1)]
    assert preview(only(run), Wish())[0].taken == 1


@pytest.mark.parametrize("why", ["paused", "retired", "no version"])
def test_an_automation_that_takes_no_runs_says_why(live: Version, why: str) -> None:
    run = failed(live)[0]
    if why == "paused":
        services.pause(live.automation, by=SYSTEM)
    elif why == "retired":
        Automation.objects.update(stage="retired")
    else:
        Automation.objects.update(live_version=None)
    (share,) = preview(only(run), Wish())
    assert why.rsplit(maxsplit=1)[-1] in share.problem
    assert not share.goes
    with pytest.raises(WrongState):
        replayed(only(run))


def test_runs_of_several_automations_are_a_batch_each(live: Version) -> None:
    other = make_live(make_automation("sorter"))
    selection = only(*failed(live, 2), *failed(other, 3))
    batches = services.start_replay(selection, Wish(), by=SYSTEM, key="k")
    assert [(b.automation.slug, b.options["rows"]) for b in batches] == [
        ("sorter", 3), ("writer", 2),
    ]  # fmt: skip
    assert services.start_replay(selection, Wish(), by=SYSTEM, key="k") == batches
    assert Batch.objects.count() == 2


def test_a_replay_that_was_interrupted_is_continued_without_gap_or_repeat(
    live: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    from automations.services import filling

    monkeypatch.setattr(filling, "CHUNK", 4)
    runs = failed(live, 11)
    (batch,) = services.start_replay(only(*runs), Wish(), by=SYSTEM, key="", canary=False)
    while services.tend_batch(batch.pk, stopping=lambda: True) == "goes on":
        pass
    originals = list(batch.items.order_by("batch_row").values_list("rerun_of", flat=True))
    assert originals == [run.pk for run in runs]


def test_who_may_not_start_runs_repeats_none(live: Version, viewer: Any) -> None:
    with pytest.raises(NotAllowed):
        services.start_replay(only(*failed(live)), Wish(), by=viewer, key="k")
    assert not Batch.objects.exists()


# --- from delivery -------------------------------------------------------------------------


def test_from_delivery_sends_the_same_output_only_where_it_is_missing(live: Version) -> None:
    here, there = (make_destination(live.automation, kind="http", settings={}) for _ in range(2))
    run = make_run(live, status="failed", output_data={"text": "done"}, step="deliver")
    make_delivery(run, here, state="delivered", reference="ref-1")
    make_delivery(run, there, state="failed")
    batch = replayed(only(run), Wish(start=FROM_DELIVERY))
    again = batch.items.get()
    assert (again.step, again.status, again.output_data) == ("deliver", "queued", {"text": "done"})
    assert again.cost_usd == again.calls == 0
    states = dict(again.deliveries.values_list("destination", "state"))
    assert states == {here.pk: "delivered", there.pk: "pending"}
    assert again.deliveries.get(destination=here).reference == "ref-1"


def test_from_delivery_to_every_destination_begins_with_an_empty_ledger(live: Version) -> None:
    here = make_destination(live.automation)
    run = make_run(live, status="success", output_data={"text": "done"}, step="deliver")
    make_delivery(run, here, state="delivered")
    again = replayed(only(run), Wish(start=FROM_DELIVERY, to="every")).items.get()
    assert not again.deliveries.exists()


@pytest.mark.parametrize(
    ("values", "state", "reason"),
    [
        ({}, "failed", "has no output to deliver"),
        ({"output_data": {"text": "x"}}, "delivered", "has arrived everywhere already"),
        ({"output_data": {"text": "x"}}, "unknown", "has a delivery of unknown outcome"),
    ],
)
def test_what_cannot_be_delivered_again_is_left_out(
    live: Version, values: dict[str, Any], state: str, reason: str
) -> None:
    run = make_run(live, status="failed", **values)
    make_delivery(run, make_destination(live.automation), state=state)
    (share,) = preview(only(run), Wish(start=FROM_DELIVERY))
    assert share.taken == 0
    assert reason in share.left_out[0][0]


def test_what_needs_approval_is_approved_again(live: Version) -> None:
    Automation.objects.update(approval_required=True)
    make_destination(live.automation, kind="http", settings={})
    run = make_run(live, status="cancelled", output_data={"text": "rejected"})
    again = replayed(only(run), Wish(start=FROM_DELIVERY)).items.get()
    assert again.status == "awaiting_approval"
    services.approve_delivery(again, by=SYSTEM)
    assert Delivery.objects.get(run=again).state == "pending"


def arrived(run: Run) -> None:
    """Let a run end well and its deliveries arrive."""
    end(Run.objects.filter(pk=run.pk))
    run.deliveries.update(state="delivered")


MISSING = Wish(start=FROM_DELIVERY)


def test_what_a_rerun_has_delivered_is_not_delivered_again(live: Version) -> None:
    place = make_destination(live.automation, kind="http", settings={})
    run = make_run(live, status="failed", output_data={"text": "done"}, step="deliver")
    make_delivery(run, place, state="failed")
    first = replayed(only(run), MISSING).items.get()
    (share,) = preview(only(run), MISSING)
    assert share.left_out == [("is being run again already", 1)]
    end(Run.objects.filter(pk=first.pk), "failed")
    second = replayed(only(first), MISSING).items.get()
    assert (first.rerun_root, second.rerun_root) == (run, run)
    arrived(second)
    for member in (run, first, second):
        (share,) = preview(only(member), MISSING)
        assert share.left_out == [("has arrived everywhere already", 1)]
    there = make_destination(live.automation, kind="http", settings={})
    (share,) = preview(only(run), MISSING)
    assert share.left_out == [("was run again with success: choose that run instead", 1)]
    third = replayed(only(second), MISSING).items.get()
    states = dict(third.deliveries.values_list("destination", "state"))
    assert states == {place.pk: "delivered", there.pk: "pending"}


def test_a_rerun_that_failed_half_way_counts_for_a_replay_of_the_first_run(live: Version) -> None:
    here, there = (make_destination(live.automation, kind="http", settings={}) for _ in range(2))
    run = make_run(live, status="failed", output_data={"text": "done"}, step="deliver")
    first = replayed(only(run), MISSING).items.get()
    end(Run.objects.filter(pk=first.pk), "failed")
    first.deliveries.filter(destination=here).update(state="delivered")
    first.deliveries.filter(destination=there).update(state="failed")
    again = replayed(only(run), MISSING).items.get()
    states = dict(again.deliveries.values_list("destination", "state"))
    assert states == {here.pk: "delivered", there.pk: "pending"}


def test_from_the_start_nothing_is_delivered_twice_unless_that_is_chosen(live: Version) -> None:
    place = make_destination(live.automation, kind="http", settings={})
    run, fresh = failed(live, 2)
    make_delivery(run, place, state="delivered")
    (share,) = preview(only(run, fresh), AGAIN)
    reason = "was delivered already and would be delivered again"
    assert (share.taken, share.resent, share.left_out) == (1, 0, [(reason, 1)])
    (share,) = preview(only(run, fresh), Wish(resends=True))
    assert (share.taken, share.resent, share.left_out) == (2, 1, [])
    assert replayed(only(run), Wish(resends=True)).total == 1


def test_an_output_that_stayed_here_does_not_arrive_twice(live: Version) -> None:
    run = make_run(live, status="success")
    make_delivery(run, make_destination(live.automation), state="delivered")
    assert replayed(only(run)).total == 1


@pytest.mark.parametrize("wish", [AGAIN, Wish(resends=True), MISSING])
def test_what_may_have_arrived_is_repeated_by_nobody(live: Version, wish: Wish) -> None:
    run = make_run(live, status="failed", output_data={"text": "done"}, step="deliver")
    make_delivery(run, make_destination(live.automation, kind="http"), state="unknown")
    (share,) = preview(only(run), wish)
    assert "unknown outcome" in share.left_out[0][0]


# --- canary --------------------------------------------------------------------------------


@pytest.fixture
def canary(live: Version) -> Batch:
    return replayed(only(*failed(live, 10)), canary=True)


def finish(batch: Batch, rows: range, status: str = "success", **values: Any) -> None:
    end(batch.items.filter(batch_row__in=rows), status, **values)
    services.tend_batch(batch.pk)
    batch.refresh_from_db()


def test_one_goes_first_then_five_then_the_rest(canary: Batch) -> None:
    assert priorities(canary) == [Run.CANARY] + [Run.HELD] * 9
    assert any("tries a few runs first" in s for s in obstacles(canary.items.get(batch_row=2)))
    finish(canary, range(1, 2))
    assert priorities(canary) == [Run.CANARY] * 5 + [Run.HELD] * 4
    finish(canary, range(2, 6))
    assert priorities(canary) == [Run.CANARY] + [Run.HELD] * 4  # four of the five are not all
    finish(canary, range(6, 7))
    assert priorities(canary) == [Run.BULK] * 4
    assert canary.canary_stage is None
    actions = AuditEvent.objects.filter(action="canary passed")
    assert [event.after["stage"] for event in actions.order_by("pk")] == [6, None]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
@pytest.mark.parametrize("row", [1, 4])
def test_the_first_bad_one_stops_it(canary: Batch, row: int, status: str) -> None:
    finish(canary, range(1, row))
    bad = canary.items.get(batch_row=row)
    finish(canary, range(row, row + 1), status, error_message="It broke.")
    assert f"Run {bad.pk}" in canary.stopped_because
    assert "It broke." in canary.stopped_because
    assert set(priorities(canary)) == {Run.HELD}
    services.continue_batch(canary, by=SYSTEM)
    services.tend_batch(canary.pk)
    assert set(priorities(canary)) == {Run.BULK}
    with pytest.raises(WrongState, match="was not stopped"):
        services.continue_batch(canary, by=SYSTEM)


def test_a_stopped_one_can_be_cancelled(canary: Batch) -> None:
    finish(canary, range(1, 2), "failed")
    services.cancel_batch(canary, by=SYSTEM)
    assert canary.counts() == {"failed": 1, "cancelled": 9}


def test_one_that_awaits_approval_is_waited_for(canary: Batch) -> None:
    canary.items.filter(batch_row=1).update(status="awaiting_approval")
    services.tend_batch(canary.pk)
    canary.refresh_from_db()
    assert (canary.canary_stage, canary.stopped_because) == (1, "")
    assert priorities(canary) == [Run.HELD] * 9


def test_a_pause_in_a_canary_is_a_pause_and_the_canary_goes_on_after_it(canary: Batch) -> None:
    services.pause_batch(canary, by=SYSTEM)
    services.tend_batch(canary.pk)
    assert set(priorities(canary)) == {Run.HELD}
    services.resume_batch(canary, by=SYSTEM)
    services.tend_batch(canary.pk)
    assert priorities(canary) == [Run.CANARY] + [Run.HELD] * 9


def test_the_end_of_a_canarys_run_asks_for_a_worker_at_once_and_no_other_does(
    canary: Batch, live: Version, django_assert_max_num_queries: Any
) -> None:
    def ended(run: Run) -> Step:
        row = Run.objects.filter(pk=run.pk).values(*COLUMNS).get()
        held = Held(**{**row, "lease_until": run.queued_at}, claimed_at=run.queued_at)
        return Step(held, {"status": "success", "completed_at": run.queued_at})

    before, now = asked_for(canary), canary.created_at
    other, first = ended(make_run(live)), ended(canary.items.get(batch_row=1))
    # the run itself, and whether its automation's boxes are to be looked at again
    with transaction.atomic(), django_assert_max_num_queries(2):
        settle([other], now=now)
    assert asked_for(canary) == before
    settle([first], now=now)
    assert asked_for(canary) == before + 1


def test_a_single_run_needs_no_canary(live: Version) -> None:
    batch = replayed(only(*failed(live)), canary=True)
    assert batch.canary_stage is None
    assert priorities(batch) == [Run.BULK]


# --- with a real pump and a real model server ----------------------------------------------


@pytest.mark.parametrize("model", ["ok", "content-filter"])
def test_a_pump_runs_the_canary_and_what_it_lets_go(answering: FakeProvider, model: str) -> None:
    live = make_live(rules=[], model=model)
    batch = replayed(only(*failed(live, 8)), canary=True)
    for _ in range(4):
        drive(batch_id=batch.pk)
        services.tend_batch(batch.pk)
    batch.refresh_from_db()
    if model == "ok":
        assert (batch.counts(), batch.canary_stage) == ({"success": 8}, None)
    else:
        assert batch.counts() == {"failed": 1, "queued": 7}
        assert batch.stopped_because
        assert answering.seen()["calls"] == 1

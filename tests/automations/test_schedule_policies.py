"""Missed times, overlapping runs, several schedulers, pauses: what a schedule does then."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import close_old_connections, connections
from django.utils import timezone

from automations import services
from automations.errors import NothingNew
from automations.models import Automation, Batch, Firing, Run, Trigger
from automations.services import firings, schedules
from tests.makers import make_automation, make_live, make_run

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


def make_schedule(due: datetime, *, automation: Automation | None = None, **policy: Any) -> Trigger:
    automation = automation or make_live().automation
    settings = {"cron": "0 * * * *", "input": {"content": "tick"}, **policy}
    trigger = Trigger(automation=automation, settings=settings)
    trigger.full_clean()
    trigger.next_at = due
    trigger.save()
    return trigger


def outcomes(trigger: Trigger) -> list[tuple[str, str]]:
    rows = trigger.firings.order_by("pk")
    return [(row.outcome, f"{row.intended_at:%d %H:%M}" if row.intended_at else "") for row in rows]


def test_three_days_without_a_scheduler_start_one_run_and_list_the_rest() -> None:
    trigger = make_schedule(NOON - timedelta(days=3, seconds=30), cron="0 0,12 * * *")
    late = NOON + timedelta(hours=1)
    assert services.fire_due_triggers(now=late) == 1
    assert [outcome for outcome, _ in outcomes(trigger)] == ["missed"] * 6 + ["started"]
    assert outcomes(trigger)[-1] == ("started", "22 12:00")
    assert "6 earlier times were missed" in trigger.firings.get(outcome="started").note
    trigger.refresh_from_db()
    assert trigger.next_at == datetime(2026, 11, 23, tzinfo=UTC)
    assert services.fire_due_triggers(now=late) == 0


def test_a_schedule_that_skips_starts_nothing_for_missed_times() -> None:
    trigger = make_schedule(NOON - timedelta(hours=3, seconds=30), missed="skip")
    assert services.fire_due_triggers(now=NOON + timedelta(minutes=20)) == 0
    assert [outcome for outcome, _ in outcomes(trigger)] == ["missed"] * 4
    assert not Run.objects.exists()


def test_a_schedule_that_skips_is_on_time_again_at_once() -> None:
    trigger = make_schedule(NOON - timedelta(hours=2, seconds=30), missed="skip")
    assert services.fire_due_triggers(now=NOON) == 1
    assert outcomes(trigger)[-1] == ("started", "22 12:00")


def test_very_many_missed_times_are_counted_not_listed() -> None:
    trigger = make_schedule(NOON - timedelta(days=30, seconds=30), cron="* * * * *")
    assert services.fire_due_triggers(now=NOON) == 1
    rows = list(trigger.firings.order_by("pk"))
    assert len(rows) == schedules.MOST_LISTED + 2
    assert "times from 2026-10-23 12:00 UTC were missed" in rows[0].note
    assert (rows[-1].outcome, rows[-1].intended_at) == ("started", NOON.replace(second=0))


def test_two_times_since_the_last_sweep_are_both_started() -> None:
    trigger = make_schedule(NOON - timedelta(seconds=90), cron="* * * * *")
    assert services.fire_due_triggers(now=NOON) == 2
    assert outcomes(trigger) == [("started", "22 11:59"), ("started", "22 12:00")]


def test_a_clock_that_jumps_back_starts_nothing_twice() -> None:
    trigger = make_schedule(NOON - timedelta(seconds=30))
    assert services.fire_due_triggers(now=NOON) == 1
    # Saved while the clock was an hour behind: the same time is due again.
    Trigger.objects.filter(pk=trigger.pk).update(next_at=NOON - timedelta(seconds=30))
    assert services.fire_due_triggers(now=NOON) == 0
    assert (Run.objects.count(), outcomes(trigger)[-1][0]) == (1, "skipped")


def test_a_clock_that_jumps_ahead_and_back_starts_nothing_twice() -> None:
    trigger = make_schedule(NOON - timedelta(seconds=30))
    for moment in (NOON, NOON + timedelta(days=1), NOON, NOON + timedelta(hours=1)):
        services.fire_due_triggers(now=moment)
    started = [at for outcome, at in outcomes(trigger) if outcome == "started"]
    assert started == ["22 12:00", "23 12:00"]


@pytest.mark.parametrize("status", ["queued", "running", "awaiting_approval"])
def test_a_time_is_skipped_while_the_run_before_has_not_ended(status: str) -> None:
    trigger = make_schedule(NOON, overlap="skip")
    before = make_run(trigger.automation.live_version, trigger=trigger, status=status)
    assert services.fire_due_triggers(now=NOON) == 0
    assert f"Run {before.pk} has not ended" in trigger.firings.get(outcome="skipped").note
    Run.objects.filter(pk=before.pk).update(status="success", completed_at=timezone.now())
    assert services.fire_due_triggers(now=NOON + timedelta(hours=1)) == 1


def test_only_what_this_trigger_started_counts_as_overlapping() -> None:
    trigger = make_schedule(NOON, overlap="skip")
    live = trigger.automation.live_version
    make_run(live)
    make_run(live, trigger=trigger, is_simulated=True)
    make_run(live, trigger=trigger, status="failed")
    assert services.fire_due_triggers(now=NOON) == 1


def test_a_batch_that_is_still_loading_overlaps() -> None:
    trigger = make_schedule(NOON, overlap="skip")
    batch = Batch.objects.create(automation=trigger.automation, name="x", state="loading")
    firings.note_firing(trigger, Firing.Outcome.STARTED, started=batch)
    assert services.fire_due_triggers(now=NOON) == 0


def test_overlapping_times_are_started_side_by_side_when_allowed() -> None:
    trigger = make_schedule(NOON)
    make_run(trigger.automation.live_version, trigger=trigger)
    assert services.fire_due_triggers(now=NOON) == 1


def test_a_queueing_schedule_starts_once_as_soon_as_the_run_before_ended() -> None:
    trigger = make_schedule(NOON.replace(second=0), overlap="queue")
    before = make_run(trigger.automation.live_version, trigger=trigger)
    for hours in range(4):
        assert services.fire_due_triggers(now=NOON + timedelta(hours=hours)) == 0
    Run.objects.filter(pk=before.pk).update(status="failed", completed_at=timezone.now())
    ended = NOON + timedelta(hours=3, minutes=1)
    assert services.fire_due_triggers(now=ended) == 1
    assert services.fire_due_triggers(now=ended) == 0
    assert [outcome for outcome, _ in outcomes(trigger)] == ["skipped"] * 4 + ["started"]
    assert outcomes(trigger)[-1][1] == "22 12:00"
    assert Run.objects.filter(trigger=trigger).count() == 2
    trigger.refresh_from_db()
    assert (trigger.waiting_since, trigger.next_at) == (None, NOON.replace(hour=16, second=0))


def test_a_source_without_anything_new_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = make_schedule(NOON)
    Trigger.objects.filter(pk=trigger.pk).update(settings={**trigger.settings, "input": {}})

    def nothing_new(_automation: Automation) -> list[Any]:
        raise NothingNew("Nothing is new.")

    monkeypatch.setattr(schedules, "source_items", nothing_new)
    assert services.fire_due_triggers(now=NOON) == 0
    trigger.refresh_from_db()
    assert (outcomes(trigger), trigger.trouble) == ([("nothing", "22 12:00")], "")


def test_what_falls_due_in_a_pause_follows_the_policy_afterwards() -> None:
    live = make_live()
    once, skip = (
        make_schedule(NOON, automation=live.automation, missed=p) for p in ("once", "skip")
    )
    services.pause(live.automation, by=services.SYSTEM)
    later = NOON + timedelta(hours=5, minutes=30)
    assert services.fire_due_triggers(now=later) == 0
    assert not Firing.objects.exists()
    services.resume(live.automation, by=services.SYSTEM)
    assert services.fire_due_triggers(now=later) == 1
    assert services.fire_due_triggers(now=later) == 0
    assert Run.objects.get().trigger == once
    assert {outcome for outcome, _ in outcomes(skip)} == {"missed"}


def test_the_kill_switch_stops_schedules() -> None:
    trigger = make_schedule(NOON)
    services.halt(by=services.SYSTEM, reason="test")
    assert services.fire_due_triggers(now=NOON) == 0
    services.unhalt(by=services.SYSTEM)
    assert services.fire_due_triggers(now=NOON) == 1
    assert outcomes(trigger)[0][0] == "started"


@pytest.mark.parametrize(
    "settings",
    [{}, {"cron": None}, {"cron": "61 * * * *"}, {"cron": "0 0 31 2 *"}, [], "text", {"cron": 5},
     {"cron": "0 * * * *", "timezone": "Mars/Base", "input": {"content": "x"}},
     {"cron": "0 * * * *", "timezone": ["UTC"], "input": {"content": "x"}}],
)  # fmt: skip
@pytest.mark.parametrize("late", [timedelta(), timedelta(days=2)])
def test_a_poison_row_stops_only_itself(settings: Any, late: timedelta) -> None:
    automation = make_live().automation
    bad = make_schedule(NOON - late, automation=automation)
    good = make_schedule(NOON, automation=automation)
    Trigger.objects.filter(pk=bad.pk).update(settings=settings)
    services.fire_due_triggers(now=NOON)
    bad.refresh_from_db()
    assert bad.trouble
    assert [outcome for outcome, _ in outcomes(good)] == ["started"]
    for _ in range(2):
        services.fire_due_triggers(now=NOON + timedelta(seconds=1))
    assert bad.firings.count() <= 2


def test_a_refusal_is_in_the_history() -> None:
    trigger = make_schedule(NOON, automation=make_automation("no-version"))
    services.fire_due_triggers(now=NOON)
    assert "no live version" in trigger.firings.get(outcome="refused").note


def test_old_firings_are_forgotten() -> None:
    trigger = make_schedule(NOON)
    old = firings.note_firing(trigger, Firing.Outcome.MISSED)
    Firing.objects.filter(pk=old.pk).update(at=NOON - timedelta(days=31))
    kept = firings.note_firing(trigger, Firing.Outcome.MISSED)
    firings.forget_old_firings(now=NOON)
    assert list(Firing.objects.values_list("pk", flat=True)) == [kept.pk]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("trial", range(5))
def test_six_schedulers_at_once_fire_once(trial: int) -> None:
    automation = make_live().automation
    triggers = [
        make_schedule(NOON - timedelta(minutes=trial * 2), automation=automation, cron="0 3 * * *")
        for _ in range(3)
    ]
    gate = Barrier(6)

    def sweep(_number: int) -> int:
        close_old_connections()
        try:
            gate.wait(timeout=30)
            return services.fire_due_triggers(now=NOON)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        fired = list(pool.map(sweep, range(6)))
    assert sum(fired) == 3
    assert [trigger.runs.count() for trigger in triggers] == [1, 1, 1]
    assert Firing.objects.filter(outcome="started").count() == 3

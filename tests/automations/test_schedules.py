"""Schedules: right times, once each, and one bad one does not stop the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from structlog.testing import capture_logs

from automations import services, triggers
from automations.models import Automation, Run, Trigger
from automations.services import schedules
from tests.makers import make_automation, make_live

pytestmark = pytest.mark.django_db


def make_schedule(automation: Automation | None = None, **settings: Any) -> Trigger:
    automation = automation or make_live().automation
    trigger = Trigger(
        automation=automation,
        settings={"cron": "0 * * * *", "input": {"content": "tick"}, **settings},
    )
    trigger.full_clean()
    trigger.save()
    return trigger


def make_due(trigger: Trigger) -> datetime:
    due = timezone.now() - timedelta(minutes=1)
    Trigger.objects.filter(pk=trigger.pk).update(next_at=due)
    return due


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 * * * *", "UTC", "2026-11-22T10:30", "2026-11-22T11:00"),
        ("0 9 * * *", "Europe/Berlin", "2026-11-22T10:30", "2026-11-23T08:00"),
        # the night Berlin's clocks go forward: 02:30 does not exist, 9:00 moves by an hour in UTC
        ("0 9 * * *", "Europe/Berlin", "2026-03-28T09:00", "2026-03-29T07:00"),
        ("0 9 * * *", "Europe/Berlin", "2026-10-24T08:00", "2026-10-25T08:00"),
        ("0 0 5-5 * *", "UTC", "2026-11-22T10:30", "2026-12-05T00:00"),
    ],
)
def test_the_next_time_is_right_in_its_time_zone(
    cron: str, zone: str, after: str, expected: str
) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    settings = {"cron": cron, "timezone": zone}
    found = triggers.next_time("schedule", settings, moment)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "needs a cron expression"),
        ({"cron": "every day"}, "is not a cron expression"),
        ({"cron": "0 0 31 2 *"}, "Bad day-of-month"),
        ({"cron": "0 * * * *", "timezone": "Europe/Atlantis"}, "Unknown time zone"),
    ],
)
def test_a_wrong_schedule_is_refused_in_words(settings: dict[str, str], words: str) -> None:
    trigger = Trigger(automation=make_automation(), settings=settings)
    with pytest.raises(ValidationError, match=words):
        trigger.full_clean()


def test_a_due_schedule_starts_one_run_and_moves_on() -> None:
    trigger = make_schedule()
    make_due(trigger)
    assert services.fire_due_triggers() == 1
    run = Run.objects.get()
    trigger.refresh_from_db()
    assert (run.origin, run.input_data, run.trigger) == ("schedule", {"content": "tick"}, trigger)
    assert trigger.next_at is not None
    assert trigger.next_at > timezone.now()
    assert services.fire_due_triggers() == 0


def test_a_second_scheduler_with_the_same_time_is_harmless() -> None:
    trigger = make_schedule()
    due = make_due(trigger)
    services.fire_due_triggers()
    Trigger.objects.filter(pk=trigger.pk).update(next_at=due)
    services.fire_due_triggers()
    assert Run.objects.count() == 1


def test_a_schedule_that_cannot_start_does_not_stop_the_others() -> None:
    broken = make_schedule(make_automation("no-version"))
    good = make_schedule(make_live(make_automation("good")).automation)
    for trigger in (broken, good):
        make_due(trigger)
    assert services.fire_due_triggers() == 1
    broken.refresh_from_db()
    assert "no live version" in broken.trouble
    assert broken.next_at is not None
    assert broken.next_at > timezone.now()
    assert Run.objects.get().automation.slug == "good"


def test_a_paused_automation_does_not_fire() -> None:
    trigger = make_schedule()
    make_due(trigger)
    services.pause(trigger.automation, by=services.SYSTEM)
    assert services.fire_due_triggers() == 0
    assert not Run.objects.exists()


def test_a_source_that_cannot_be_listed_leaves_a_failed_run() -> None:
    automation = make_live(make_automation(source="file")).automation
    automation.source.settings = {"path": "nowhere/at-all.md"}
    automation.source.save()
    trigger = make_schedule(automation, input={})
    make_due(trigger)
    services.fire_due_triggers()
    run = Run.objects.get()
    trigger.refresh_from_db()
    assert (run.status, run.error_category) == ("failed", "source_error")
    assert trigger.trouble == run.error_message


def test_a_schedule_that_cannot_be_read_does_not_stop_the_others() -> None:
    automation = make_live().automation
    bad, good = make_schedule(automation), make_schedule(automation)
    for trigger in (bad, good):
        make_due(trigger)
    # No form lets this through; a hand-edited row might hold it.
    Trigger.objects.filter(pk=bad.pk).update(settings={**bad.settings, "cron": "61 * * * *"})
    services.fire_due_triggers()
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.next_at, "cannot be read" in bad.trouble) == (None, True)
    assert (good.trouble, good.runs.count()) == ("", 1)
    assert services.fire_due_triggers() == 0


def test_two_schedulers_at_once_start_a_folder_once() -> None:
    root = settings.FILE_ROOTS[0]
    for name in ("a", "b", "c"):
        (root / f"twice-{name}.md").write_text("A text. " * 30, encoding="utf-8")
    automation = make_live(make_automation(source="file")).automation
    automation.source.settings = {"path": "twice-*.md"}
    automation.source.save()
    trigger = make_schedule(automation, input={})
    make_due(trigger)
    stale = Trigger.objects.select_related("automation").get(pk=trigger.pk)
    assert services.fire_due_triggers() == 1
    assert schedules._look_after(stale, timezone.now()) == 0  # read before the first moved it on
    assert Run.objects.count() == 3


def test_a_source_that_stays_unreadable_is_recorded_once_per_slot() -> None:
    automation = make_live(make_automation(source="file")).automation
    automation.source.settings = {"path": "nowhere/at-all.md"}
    automation.source.save()
    trigger = make_schedule(automation, input={})
    make_due(trigger)
    stale = Trigger.objects.select_related("automation").get(pk=trigger.pk)
    services.fire_due_triggers()
    schedules._look_after(stale, timezone.now())
    assert Run.objects.count() == 1


def test_what_cannot_run_now_is_told_without_a_traceback() -> None:
    trigger = make_schedule(input={})
    make_due(trigger)
    with capture_logs() as logged:
        assert services.fire_due_triggers() == 0
    trigger.refresh_from_db()
    assert "give it an input" in trigger.trouble
    assert [(line["event"], "exc_info" in line) for line in logged] == [("schedule_refused", False)]

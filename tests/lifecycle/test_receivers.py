"""What happens on the floors below asks for another look at the boxes it may change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from automations import models as ground
from automations import services
from automations.engine.claims import Claimer
from automations.engine.held import Step
from automations.engine.leases import reap
from automations.engine.settle import settle_each, values_when_let_go
from automations.models import Automation, Provider, Run, Version
from lifecycle import models as top
from lifecycle.evaluating import evaluate, evaluate_due
from lifecycle.models import BoxChange, BoxState, Checklist
from lifecycle.phases import State
from lifecycle.receivers import on_recorded
from monitoring import models as middle
from monitoring.services import review_run
from tests.lifecycle.evidence.looking import done, failed, reviewed
from tests.lifecycle.makers import (
    make_criterion,
    make_decision,
    make_failure_mode,
    make_scorecard,
)
from tests.makers import make_automation, make_live, make_provider, make_run

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)

# Rows of these change no box, or are changed by nothing that is recorded.
NO_AUTOMATION = {
    "AuditEvent", "Worker", "Control", "ApiToken", "RefusedAddress", "PortfolioReview",
}  # fmt: skip


def is_due(automation: Automation) -> bool:
    return Checklist.objects.get(automation=automation).due_at <= timezone.now()


@pytest.fixture
def version() -> Version:
    """A live version of an automation that was looked at and is not due."""
    version = make_live(provider=make_provider(base_url="https://m.example/v1"))
    evaluate(version.automation)
    assert not is_due(version.automation)
    return version


def rows_about(version: Version) -> Iterator[models.Model]:
    """Yield a row, stored or not, of every model that is about one automation."""
    automation = version.automation
    run = Run(automation_id=automation.slug, version=version)
    card = top.Scorecard(automation=automation)
    trigger = ground.Trigger(automation=automation)
    checklist = Checklist(automation=automation)
    hook = apps.get_model("automations", "Hook")(trigger=trigger)
    yield from (automation, version, run, card, trigger, checklist, hook, version.provider)
    for model in (ground.Batch, ground.Source, ground.Destination, ground.Drill, middle.Review,
                  top.BoxChange, top.Exemption, top.Attestation, top.Criterion, top.ProfitPeriod,
                  top.Effort, top.Promotion, top.Prototype, top.FailureMode,
                  top.PortfolioDecision):  # fmt: skip
        yield model(automation=automation)
    yield top.Decision(scorecard=card)
    yield top.Extension(prototype=top.Prototype(automation=automation))
    yield top.BoxState(checklist=checklist)
    yield ground.ValidatorRule(version=version)
    yield from (ground.Attempt(run=run), ground.Delivery(run=run))
    yield ground.SeenItem(source=ground.Source(automation=automation))
    yield ground.Firing(trigger=trigger)
    yield apps.get_model("automations", "HookMessage")(hook=hook)
    yield top.Team.current()


def test_a_change_of_any_row_is_one_of_its_automation(version: Version) -> None:
    for row in rows_about(version):
        Checklist.objects.update(due_at=timezone.now() + HOUR)
        on_recorded(row)
        assert due_within_a_minute(version.automation), type(row).__name__
        assert is_due(version.automation) != isinstance(row, Run), type(row).__name__


def test_no_model_is_forgotten(version: Version) -> None:
    labels = ("automations", "monitoring", "lifecycle")
    known = [model for label in labels for model in apps.get_app_config(label).get_models()]
    names = {model.__name__ for model in known} - NO_AUTOMATION
    assert {type(row).__name__ for row in rows_about(version)} == names


def test_other_automations_are_left_alone(version: Version) -> None:
    other = make_live(make_automation("other"), provider=make_provider()).automation
    evaluate(other)
    for row in rows_about(version):
        if not isinstance(row, top.Team):
            on_recorded(row)
    assert not is_due(other)


def test_the_removal_of_a_person_is_about_all(version: Version, editor: User) -> None:
    make_decision(make_scorecard(version.automation), decided_by=editor)
    on_recorded(editor)
    assert is_due(version.automation)


# --- real verbs ----------------------------------------------------------------------------


def state(automation: Automation, number: int) -> str:
    evaluate_due()
    return BoxState.objects.get(checklist__automation=automation, number=number).state


def test_a_provider_test_ticks_box_14_by_itself(version: Version, admin: User) -> None:
    provider = version.provider
    services.ask_for_test(provider, by=admin)
    assert not is_due(version.automation)  # nothing is known yet
    Provider.objects.filter(pk=provider.pk).update(updated_at=timezone.now() - HOUR)
    services.store_test(provider, passed=True, message="ok")
    assert state(version.automation, 14) == State.MET
    services.set_key(provider, "a-new-key", by=admin)
    Provider.objects.filter(pk=provider.pk).update(updated_at=timezone.now() + HOUR)
    assert state(version.automation, 14) == State.NOT_MET
    last = BoxChange.objects.filter(number=14).order_by("-pk").first()
    assert last is not None
    assert "was changed after its test" in last.why


def test_a_review_ticks_box_5_by_itself(version: Version, operator: User) -> None:
    reviewed(version, 9, 9)
    last = done(version)
    evaluate(version.automation)
    assert state(version.automation, 5) == State.NOT_MEASURED
    review_run(last, "approved", by=operator)
    assert state(version.automation, 5) == State.MET


def test_removing_a_failure_mode_or_criterion_unticks_by_itself(
    version: Version, editor: User
) -> None:
    from lifecycle.services import remove_criterion, remove_failure_mode

    criterion = make_criterion(version.automation)
    modes = [make_failure_mode(version.automation) for _ in range(3)]
    evaluate(version.automation)
    assert state(version.automation, 3) == State.MET
    assert state(version.automation, 7) == State.MET
    remove_criterion(criterion, by=editor)
    remove_failure_mode(modes[0], by=editor)
    assert state(version.automation, 3) == State.NOT_MET
    assert state(version.automation, 7) == State.NOT_MET


def test_a_drill_that_ends_ticks_box_8_by_itself(version: Version, operator: User) -> None:
    drill = services.start_drill(version.automation, {"content": "x" * 200}, by=operator)
    evaluate(version.automation)
    Run.objects.update(status="failed", completed_at=timezone.now())
    assert state(version.automation, 8) == State.NOT_MET
    services.judge_drill(drill)
    assert is_due(version.automation)


# --- runs ----------------------------------------------------------------------------------


def due_within_a_minute(automation: Automation) -> bool:
    left = Checklist.objects.get(automation=automation).due_at - timezone.now()
    return left <= timedelta(minutes=1)


def ending(run_id: int) -> None:
    (held,) = Claimer("me").claim(1, now=timezone.now())
    assert held.id == run_id
    values = {"status": "success", "completed_at": timezone.now(), "output_data": {"text": "Done."}}
    settle_each([Step(held, values_when_let_go(values))], now=timezone.now())


def test_a_run_that_ends_asks_for_a_look_within_a_minute(version: Version) -> None:
    ending(make_run(version).pk)
    assert due_within_a_minute(version.automation)
    assert not is_due(version.automation)


def test_what_the_reaper_ends_is_told_too(version: Version) -> None:
    run = make_run(version, status="running", crashes=Run.MAX_CRASHES, lease_owner="gone",
                   lease_until=timezone.now() - HOUR)  # fmt: skip
    other = make_automation("other")
    evaluate(other)
    assert reap(now=timezone.now()) == 1
    run.refresh_from_db()
    assert run.status == Run.Status.FAILED
    assert due_within_a_minute(version.automation)
    assert not due_within_a_minute(other)


def test_rows_of_a_batch_that_could_not_be_used_are_told_too(version: Version, admin: User) -> None:
    from automations.services import filling

    batch = ground.Batch.objects.create(automation=version.automation, version=version, name="b")
    fine = Run(automation_id="writer", version=version, queued_at=timezone.now(),
               available_at=timezone.now())  # fmt: skip
    filling.add_chunk(batch, [fine], first=1)
    assert not due_within_a_minute(version.automation)
    bad = Run(automation_id="writer", version=version, status="failed",
              completed_at=timezone.now(), queued_at=timezone.now(),
              available_at=timezone.now())  # fmt: skip
    filling.add_chunk(batch, [bad], first=2)
    assert due_within_a_minute(version.automation)


def test_starting_a_run_reads_no_automation_for_its_mark(version: Version, operator: User) -> None:
    run = Run.objects.get(pk=make_run(version).pk)
    with CaptureQueriesContext(connection) as captured:
        on_recorded(run)
    assert len(captured) == 2


def test_a_failed_run_is_seen_in_its_box(version: Version) -> None:
    for _ in range(3):
        make_failure_mode(version.automation)
    evaluate(version.automation)
    failed(version, "api_error", completed_at=timezone.now() - timedelta(days=8))
    on_recorded(version)
    assert state(version.automation, 7) == State.NOT_MET

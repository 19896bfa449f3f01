"""Real runs and a real drill: the boxes tick by themselves, with nothing made by hand."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from automations import services
from automations.engine.pump import Pace, Pump
from automations.models import Drill, Run, Version
from lifecycle.evaluating import evaluate, evaluate_due
from lifecycle.models import BoxState, Checklist
from lifecycle.phases import State
from tests.automations.engine.driving import BRISK, claim_once, http_destination, pumping, wait_for
from tests.lifecycle.evidence.looking import box
from tests.makers import LONG_TEXT, make_live
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)
GOOD = "A post that is long enough to be a post: it has more than fifty characters."


def run_of(version: Version, person: User, text: str = LONG_TEXT) -> Run:
    """Start a run as a person does and let the engine work on it."""
    return claim_once(services.submit_run(version.automation, {"content": text}, by=person))


def test_real_runs_tick_the_boxes(answering: FakeProvider, operator: User) -> None:
    answering.script(answer=GOOD)
    version = make_live(model="ok")
    http_destination(version.automation, answering, "ok")
    evaluate(version.automation)
    good = run_of(version, operator)
    assert good.status == Run.Status.SUCCESS
    bad = run_of(version, operator, "Too short.")
    assert (bad.status, bad.error_category) == (Run.Status.FAILED, "validation_error")
    assert Checklist.objects.get().due_at <= timezone.now() + Checklist.AFTER_RUNS
    Checklist.objects.update(due_at=timezone.now())
    assert evaluate_due() == 1
    kept = {row.number: row for row in BoxState.objects.all()}
    assert kept[4].state == State.MET
    assert kept[4].why.startswith(f"Run {good.pk} went all the way on ")
    assert kept[9].state == State.MET
    assert kept[9].rows[1] == [f"Run {bad.pk}", bad.get_absolute_url()]
    assert kept[11].state == State.MET
    assert kept[11].why.endswith("the last 2 runs.")
    assert kept[10].state == State.NOT_MET  # nothing bad has come from the model yet


def test_a_failing_and_a_repaired_run_have_complete_traces(
    answering: FakeProvider, operator: User
) -> None:
    version = make_live(model="ok", max_repairs=1)
    answering.script(answer="Short.")
    refused = run_of(version, operator)
    while refused.status == Run.Status.QUEUED:
        refused = claim_once(refused)
    assert refused.calls == 2
    down = run_of(make_live(version.automation, model="500", max_attempts=1), operator)
    assert down.status == Run.Status.FAILED
    found = box(11, version.automation)
    assert found.state == State.MET, found.why


def test_a_real_drill_ticks_boxes_8_to_10(operator: User) -> None:
    version = make_live()
    evaluate(version.automation)
    drill = services.start_drill(version.automation, {"content": LONG_TEXT}, by=operator)

    def ended() -> bool:
        fresh = Drill.objects.select_related("version", "automation").get(pk=drill.pk)
        return services.judge_drill(fresh).finished_at is not None

    with pumping(Pump("drill", Pace(budget_s=100, **BRISK))):
        wait_for(ended, "the end of the drill", timeout_s=80)
    assert evaluate_due() == 1
    kept = {row.number: row for row in BoxState.objects.all()}
    assert [kept[number].state for number in (8, 9, 10)] == [State.MET] * 3
    assert kept[8].why.endswith("9 faults handled as they should be.")
    assert kept[11].state == State.NOT_MEASURED  # a drill is no run that was meant

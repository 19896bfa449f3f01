"""Moves between stages: what the checklist lets pass, who may, and what is kept."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Automation
from automations.services import SYSTEM
from lifecycle import checklists, promotions, services
from lifecycle.models import Exemption, Promotion, Team
from lifecycle.phases import BOXES, PHASES
from tests.lifecycle.makers import exempt_all, make_promotion, make_prototype
from tests.makers import make_automation, make_live
from tests.people import ROLES, make_person

pytestmark = pytest.mark.django_db

WHY = "The trade fair opens on Monday."
MUSTS = [box.number for box in BOXES.values() if box.must and box.number <= 16]


@pytest.fixture
def automation() -> Automation:
    return make_live().automation


def an_idea() -> Automation:
    return make_automation(stage="idea")


def until_production(automation: Automation, *, without: tuple[int, ...] = ()) -> None:
    """Let the boxes of the first four phases pass, but not these."""
    exempt_all(automation, *(n for n in range(1, 17) if n not in without))


def stage_of(automation: Automation) -> str:
    return Automation.objects.get(pk=automation.pk).stage


# --- the gate ------------------------------------------------------------------------------


def test_an_idea_whose_first_phase_may_be_left_becomes_a_prototype(editor: Any) -> None:
    automation = an_idea()
    exempt_all(automation, 1, 2, 3)
    made = services.promote(automation, "prototype", by=editor, reason="  It scored 8. ")
    assert stage_of(automation) == "prototype"
    assert (made.kind, made.state, made.from_stage, made.to_stage) == (
        "stage", "done", "idea", "prototype",
    )  # fmt: skip
    assert (made.asked_by, made.decided_by, made.reason) == (editor, None, "It scored 8.")
    assert made.overrides is False
    assert AuditEvent.objects.filter(action="move to stage").count() == 1


def test_what_is_missing_is_named_and_nothing_moves(editor: Any) -> None:
    automation = an_idea()
    exempt_all(automation, 3)
    with pytest.raises(WrongState) as refused:
        services.promote(automation, "prototype", by=editor)
    said = str(refused.value)
    assert (
        "two boxes are missing, 1 “ELPUT score calculated” and 2 “Decision to build made”" in said
    )
    assert "an approver may exempt it or override" in said
    assert stage_of(automation) == "idea"
    assert not Promotion.objects.exists()


@pytest.mark.parametrize("number", MUSTS)
def test_no_must_box_may_be_missing(approver: Any, number: int, automation: Automation) -> None:
    until_production(automation)
    Exemption.objects.filter(number=number).delete()
    view = checklists.current(automation)
    if next(box for box in view.boxes if box.box.number == number).is_satisfied:
        pytest.skip("this box is met by a bare automation")
    with pytest.raises(WrongState, match=f"one box is missing, {number} “"):
        services.promote(automation, "production", by=approver)


def test_one_optional_box_of_four_is_owed_and_two_are_too_many(
    approver: Any, automation: Automation
) -> None:
    Team.objects.create(pk=1, owed_days=10)
    until_production(automation, without=(7,))
    made = services.promote(automation, "production", by=approver)
    due = timezone.localdate() + timedelta(days=10)
    assert made.owed == [{"number": 7, "due_on": str(due)}]
    services.promote(automation, "prototype", by=approver)
    Exemption.objects.filter(number=6).delete()
    with pytest.raises(WrongState, match=r"at least one more box is needed, 6 .* and 7 "):
        services.promote(automation, "production", by=approver)


def test_to_skip_a_stage_all_phases_below_must_hold(approver: Any) -> None:
    automation = make_live(make_automation(stage="idea")).automation
    until_production(automation)
    Exemption.objects.filter(number=1).delete()
    with pytest.raises(WrongState, match="one box is missing, 1 “ELPUT"):
        services.promote(automation, "production", by=approver)
    exempt_all(automation, 1)
    services.promote(automation, "production", by=approver)
    assert stage_of(automation) == "production"


def test_the_gate_looks_at_the_evidence_of_this_moment(editor: Any) -> None:
    automation = an_idea()
    exempt_all(automation, 1, 2, 3)
    checklists.current(automation)
    Exemption.objects.filter(number=1).update(until=timezone.localdate() - timedelta(days=1))
    with pytest.raises(WrongState, match="one box is missing"):
        services.promote(automation, "prototype", by=editor)


def test_many_missing_boxes_are_counted_not_recited(approver: Any, automation: Automation) -> None:
    musts = (
        r"at least \d+ more boxes are needed, among them the musts, 1 .* 2 .* 4 .* and \d+ more;"
    )
    with pytest.raises(WrongState, match=musts):
        services.promote(automation, "production", by=approver)


# --- override ------------------------------------------------------------------------------


def test_an_approver_overrides_with_a_reason_that_is_kept(approver: Any) -> None:
    automation = an_idea()
    made = services.promote(automation, "prototype", by=approver, override=True, reason=WHY)
    made.refresh_from_db()
    assert (made.overrides, made.reason, stage_of(automation)) == (True, WHY, "prototype")
    assert {owed["number"] for owed in made.owed} >= {1, 2}
    event = AuditEvent.objects.get(action="override checklist")
    assert event.after["reason"] == WHY
    assert event.by == approver


@pytest.mark.parametrize("reason", ["", "too short", "         \n "])
def test_an_override_needs_ten_characters(approver: Any, reason: str) -> None:
    automation = an_idea()
    with pytest.raises(ValidationError, match="at least 10"):
        services.promote(automation, "prototype", by=approver, override=True, reason=reason)
    assert stage_of(automation) == "idea"


def test_who_is_no_approver_cannot_override(editor: Any) -> None:
    with pytest.raises(NotAllowed):
        services.promote(an_idea(), "prototype", by=editor, override=True, reason=WHY)


def test_an_override_that_was_not_needed_is_none(approver: Any) -> None:
    automation = an_idea()
    exempt_all(automation, 1, 2, 3)
    made = services.promote(automation, "prototype", by=approver, override=True, reason=WHY)
    assert made.overrides is False


def test_a_reason_is_cleaned_and_limited(editor: Any, automation: Automation) -> None:
    made = services.promote(automation, "idea", by=editor, reason="a\x00b\ud800")
    made.refresh_from_db()
    assert made.reason == "a\ufffdb\ufffd"
    with pytest.raises(ValidationError, match="at most 2,000"):
        services.promote(automation, "retired", by=editor, reason="x" * 2001)


# --- back, retirement ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "to", "allowed"),
    [
        ("idea", "retired", {"editor", "approver"}),
        ("prototype", "idea", {"editor", "approver"}),
        ("prototype", "retired", {"editor", "approver"}),
        ("retired", "idea", {"editor", "approver"}),
        ("production", "prototype", {"approver"}),
        ("production", "idea", {"approver"}),
        ("production", "retired", {"approver"}),
    ],
)
@pytest.mark.parametrize("role", [*ROLES, "stranger"])
def test_backwards_the_checklist_is_not_asked(
    stage: str, to: str, allowed: set[str], role: str
) -> None:
    automation = make_live(make_automation(stage=stage)).automation
    person = make_person(role)
    if role in allowed:
        assert services.promote(automation, to, by=person).state == "done"
        assert stage_of(automation) == to
    else:
        with pytest.raises(NotAllowed):
            services.promote(automation, to, by=person)
        assert stage_of(automation) == stage


@pytest.mark.parametrize("role", [*ROLES, "stranger"])
@pytest.mark.parametrize(
    ("stage", "to", "allowed"),
    [("idea", "prototype", {"editor", "approver"}), ("prototype", "production", {"approver"})],
)
def test_forwards_it_takes_the_right_as_well(
    stage: str, to: str, allowed: set[str], role: str
) -> None:
    automation = make_live(make_automation(stage=stage)).automation
    until_production(automation)
    person = make_person(role)
    if role not in allowed:
        with pytest.raises(NotAllowed):
            services.promote(automation, to, by=person)
        return
    services.promote(automation, to, by=person)
    assert stage_of(automation) == to


def test_retirement_is_no_way_around_the_checklist(approver: Any, automation: Automation) -> None:
    services.promote(automation, "retired", by=approver)
    with pytest.raises(WrongState, match="may not move to production yet"):
        services.promote(automation, "production", by=approver)
    services.promote(automation, "prototype", by=approver)
    assert stage_of(automation) == "prototype"


def test_back_to_production_it_has_to_prove_itself_anew(approver: Any) -> None:
    automation = make_live(make_automation(stage="production")).automation
    services.promote(automation, "retired", by=approver)
    with pytest.raises(WrongState, match="may not move to production yet"):
        services.promote(automation, "production", by=approver)
    until_production(automation)
    services.promote(automation, "production", by=approver)
    assert stage_of(automation) == "production"


def test_back_to_an_early_stage_it_was_retired_from_is_free(editor: Any) -> None:
    automation = make_live(make_automation(stage="prototype")).automation
    services.promote(automation, "retired", by=editor)
    services.promote(automation, "prototype", by=editor)
    assert stage_of(automation) == "prototype"


# --- the verdict on the prototype ----------------------------------------------------------


def decided(automation: Automation, verdict: str, **values: Any) -> None:
    make_prototype(automation, verdict=verdict, decided_at=timezone.now(), **values)


@pytest.mark.parametrize("verdict", ["kill", "pivot", "simplify"])
@pytest.mark.parametrize("stage", ["prototype", "idea", "retired"])
def test_against_the_last_verdict_nothing_goes_to_production(
    approver: Any, verdict: str, stage: str
) -> None:
    automation = make_live(make_automation(stage=stage)).automation
    until_production(automation)
    decided(automation, "go")
    decided(automation, verdict)
    make_prototype(automation)
    with pytest.raises(WrongState, match=f"its prototype is “{verdict}”; a newer one has to say"):
        services.promote(automation, "production", by=approver)
    assert stage_of(automation) == stage
    why = "Its owner takes the risk."
    done = services.promote(automation, "production", by=approver, override=True, reason=why)
    assert (done.overrides, stage_of(automation)) == (True, "production")


def test_missing_boxes_and_the_verdict_are_both_said(approver: Any, automation: Automation) -> None:
    decided(automation, "kill")
    with pytest.raises(WrongState, match=r"tick what is missing.* Besides, the last verdict on"):
        services.promote(automation, "production", by=approver)


def test_a_newer_go_counts_and_a_sample_does_not(approver: Any, automation: Automation) -> None:
    until_production(automation)
    decided(automation, "kill")
    decided(automation, "go")
    decided(automation, "kill", is_sample=True)
    services.promote(automation, "production", by=approver)
    assert stage_of(automation) == "production"


def test_a_verdict_stops_only_the_way_to_production(approver: Any) -> None:
    automation = make_automation(stage="idea")
    until_production(automation)
    decided(automation, "kill")
    services.promote(automation, "prototype", by=approver)
    assert stage_of(automation) == "prototype"


def test_without_a_promotion_the_trail_tells_where_it_was_retired_from() -> None:
    automation = make_automation(stage="retired")
    assert promotions.where_it_stands(automation) == "idea"
    AuditEvent.objects.create(
        action="move to stage", object_type="automation", object_id=str(automation.pk),
        before={"stage": "production"}, after={"stage": "retired"},
    )  # fmt: skip
    assert promotions.where_it_stands(automation) == "production"


# --- refusals ------------------------------------------------------------------------------


def test_where_it_is_already_nothing_is_moved(editor: Any, automation: Automation) -> None:
    with pytest.raises(WrongState, match="is in prototype already"):
        services.promote(automation, "prototype", by=editor)
    assert not Promotion.objects.exists()


@pytest.mark.parametrize("stage", ["", "moon", "production ", "\x00", "x" * 500])
def test_an_unknown_stage_is_refused(editor: Any, automation: Automation, stage: str) -> None:
    with pytest.raises(WrongState, match="There is no stage"):
        services.promote(automation, stage, by=editor)


def test_production_needs_a_live_version(approver: Any) -> None:
    automation = make_automation()
    until_production(automation)
    with pytest.raises(WrongState, match="has no live version"):
        services.promote(automation, "production", by=approver)


def test_the_machine_may_move_too(automation: Automation) -> None:
    made = services.promote(automation, "idea", by=SYSTEM)
    assert made.asked_by is None


# --- what is kept --------------------------------------------------------------------------


def test_all_29_boxes_are_kept_as_they_stood_and_never_change(editor: Any) -> None:
    automation = an_idea()
    exempt_all(automation, 1, 2, 3)
    made = services.promote(automation, "prototype", by=editor)
    kept = Promotion.objects.get(pk=made.pk).checklist
    assert [box["number"] for box in kept["boxes"]] == list(BOXES)
    assert kept["boxes"][0]["state"] == "exempt"
    Exemption.objects.all().delete()
    services.evaluate(automation)
    assert checklists.current(automation).boxes[0].state == "not_met"
    assert Promotion.objects.get(pk=made.pk).checklist == kept


def test_a_move_that_fails_leaves_no_row(
    editor: Any, automation: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("lifecycle.services.promotions.ground.move_to_stage", broken)
    with pytest.raises(RuntimeError):
        services.promote(automation, "idea", by=editor)
    assert not Promotion.objects.exists()
    assert stage_of(automation) == "prototype"


def test_a_move_is_looked_at_by_the_evaluator(editor: Any, automation: Automation) -> None:
    checklists.current(automation)
    services.promote(automation, "idea", by=editor)
    automation.progress.refresh_from_db()
    assert automation.progress.due_at <= timezone.now()


def test_no_phase_is_gated_twice_or_not_at_all() -> None:
    assert promotions.NEEDED == {"prototype": 1, "production": 4}
    assert len(PHASES) == 7


def test_the_pages_count_overrides(automation: Automation) -> None:
    make_promotion(automation, "stage", overrides=True, reason=WHY)
    with pytest.raises(Exception, match="promotion_override_has_reason"):
        make_promotion(automation, "stage", overrides=True)


# --- one way only --------------------------------------------------------------------------

CALLS = re.compile(r"\b(make_live|move_to_stage|publish_version)\(")
ALLOWED = {
    "automations/views/versions.py",  # publishes, which moves nothing
    "lifecycle/demo/loading.py",  # loads its example as the system
    "automations/services/versions.py",
    "automations/services/connections.py",
    "lifecycle/services/promotions.py",
    "lifecycle/views/promotions.py",  # a view of that name
}


def test_nothing_else_moves_stages_or_the_live_pointer() -> None:
    root = Path(settings.BASE_DIR)
    sources = [
        path
        for floor in ("automations", "monitoring", "lifecycle")
        for path in (root / floor).rglob("*.py")
    ]
    found = {str(p.relative_to(root)) for p in sources if CALLS.search(p.read_text())}
    assert found <= ALLOWED
    pointer = re.compile(r"\.live_version = ")
    setters = {str(p.relative_to(root)) for p in sources if pointer.search(p.read_text())}
    assert setters == {"automations/services/versions.py"}
    assert "live_version" not in str(_admin_fields())


def _admin_fields() -> list[Any]:
    from automations.admin.automation import AutomationAdmin

    return [AutomationAdmin.fields, AutomationAdmin.fieldsets, AutomationAdmin.list_editable]

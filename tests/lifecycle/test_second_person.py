"""Where a second person decides: what waits, who may decide it, and what changed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Automation, Version
from lifecycle import promotions, services
from lifecycle.models import Exemption, Promotion, Team
from tests.lifecycle.makers import exempt_all
from tests.lifecycle.test_promotions_live import live_of, published
from tests.makers import make_automation, make_live, make_version
from tests.people import make_person

pytestmark = pytest.mark.django_db

WHY = "The trade fair opens on Monday."


@pytest.fixture(autouse=True)
def team() -> Team:
    return Team.objects.create(pk=1, second_person=True)


@pytest.fixture
def other(approver: Any) -> Any:
    """Another approver."""
    user = make_person("olga")
    user.groups.set(approver.groups.all())
    return user


@pytest.fixture
def automation() -> Automation:
    """A prototype that may go to production."""
    automation = make_live().automation
    exempt_all(automation, *range(1, 17))
    return automation


@pytest.fixture
def asked(automation: Automation, approver: Any) -> Promotion:
    """A request to move to production."""
    return services.promote(automation, "production", by=approver, reason="It is ready.")


@pytest.fixture
def running() -> Version:
    """The live version of an automation in production."""
    return make_live(make_automation("running", stage="production"))


def stage_of(automation: Automation) -> str:
    return Automation.objects.get(pk=automation.pk).stage


def state_of(promotion: Promotion) -> str:
    return Promotion.objects.get(pk=promotion.pk).state


def agree(promotion: Promotion, by: Any) -> Promotion:
    return services.decide_promotion(promotion, "approve", by=by)


# --- what waits ----------------------------------------------------------------------------


def test_a_promotion_to_production_waits_and_nothing_moves(
    asked: Promotion, automation: Automation
) -> None:
    assert (asked.state, asked.decided_at) == ("waiting", None)
    assert asked.checklist["total"] == 29
    assert stage_of(automation) == "prototype"
    assert AuditEvent.objects.filter(action="ask for promotion").count() == 1


def test_another_approver_agrees_and_it_happens_then(
    asked: Promotion, automation: Automation, approver: Any, other: Any
) -> None:
    services.exempt(automation, 20, reason="Later, all of it.", until=_soon(), by=approver)
    done = services.decide_promotion(asked, "approve", by=other, answer="Fine with me.")
    done.refresh_from_db()
    assert (done.state, done.decided_by, done.answer) == ("done", other, "Fine with me.")
    assert stage_of(automation) == "production"
    assert done.checklist["satisfied"] > asked.checklist["satisfied"]
    assert AuditEvent.objects.get(action="move to stage").by == other


def _soon() -> Any:
    held = Exemption.objects.first()
    assert held
    return held.until


def test_who_asked_cannot_agree(asked: Promotion, automation: Automation, approver: Any) -> None:
    for decision in ("approve", "decline"):
        with pytest.raises(WrongState, match="Another approver must decide"):
            services.decide_promotion(asked, decision, by=approver, answer="Mine.")
    assert state_of(asked) == "waiting"


def test_who_is_no_approver_decides_nothing(asked: Promotion, editor: Any) -> None:
    verbs: list[Callable[[], Promotion]] = [
        lambda: services.decide_promotion(asked, "approve", by=editor),
        lambda: services.withdraw_promotion(asked, by=editor),
    ]
    for verb in verbs:
        with pytest.raises(NotAllowed):
            verb()


def test_declining_needs_an_answer(asked: Promotion, automation: Automation, other: Any) -> None:
    with pytest.raises(ValidationError):
        services.decide_promotion(asked, "decline", by=other)
    services.decide_promotion(asked, "decline", by=other, answer="Not before the audit.")
    asked.refresh_from_db()
    assert (asked.state, asked.answer, asked.decided_by) == (
        "declined", "Not before the audit.", other,
    )  # fmt: skip
    assert stage_of(automation) == "prototype"


@pytest.mark.parametrize("decision", ["", "yes", "APPROVE", "\x00"])
def test_a_decision_is_one_of_two(asked: Promotion, other: Any, decision: str) -> None:
    with pytest.raises(WrongState, match="Choose"):
        services.decide_promotion(asked, decision, by=other)


def test_only_who_asked_withdraws(asked: Promotion, approver: Any, other: Any) -> None:
    with pytest.raises(WrongState, match="Only who asked"):
        services.withdraw_promotion(asked, by=other)
    services.withdraw_promotion(asked, by=approver)
    assert state_of(asked) == "withdrawn"
    with pytest.raises(WrongState, match="was withdrawn meanwhile"):
        agree(asked, other)


def test_one_request_at_a_time(asked: Promotion, automation: Automation, approver: Any) -> None:
    with pytest.raises(WrongState, match="waits already"):
        services.promote(automation, "production", by=approver)
    assert Promotion.objects.count() == 1


def test_what_the_checklist_does_not_allow_cannot_be_asked(
    automation: Automation, approver: Any
) -> None:
    Exemption.objects.filter(number=1).delete()
    with pytest.raises(WrongState, match="one box is missing"):
        services.promote(automation, "production", by=approver)


def test_early_moves_and_leaving_production_do_not_wait(approver: Any, running: Version) -> None:
    for stage in ("prototype", "idea", "retired"):
        assert services.promote(running.automation, stage, by=approver).state == "done"
        assert stage_of(running.automation) == stage


def test_a_new_live_version_waits_in_production_only(approver: Any, running: Version) -> None:
    made = services.go_live(published(running.automation), by=approver)
    assert made.state == "waiting"
    assert live_of(running.automation) == running
    early = make_live(make_automation("early"))
    assert services.go_live(published(early.automation), by=approver).state == "done"


# --- the way back --------------------------------------------------------------------------


def test_a_rollback_to_what_ran_in_production_waits_for_nobody(
    approver: Any, other: Any, running: Version
) -> None:
    automation = running.automation
    agree(services.go_live(published(automation), by=approver), other)
    assert services.roll_back(automation, by=approver).state == "done"
    assert live_of(automation) == running


def test_a_rollback_is_no_way_to_a_version_that_nobody_agreed_to(
    automation: Automation, approver: Any, other: Any, editor: Any
) -> None:
    first = live_of(automation)
    assert first is not None
    tried = published(automation)
    for version in (tried, first):
        services.go_live(version, by=editor)
    agree(services.promote(automation, "production", by=approver), other)
    asked = services.roll_back(automation, by=approver)
    assert (asked.kind, asked.state, asked.to_version) == ("rollback", "waiting", tried)
    assert live_of(automation) == first
    agree(asked, other)
    assert live_of(automation) == tried


def test_a_rollback_is_not_undone_by_another(approver: Any, other: Any, running: Version) -> None:
    automation, second = running.automation, published(running.automation)
    agree(services.go_live(second, by=approver), other)
    services.roll_back(automation, by=approver)
    forward = services.roll_back(automation, by=approver)
    assert (forward.state, forward.to_version, live_of(automation)) == ("waiting", second, running)


def test_nor_by_way_of_an_earlier_stage(
    approver: Any, other: Any, editor: Any, running: Version
) -> None:
    automation, second = running.automation, published(running.automation)
    agree(services.go_live(second, by=approver), other)
    services.roll_back(automation, by=approver)
    services.promote(automation, "prototype", by=approver)
    for version in (second, running):
        services.go_live(version, by=editor)
    exempt_all(automation, *range(1, 17))
    agree(services.promote(automation, "production", by=approver), other)
    assert services.roll_back(automation, by=approver).state == "waiting"
    assert live_of(automation) == running


def test_to_what_nothing_tells_of_it_waits(approver: Any, running: Version) -> None:
    make_live(running.automation)
    assert services.roll_back(running.automation, by=approver).state == "waiting"


def test_what_was_agreed_to_anew_has_proved_itself_again(
    approver: Any, other: Any, running: Version
) -> None:
    automation, second = running.automation, published(running.automation)
    agree(services.go_live(second, by=approver), other)
    services.roll_back(automation, by=approver)
    for version in (second, published(automation)):
        agree(services.go_live(version, by=approver), other)
    assert services.roll_back(automation, by=approver).state == "done"
    assert live_of(automation) == second


# --- the world goes on ---------------------------------------------------------------------


def test_the_checklist_is_asked_again(asked: Promotion, automation: Automation, other: Any) -> None:
    Exemption.objects.filter(number=5).delete()
    with pytest.raises(WrongState, match="one box is missing, 5 "):
        agree(asked, other)
    assert state_of(asked) == "waiting"
    assert stage_of(automation) == "prototype"


def test_an_override_waits_as_well(automation: Automation, approver: Any, other: Any) -> None:
    Exemption.objects.filter(number=5).delete()
    asked = services.promote(automation, "production", by=approver, override=True, reason=WHY)
    assert (asked.state, asked.overrides) == ("waiting", True)
    assert agree(asked, other).overrides is True
    assert stage_of(automation) == "production"


def test_a_stage_that_moved_meanwhile_is_said(
    asked: Promotion, automation: Automation, approver: Any, other: Any
) -> None:
    services.promote(automation, "idea", by=approver)
    with pytest.raises(WrongState, match="is in idea by now; decline it"):
        agree(asked, other)
    assert state_of(asked) == "waiting"


def test_another_live_version_meanwhile_is_said(
    asked: Promotion, automation: Automation, editor: Any, other: Any
) -> None:
    services.go_live(published(automation), by=editor)
    with pytest.raises(WrongState, match="v2 is live by now"):
        agree(asked, other)


def test_a_rollback_meanwhile_is_said(approver: Any, other: Any, running: Version) -> None:
    second = published(running.automation)
    agree(services.go_live(second, by=approver), other)
    asked = services.go_live(published(running.automation), by=approver)
    services.roll_back(running.automation, by=approver, seen=second.pk)
    with pytest.raises(WrongState, match="v1 is live by now"):
        agree(asked, other)
    assert live_of(running.automation) == running


@pytest.fixture
def releaser(approver: Any, editor: Any) -> Any:
    """An approver who may publish as well."""
    approver.groups.add(*editor.groups.all())
    return type(approver).objects.get(pk=approver.pk)


def test_a_release_waits_whole_and_happens_whole(
    running: Version, releaser: Any, other: Any
) -> None:
    draft = make_version(running.automation)
    asked = services.release(draft, by=releaser)
    draft.refresh_from_db()
    assert (asked.state, draft.is_published) == ("waiting", False)
    agree(asked, other)
    draft.refresh_from_db()
    assert draft.published_by == releaser
    event = AuditEvent.objects.get(action="publish version")
    assert (event.by, event.after) == (other, {"asked_by": str(releaser)})
    assert live_of(running.automation) == draft


@pytest.mark.parametrize("change", ["prompt", "rule", "rule gone"])
def test_what_was_asked_is_what_goes_live(
    running: Version, releaser: Any, other: Any, change: str
) -> None:
    draft = make_version(running.automation)
    asked = services.release(draft, by=releaser)
    if change == "prompt":
        Version.objects.filter(pk=draft.pk).update(system_prompt="Be loud.")
    elif change == "rule":
        draft.validator_rules.filter(direction="input").update(settings={"min_stripped": 1})
    else:
        draft.validator_rules.all()[0].delete()
    with pytest.raises(WrongState, match="v2 was edited since; decline it"):
        agree(asked, other)
    draft.refresh_from_db()
    assert not draft.is_published
    assert state_of(asked) == "waiting"


def test_a_draft_that_was_published_meanwhile_goes_live(
    running: Version, releaser: Any, other: Any
) -> None:
    draft = make_version(running.automation)
    asked = services.release(draft, by=releaser)
    Version.objects.filter(pk=draft.pk).update(published_at=asked.asked_at)
    agree(asked, other)
    assert live_of(running.automation) == draft


def test_who_asked_and_is_gone_asks_no_more(asked: Promotion, approver: Any, other: Any) -> None:
    approver.is_active = False
    approver.save()
    with pytest.raises(WrongState, match="approver may no longer ask for this; decline it"):
        agree(asked, other)
    services.decide_promotion(asked, "decline", by=other, answer="She has left.")
    assert state_of(asked) == "declined"


def test_who_asked_and_was_deleted_asks_no_more(
    asked: Promotion, approver: Any, other: Any
) -> None:
    approver.delete()
    with pytest.raises(WrongState, match="whoever asked may no longer ask"):
        agree(asked, other)


def test_who_asked_may_go_on_alone_once_the_team_allows_it(
    asked: Promotion, automation: Automation, approver: Any, team: Team
) -> None:
    team.second_person = False
    team.save()
    agree(asked, approver)
    assert stage_of(automation) == "production"


def test_requests_wait_for_those_who_may_decide_them(
    asked: Promotion, approver: Any, other: Any, viewer: Any, django_assert_num_queries: Any
) -> None:
    assert promotions.waiting_for(other) == [asked]
    assert promotions.waiting_for(approver) == []
    assert promotions.waiting_for(viewer) == []
    with django_assert_num_queries(2):
        for promotion in promotions.waiting_for(other):
            str((promotion.automation, promotion.asked_by, promotion.to_version_id))

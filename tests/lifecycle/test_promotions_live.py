"""The live version: made live, released, rolled back; the rehearsal of a rollback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from automations import services as ground
from automations.engine.claims import Claimer
from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Automation, Provider, Version
from lifecycle import promotions, services
from lifecycle.models import Promotion
from tests.lifecycle.makers import make_promotion
from tests.makers import LONG_TEXT, make_automation, make_live, make_provider, make_version
from tests.people import ROLES, make_person

pytestmark = pytest.mark.django_db


def live_of(automation: Automation) -> Version | None:
    return Automation.objects.select_related("live_version").get(pk=automation.pk).live_version


def published(automation: Automation, **values: Any) -> Version:
    """Make a published version that is not live."""
    version = make_version(automation, **values)
    Version.objects.filter(pk=version.pk).update(published_at=timezone.now())
    version.refresh_from_db()
    return version


@pytest.fixture
def first() -> Version:
    return make_live()


@pytest.fixture
def second(first: Version, editor: Any) -> Version:
    """A version that was made live after the first one."""
    version = published(first.automation)
    services.go_live(version, by=editor)
    return version


# --- live, release -------------------------------------------------------------------------


def test_a_published_version_goes_live_and_leaves_a_row(first: Version, editor: Any) -> None:
    version = published(first.automation)
    made = services.go_live(version, by=editor, reason="It is shorter.")
    assert live_of(first.automation) == version
    assert (made.kind, made.from_version, made.to_version) == ("live", first, version)
    assert (made.reason, made.asked_by, made.checklist["total"]) == ("It is shorter.", editor, 29)
    assert AuditEvent.objects.filter(action="make live").count() == 1


def test_what_is_live_already_is_not_moved(first: Version, editor: Any) -> None:
    with pytest.raises(WrongState, match="is live already"):
        services.go_live(first, by=editor)
    with pytest.raises(WrongState, match="publish it first"):
        services.go_live(make_version(first.automation), by=editor)
    assert not Promotion.objects.exists()


@pytest.mark.parametrize("role", [*ROLES, "stranger"])
@pytest.mark.parametrize("stage", ["prototype", "production"])
def test_who_may_change_what_is_live(stage: str, role: str) -> None:
    live = make_live(make_automation(stage=stage))
    version, person = published(live.automation), make_person(role)
    allowed = {"approver"} if stage == "production" else {"approver", "editor"}
    if role in allowed:
        services.go_live(version, by=person)
        services.roll_back(live.automation, by=person)
        assert live_of(live.automation) == live
        return
    verbs: list[Callable[[], Promotion]] = [
        lambda: services.go_live(version, by=person),
        lambda: services.roll_back(live.automation, by=person),
        lambda: services.rehearse(live.automation, by=person),
    ]
    for verb in verbs:
        with pytest.raises(NotAllowed):
            verb()
    assert live_of(live.automation) == live


def test_a_release_publishes_and_goes_live_in_one(first: Version, editor: Any) -> None:
    draft = make_version(first.automation)
    made = services.release(draft, by=editor)
    draft.refresh_from_db()
    assert draft.is_published
    assert draft.published_by == editor
    assert live_of(first.automation) == draft
    assert made.is_release
    with pytest.raises(WrongState, match="published already"):
        services.release(draft, by=editor)


def test_a_release_with_a_fault_leaves_nothing(first: Version, editor: Any) -> None:
    draft = make_version(first.automation, user_prompt="On {{ contents }}.")
    with pytest.raises(ValidationError):
        services.release(draft, by=editor)
    draft.refresh_from_db()
    assert not draft.is_published
    assert live_of(first.automation) == first
    assert not Promotion.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_release_that_breaks_in_the_middle_leaves_nothing(
    first: Version, editor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("lifecycle.services.promotions.ground.make_live", broken)
    draft = make_version(first.automation)
    with pytest.raises(RuntimeError):
        services.release(draft, by=editor)
    draft.refresh_from_db()
    assert not draft.is_published
    assert not Promotion.objects.exists()
    assert not AuditEvent.objects.filter(action="publish version").exists()


def test_in_production_who_may_only_publish_releases_nothing(editor: Any) -> None:
    draft = make_version(make_live(make_automation(stage="production")).automation)
    with pytest.raises(NotAllowed):
        services.release(draft, by=editor)
    draft.refresh_from_db()
    assert not draft.is_published


# --- rollback ------------------------------------------------------------------------------


def test_a_rollback_leads_to_what_was_live_before(
    first: Version, second: Version, editor: Any
) -> None:
    made = services.roll_back(first.automation, by=editor, reason="Wrong tone.")
    assert live_of(first.automation) == first
    assert (made.kind, made.from_version, made.to_version) == ("rollback", second, first)
    assert (made.state, made.reason) == ("done", "Wrong tone.")


def test_the_rollback_of_a_rollback_leads_forward_again(
    first: Version, second: Version, editor: Any
) -> None:
    for expected in (first, second, first):
        services.roll_back(first.automation, by=editor)
        assert live_of(first.automation) == expected


def test_before_means_live_before_not_the_next_lower_number(first: Version, editor: Any) -> None:
    automation = first.automation
    skipped = published(automation)
    third = published(automation)
    services.go_live(third, by=editor)
    assert promotions.version_before(Automation.objects.get()) == first
    services.roll_back(automation, by=editor)
    assert live_of(automation) == first
    assert skipped.number == 2


def test_without_a_promotion_the_trail_tells_what_was_live(first: Version, editor: Any) -> None:
    published(first.automation)
    third = published(first.automation)
    ground.make_live(third, by=editor)
    assert promotions.version_before(Automation.objects.get()) == first


def test_without_both_the_published_version_before_is_taken(first: Version) -> None:
    second = published(first.automation)
    make_version(first.automation)
    fourth = published(first.automation)
    Automation.objects.update(live_version=fourth)
    assert promotions.version_before(Automation.objects.get()) == second


def test_the_first_live_version_has_nothing_before_it(editor: Any) -> None:
    version = published(make_automation())
    services.go_live(version, by=editor)
    with pytest.raises(WrongState, match="No version was live before v1"):
        services.roll_back(version.automation, by=editor)
    with pytest.raises(WrongState, match="no live version"):
        services.roll_back(make_automation("empty"), by=editor)


def test_a_second_click_does_not_roll_forward_again(
    first: Version, second: Version, editor: Any
) -> None:
    services.roll_back(first.automation, by=editor, seen=second.pk)
    with pytest.raises(WrongState, match="v1 is live by now"):
        services.roll_back(first.automation, by=editor, seen=second.pk)
    assert live_of(first.automation) == first


def test_runs_under_way_and_queued_stay_on_their_version_and_new_ones_do_not(
    first: Version, second: Version, editor: Any, operator: Any
) -> None:
    automation = Automation.objects.get()

    def start() -> Any:
        automation.refresh_from_db()
        return ground.submit_run(automation, {"content": LONG_TEXT}, by=operator)

    claimed = start()
    (held,) = Claimer("worker").claim(1, now=timezone.now())
    queued = start()
    services.roll_back(automation, by=editor)
    fresh = start()
    for run in (claimed, queued, fresh):
        run.refresh_from_db()
    assert held.id == claimed.pk
    assert (claimed.status, claimed.version) == ("running", second)
    assert (queued.status, queued.version) == ("queued", second)
    assert fresh.version == first


def test_a_version_known_to_have_been_live_comes_before_one_that_never_was(
    first: Version, second: Version, editor: Any
) -> None:
    published(first.automation)
    fourth = published(first.automation)
    Automation.objects.update(live_version=fourth)
    assert promotions.version_before(Automation.objects.get()) == second


def test_it_is_told_where_nothing_was_ever_known_live(first: Version, second: Version) -> None:
    never = published(first.automation)
    assert [promotions.was_live(one) for one in (first, second, never)] == [True, True, False]
    Promotion.objects.all().delete()
    assert [promotions.was_live(one) for one in (first, second, never)] == [True, True, False]


def test_what_is_retired_only_approvers_change(editor: Any, approver: Any) -> None:
    live = make_live(make_automation(stage="retired"))
    version = published(live.automation)
    with pytest.raises(NotAllowed, match="make_live"):
        services.go_live(version, by=editor)
    assert live_of(live.automation) == live
    services.go_live(version, by=approver)
    assert live_of(live.automation) == version


def test_a_rollback_does_not_wait_for_evidence(
    first: Version, second: Version, editor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise AssertionError("a rollback asked for evidence")

    monkeypatch.setattr("lifecycle.evaluating.evidence.look", broken)
    made = services.roll_back(first.automation, by=editor)
    assert live_of(first.automation) == first
    assert made.checklist["evaluated_at"]


# --- rehearsal -----------------------------------------------------------------------------


def rehearsed(automation: Automation, by: Any) -> tuple[Promotion, list[str]]:
    """Rehearse; return the row and what was at fault."""
    made = services.rehearse(automation, by=by)
    return made, [finding["says"] for finding in made.findings if not finding["passed"]]


def test_a_rehearsal_changes_nothing_and_says_what_it_looked_at(
    first: Version, second: Version, editor: Any
) -> None:
    made, faults = rehearsed(first.automation, editor)
    assert (made.kind, made.state, made.from_version, made.to_version) == (
        "rehearsal", "done", second, first,
    )  # fmt: skip
    assert faults == []
    assert len(made.findings) == 5
    assert live_of(first.automation) == second


def test_a_rehearsal_without_a_version_before_has_failed(first: Version, editor: Any) -> None:
    made, faults = rehearsed(first.automation, editor)
    assert made.state == "declined"
    assert faults == ["No other version was live before."]
    with pytest.raises(WrongState, match="nothing to rehearse"):
        services.rehearse(make_automation("empty"), by=editor)


def test_a_rehearsal_finds_a_field_that_the_input_lost(
    first: Version, second: Version, editor: Any
) -> None:
    Automation.objects.update(input_schema={"type": "object", "properties": {"title": {}}})
    made, faults = rehearsed(first.automation, editor)
    assert made.state == "declined"
    assert any("content" in fault for fault in faults)


def test_a_rehearsal_finds_a_key_that_is_not_set(editor: Any) -> None:
    provider = make_provider(base_url="https://m.example/v1", api_key_env="LOST_API_KEY")
    first = make_live(provider=provider)
    make_live(first.automation)
    _, faults = rehearsed(first.automation, editor)
    assert faults == ["LOST_API_KEY is not set."]


def test_a_rehearsal_finds_a_provider_that_is_stopped(
    first: Version, second: Version, editor: Any
) -> None:
    Provider.objects.update(circuit_opened_at=timezone.now(), circuit_reason="The key was refused.")
    _, faults = rehearsed(first.automation, editor)
    assert faults == ["It is stopped: The key was refused."]


def test_a_rehearsal_finds_a_secret_file_that_cannot_be_read(
    first: Version, second: Version, editor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY_FILE", "/nowhere/key")
    made, faults = rehearsed(first.automation, editor)
    assert made.state == "declined"
    assert "OPENAI_API_KEY_FILE names a file that cannot be read" in faults[0]


def test_a_rehearsal_finds_a_check_that_is_no_longer_valid(editor: Any) -> None:
    first = make_live(rules=[("output", "regex", {"pattern": "("})])
    make_live(first.automation)
    made, faults = rehearsed(first.automation, editor)
    assert made.state == "declined"
    assert len(faults) == 1
    first = make_live(make_automation("other"), rules=[("output", "no_such_kind", {})])
    make_live(first.automation)
    assert rehearsed(first.automation, editor)[0].state == "declined"


def test_a_rehearsal_is_no_move(first: Version, second: Version, editor: Any) -> None:
    services.rehearse(first.automation, by=editor)
    make_promotion(first.automation, "live", state="declined", to_version=first)
    assert promotions.version_before(Automation.objects.get()) == first

"""Who may do what: every verb with every role, and the row it leaves in the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from automations import roles, services
from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Automation, Delivery, Run, Version
from lifecycle import roles as upper_floors
from tests.makers import (
    make_automation,
    make_delivery,
    make_destination,
    make_live,
    make_provider,
    make_run,
    make_version,
)
from tests.people import ROLES, make_person

pytestmark = pytest.mark.django_db
CAST = [*ROLES, "stranger"]
Verb = Callable[[Any], object]


def _live_in(stage: str) -> Verb:
    version = make_live(make_automation(stage=stage))
    return lambda by: services.make_live(version, by=by)


def _resolving(verb: Callable[..., object]) -> Verb:
    run = make_run(status="failed")
    destination = make_destination(run.automation)
    delivery = make_delivery(run, destination, state=Delivery.State.UNKNOWN)
    return lambda by: verb(delivery, by=by)


def _verbs() -> dict[str, tuple[Callable[[], Verb], set[str]]]:
    """Every verb with what it needs and the roles that may."""
    operate, edit, approve, administer = {"operator"}, {"editor"}, {"approver"}, {"admin"}
    return {
        "submit_run": (lambda: _on(make_live().automation, _submit), operate),
        "submit_batch": (lambda: _on(make_live().automation, _submit_batch), operate),
        "rerun": (lambda: _on(make_run(status="failed"), services.rerun), operate),
        "cancel_run": (lambda: _on(make_run(), services.cancel_run), operate),
        "pause": (lambda: _on(make_automation(), services.pause), operate),
        "resume": (lambda: _on(make_automation(), services.resume), operate),
        "create_draft": (lambda: _on(make_automation(), services.create_draft), edit),
        "create_automation": (
            lambda: _on(Automation(name="New", slug="new"), services.create_automation),
            edit,
        ),
        "save_draft": (lambda: _on(_changed(make_version()), services.save_draft), edit),
        "draft_like": (lambda: _on(make_live(), services.draft_like), edit),
        "try_version": (lambda: _on(make_version(), _try), operate | edit),
        "try_pair": (lambda: _on(make_version(make_live().automation), _pair), operate | edit),
        "publish_version": (lambda: _on(make_version(), services.publish_version), edit),
        "make_live (prototype)": (lambda: _live_in("prototype"), edit | approve),
        "make_live (production)": (lambda: _live_in("production"), approve),
        "approve_delivery": (
            lambda: _on(make_run(status="awaiting_approval"), services.approve_delivery),
            approve,
        ),
        "send_again": (lambda: _resolving(services.send_again), approve),
        "mark_delivered": (lambda: _resolving(services.mark_delivered), approve),
        "halt": (lambda: lambda by: services.halt(by=by, reason="test"), approve | administer),
        "unhalt": (lambda: lambda by: services.unhalt(by=by), approve | administer),
        "set_key": (lambda: _on(make_provider(), _set_key), administer),
        "ask_for_test": (lambda: _on(make_provider(), services.ask_for_test), administer),
    }


def _on(subject: Any, verb: Callable[..., object]) -> Verb:
    return lambda by: verb(subject, by=by)


def _submit(automation: Automation, *, by: Any) -> Run:
    return services.submit_run(automation, {"content": "x"}, by=by)


def _submit_batch(automation: Automation, *, by: Any) -> object:
    return services.submit_batch(automation, [{"content": "x"}], by=by, name="rows")


def _changed(draft: Version) -> Version:
    draft.system_prompt = "Be kind."
    return draft


def _try(version: Version, *, by: Any) -> Run:
    return services.try_version(version, {"content": "x"}, by=by)


def _pair(version: Version, *, by: Any) -> object:
    live = version.automation.live_version
    assert live
    return services.try_pair(version, live, {"content": "x"}, by=by, key="k")


def _set_key(provider: Any, *, by: Any) -> object:
    return services.set_key(provider, "secret-value", by=by)


VERBS = _verbs()


@pytest.mark.parametrize("person", CAST)
@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_for_its_roles_alone(name: str, person: str) -> None:
    prepare, allowed = VERBS[name]
    verb, by = prepare(), make_person(person)
    before = AuditEvent.objects.count()
    if person in allowed:
        verb(by)
        event = AuditEvent.objects.first()
        assert AuditEvent.objects.count() > before
        assert event is not None
        assert event.by_name == person
        return
    with pytest.raises(NotAllowed, match="ask an administrator"):
        verb(by)
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("name", VERBS)
def test_nobody_at_all_may_do_nothing(name: str) -> None:
    prepare, _allowed = VERBS[name]
    verb = prepare()
    with pytest.raises(NotAllowed):
        verb(None)


def test_migrate_makes_the_groups_with_their_rights() -> None:
    call_command("migrate", verbosity=0)
    for name, ground in roles.ROLES.items():
        rights = ground | upper_floors.ROLES[name]
        held = Group.objects.get(name=name).permissions.select_related("content_type")
        assert {f"{p.content_type.app_label}.{p.codename}" for p in held} == rights


def test_rights_that_a_team_added_survive_the_next_migrate() -> None:
    viewers = Group.objects.get(name="Viewers")
    extra = Group.objects.get(name="Operators").permissions.get(codename="start_run")
    viewers.permissions.add(extra)
    call_command("migrate", verbosity=0)
    assert viewers.permissions.filter(codename="start_run").exists()


def test_the_trail_says_what_was_before_and_after(editor: Any) -> None:
    first = make_live(make_automation(stage="prototype"))
    second = make_live(first.automation)
    services.make_live(first, by=editor)
    event = AuditEvent.objects.get(action="make live")
    assert (event.by_name, event.object_id) == ("editor", str(first.automation_id))
    assert event.before == {"live_version": second.number}
    assert event.after == {"live_version": first.number}


def test_an_event_of_the_trail_is_never_saved_again(operator: Any) -> None:
    services.pause(make_automation(), by=operator)
    event = AuditEvent.objects.get()
    event.action = "something else"
    with pytest.raises(WrongState, match="never rewritten"):
        event.save()

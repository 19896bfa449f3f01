"""Two people at once: one move, one row, a sentence for the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, connections

from automations import roles as ground_roles
from automations.errors import WrongState
from automations.models import Automation
from lifecycle import roles, services
from lifecycle.models import Promotion, Team
from tests.lifecycle.makers import exempt_all
from tests.lifecycle.test_promotions_live import live_of, published
from tests.makers import make_automation, make_live
from tests.people import make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(transactional_db: None) -> list[User]:
    """Three approvers; a flushed database has lost its groups."""
    ground_roles.grant()
    roles.grant()
    found = [make_person(name) for name in ("anna", "bert", "carl")]
    for user in found:
        user.groups.add(Group.objects.get(name="Approvers"))
    return found


def at_once(*verbs: Callable[[], Any]) -> tuple[list[Any], list[BaseException]]:
    """Do all of it in threads at the same moment; return what came of it and what was refused."""
    together, results, errors = threading.Barrier(len(verbs)), [], []

    def act(verb: Callable[[], Any]) -> None:
        try:
            together.wait(20)
            results.append(verb())
        except BaseException as error:  # noqa: BLE001  looked at below
            errors.append(error)
        finally:
            connection.close()
            connections.close_all()

    threads = [threading.Thread(target=act, args=(verb,)) for verb in verbs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results, errors


def test_of_two_who_agree_at_once_one_wins(people: list[User]) -> None:
    Team.objects.create(pk=1, second_person=True)
    automation = make_live().automation
    exempt_all(automation, *range(1, 17))
    asked = services.promote(automation, "production", by=people[0])
    results, errors = at_once(
        *(lambda by=by: services.decide_promotion(asked, "approve", by=by) for by in people[1:])
    )
    assert len(results) == 1
    assert [type(error) for error in errors] == [WrongState]
    assert "granted meanwhile" in str(errors[0])
    assert Promotion.objects.filter(state="done").count() == 1


def test_of_one_who_agrees_and_one_who_withdraws_one_wins(people: list[User]) -> None:
    Team.objects.create(pk=1, second_person=True)
    live = make_live(make_automation(stage="production"))
    version = published(live.automation)
    asked = services.go_live(version, by=people[0])
    results, errors = at_once(
        lambda: services.decide_promotion(asked, "approve", by=people[1]),
        lambda: services.withdraw_promotion(asked, by=people[0]),
    )
    assert (len(results), len(errors)) == (1, 1)
    assert isinstance(errors[0], WrongState)
    done = Promotion.objects.get().state == "done"
    assert live_of(live.automation) == (version if done else live)


def test_of_two_requests_at_once_one_waits(people: list[User]) -> None:
    Team.objects.create(pk=1, second_person=True)
    live = make_live(make_automation(stage="production"))
    versions = [published(live.automation) for _ in range(2)]
    results, errors = at_once(
        *(
            lambda by=by, version=version: services.go_live(version, by=by)
            for by, version in zip(people, versions, strict=False)
        )
    )
    assert len(results) == 1
    assert ["waits already" in str(error) for error in errors] == [True]
    assert Promotion.objects.count() == 1


def test_two_rollbacks_at_once_are_one(people: list[User]) -> None:
    first = make_live(make_automation(stage="production"))
    second = make_live(first.automation)
    results, errors = at_once(
        *(
            lambda by=by: services.roll_back(first.automation, by=by, seen=second.pk)
            for by in people
        )
    )
    assert len(results) == 1
    assert all("v1 is live by now" in str(error) for error in errors)
    assert live_of(first.automation) == first


def test_moves_of_one_automation_make_a_chain(people: list[User]) -> None:
    """Every row begins where the one before it ended, whatever the order."""
    first = make_live(make_automation(stage="production"))
    versions = [published(first.automation) for _ in range(3)]
    results, errors = at_once(
        *(
            lambda by=by, version=version: services.go_live(version, by=by)
            for by, version in zip(people, versions, strict=True)
        ),
        lambda: services.evaluate(Automation.objects.get()),
        lambda: services.evaluate(Automation.objects.get()),
    )
    assert errors == []
    at: Any = first.pk
    for row in Promotion.objects.order_by("decided_at", "pk"):
        assert row.from_version_id == at
        at = row.to_version_id
    last = live_of(first.automation)
    assert last
    assert last.pk == at
    assert len(results) == 5

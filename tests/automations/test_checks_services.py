"""The verbs on a draft's checks: rights, states, faults, order, and the trail they leave."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from automations import services
from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, ValidatorRule, Version
from tests.makers import make_live, make_version

pytestmark = pytest.mark.django_db

BOUNDS = {"min_stripped": 5, "max_raw": 60}


def new_rule(version: Version, **values: Any) -> ValidatorRule:
    defaults = {"direction": "output", "kind": "length", "settings": BOUNDS}
    return ValidatorRule(version=version, **{**defaults, **values})


def settings_in_order(version: Version) -> list[int]:
    rules = version.validator_rules.filter(direction="output")
    return [rule.settings["min_stripped"] for rule in rules]


def three_rules() -> list[ValidatorRule]:
    rules = [("output", "length", {**BOUNDS, "min_stripped": n}) for n in (1, 2, 3)]
    return list(make_version(rules=rules).validator_rules.all())


def test_a_new_check_goes_behind_the_others(editor: Any) -> None:
    draft = make_version()
    made = services.save_check(new_rule(draft), by=editor)
    assert made.position == 1
    assert settings_in_order(draft) == [50, 5]
    event = AuditEvent.objects.get(action="save check")
    assert (event.by, event.before, event.after["settings"]) == (editor, {}, BOUNDS)


def test_a_changed_check_keeps_its_place_and_tells_what_it_was(editor: Any) -> None:
    rule = three_rules()[0]
    rule.settings = {**BOUNDS, "min_stripped": 9}
    services.save_check(rule, by=editor)
    assert settings_in_order(rule.version) == [9, 2, 3]
    event = AuditEvent.objects.get(action="save check")
    assert event.before["settings"]["min_stripped"] == 1
    assert event.after["settings"]["min_stripped"] == 9


def test_missing_settings_get_the_directions_defaults(editor: Any) -> None:
    made = services.save_check(new_rule(make_version(), settings={}), by=editor)
    assert made.settings == {"min_stripped": 50, "max_raw": 1_300}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"settings": {"min_stripped": 9, "max_raw": 6}}, "no text can be both"),
        ({"settings": {"minimum": 9}}, "There is no setting `minimum`"),
        ({"settings": []}, "JSON object"),
        ({"kind": "magic"}, "There is no validator `magic`"),
        ({"direction": "sideways"}, "sideways"),
    ],
)
def test_a_faulty_check_is_refused_in_words(
    editor: Any, values: dict[str, Any], words: str
) -> None:
    draft = make_version(rules=[])
    with pytest.raises(ValidationError, match=words):
        services.save_check(new_rule(draft, **values), by=editor)
    assert not draft.validator_rules.exists()
    assert not AuditEvent.objects.filter(action="save check").exists()


def test_a_removed_check_is_gone_and_noted(editor: Any) -> None:
    rule = three_rules()[1]
    services.remove_check(rule, by=editor)
    assert settings_in_order(rule.version) == [1, 3]
    assert AuditEvent.objects.get(action="remove check").before["settings"]["min_stripped"] == 2


@pytest.mark.parametrize(
    ("which", "steps", "order"),
    [
        (0, 1, [2, 1, 3]),
        (2, -1, [1, 3, 2]),
        (0, -1, [1, 2, 3]),
        (2, 1, [1, 2, 3]),
        (0, 2, [2, 3, 1]),
    ],
)
def test_checks_move_and_stop_at_the_ends(
    editor: Any, which: int, steps: int, order: list[int]
) -> None:
    rule = three_rules()[which]
    services.move_check(rule, steps=steps, by=editor)
    assert settings_in_order(rule.version) == order


def test_moving_leaves_the_other_direction_alone(editor: Any) -> None:
    rules = [("input", "length", BOUNDS), ("output", "length", BOUNDS), ("output", "length", {})]
    first, second, third = make_version(rules=rules).validator_rules.all()
    services.move_check(third, steps=-1, by=editor)
    first.refresh_from_db()
    assert (first.direction, first.position) == ("input", 0)
    assert [rule.pk for rule in second.version.validator_rules.all()] == [
        first.pk, third.pk, second.pk,
    ]  # fmt: skip


VERBS: list[Callable[[ValidatorRule, Any], Any]] = [
    lambda rule, by: services.save_check(rule, by=by),
    lambda rule, by: services.remove_check(rule, by=by),
    lambda rule, by: services.move_check(rule, steps=1, by=by),
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("person", ["viewer", "operator", "approver", "admin", "stranger"])
def test_who_may_not_edit_checks_changes_none(
    verb: Callable[[ValidatorRule, Any], Any], person: str, request: pytest.FixtureRequest
) -> None:
    rule = three_rules()[0]
    with pytest.raises(NotAllowed, match="validatorrule"):
        verb(rule, request.getfixturevalue(person))
    assert settings_in_order(rule.version) == [1, 2, 3]


@pytest.mark.parametrize("verb", VERBS)
def test_a_published_versions_checks_stay(
    verb: Callable[[ValidatorRule, Any], Any], editor: Any
) -> None:
    rule = make_live().validator_rules.all()[0]
    with pytest.raises(WrongState, match="make a new draft"):
        verb(rule, editor)
    assert rule.version.validator_rules.count() == 2


@pytest.mark.parametrize("verb", VERBS)
def test_a_check_that_somebody_removed_does_not_come_back(
    verb: Callable[[ValidatorRule, Any], Any], editor: Any
) -> None:
    rule = three_rules()[0]
    ValidatorRule.objects.filter(pk=rule.pk).delete()
    with pytest.raises(WrongState, match="has removed this check"):
        verb(rule, editor)
    assert settings_in_order(rule.version) == [2, 3]


def test_publishing_in_between_refuses_the_save(editor: Any) -> None:
    rule = three_rules()[0]
    rule.settings = BOUNDS
    Version.objects.filter(pk=rule.version_id).update(published_at=timezone.now())
    with pytest.raises(WrongState):
        services.save_check(rule, by=editor)
    assert settings_in_order(rule.version) == [1, 2, 3]


@pytest.mark.django_db(transaction=True)
def test_people_who_move_checks_at_the_same_time_lose_none(editor: Any) -> None:
    rules = three_rules()
    together = threading.Barrier(len(rules))
    errors: list[BaseException] = []

    def move(rule: ValidatorRule, steps: int) -> None:
        try:
            together.wait(10)
            for _ in range(5):
                services.move_check(rule, steps=steps, by=editor)
                steps = -steps
        except BaseException as error:  # noqa: BLE001  raised again below
            errors.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=move, args=(rule, steps))
        for rule, steps in zip(rules, (1, -1, 1), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    left = ValidatorRule.objects.filter(version_id=rules[0].version_id).order_by("position")
    assert sorted(rule.pk for rule in left) == sorted(rule.pk for rule in rules)
    assert [rule.position for rule in left] == [0, 1, 2]
    assert AuditEvent.objects.filter(action="move check").count() == 15

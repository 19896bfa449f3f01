"""Verbs on the checks of a draft: save, remove, move."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import ValidatorRule, Version
from automations.services.acting import require


def save_check(rule: ValidatorRule, *, by: Actor) -> ValidatorRule:
    """Keep a draft's check; a new one goes behind the others of its direction.

    Raises:
        NotAllowed: the person may not edit checks.
        ValidationError: the settings are not what the kind needs, a sentence per fault.
        WrongState: the version is published, or somebody has removed the check.
    """
    require(by, f"automations.{'change' if rule.pk else 'add'}_validatorrule")
    rule.full_clean()
    with transaction.atomic():
        _hold_draft(rule.version_id)
        before = _values(_stored(rule)) if rule.pk else {}
        if not rule.pk:
            rule.position = len(_in_order(rule))
        rule.save()
        record("save check", rule, by=by, before=before, after=_values(rule))
    return rule


def remove_check(rule: ValidatorRule, *, by: Actor) -> None:
    """Remove a check from a draft.

    Raises:
        NotAllowed: the person may not remove checks.
        WrongState: the version is published, or the check is gone already.
    """
    require(by, "automations.delete_validatorrule")
    with transaction.atomic():
        _hold_draft(rule.version_id)
        stored = _stored(rule)
        record("remove check", stored, by=by, before=_values(stored))
        stored.delete()


def move_check(rule: ValidatorRule, *, steps: int, by: Actor) -> ValidatorRule:
    """Move a check among those of its direction: -1 is up, 1 is down; at an end it stays.

    Raises:
        NotAllowed: the person may not edit checks.
        WrongState: the version is published, or somebody has removed the check.
    """
    require(by, "automations.change_validatorrule")
    with transaction.atomic():
        _hold_draft(rule.version_id)
        stored = _stored(rule)
        rules = _in_order(stored)
        before = rules.index(stored)
        after = min(max(before + steps, 0), len(rules) - 1)
        rules.insert(after, rules.pop(before))
        for position, row in enumerate(rules):
            ValidatorRule.objects.filter(pk=row.pk).update(position=position)
        places = {"before": {"position": before}, "after": {"position": after}}
        record("move check", stored, by=by, **places)
    stored.refresh_from_db()
    return stored


def _hold_draft(version_id: int) -> None:
    """Lock the version, so that nobody publishes it or moves its checks in between."""
    version = Version.objects.select_for_update(of=("self",)).get(pk=version_id)
    if version.is_published:
        raise WrongState(f"{version} is published and never changes; make a new draft from it.")


def _stored(rule: ValidatorRule) -> ValidatorRule:
    found = ValidatorRule.objects.filter(pk=rule.pk).first()
    if found is None:
        raise WrongState("Somebody has removed this check in the meantime; add it anew.")
    return found


def _in_order(rule: ValidatorRule) -> list[ValidatorRule]:
    mates = ValidatorRule.objects.filter(version_id=rule.version_id, direction=rule.direction)
    return list(mates.order_by("position", "pk"))


def _values(rule: ValidatorRule) -> dict[str, Any]:
    return {
        "version": rule.version_id,
        "direction": rule.direction,
        "kind": rule.kind,
        "settings": rule.settings,
        "position": rule.position,
    }

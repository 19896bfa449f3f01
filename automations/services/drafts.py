"""Verbs on the recipe of a draft: save it, and save what was typed as a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from automations.audit import Actor, record
from automations.errors import ChangedMeanwhile
from automations.models import Version
from automations.recipes import EDITED, LABELS, marks_of
from automations.services.acting import require
from automations.services.versions import create_draft, hold_draft

LONGEST_KEPT = 2000


def save_draft(version: Version, *, by: Actor, seen: Mapping[str, str] | None = None) -> list[str]:
    """Keep a draft's changed recipe and return the names of the fields that differ.

    `seen` are the `marks_of` the version when its form was opened; without them nothing is
    compared.

    Raises:
        NotAllowed: the person may not edit versions.
        ValidationError: the recipe has faults, a sentence per fault.
        WrongState: the version is published.
        ChangedMeanwhile: somebody else has saved since; nothing is kept.
    """
    require(by, "automations.change_version")
    version.full_clean(exclude=["number"])
    with transaction.atomic():
        stored = hold_draft(version.pk)
        if seen is not None:
            _refuse_stale(stored, seen)
        old, new = marks_of(stored), marks_of(version)
        names = [name for name in EDITED if old[name] != new[name]]
        if names:
            version.save(update_fields=names)
            before, after = (
                {name: _kept(row, name) for name in names} for row in (stored, version)
            )
            record("save draft", version, by=by, before=before, after=after)
    return names


def draft_like(version: Version, *, by: Actor) -> Version:
    """Make a new draft with the recipe of `version` as it is in memory, and the stored checks.

    Raises:
        NotAllowed, ValidationError: as `create_draft` and `save_draft`.
    """
    with transaction.atomic():
        draft = create_draft(version.automation, by=by, source=version)
        for name in EDITED:
            setattr(draft, name, getattr(version, name))
        save_draft(draft, by=by)
    return draft


def _refuse_stale(stored: Version, seen: Mapping[str, str]) -> None:
    now = marks_of(stored)
    names = frozenset(name for name in EDITED if seen.get(name) != now[name])
    if names:
        listed = ", ".join(LABELS[name].lower() for name in EDITED if name in names)
        raise ChangedMeanwhile(
            f"Somebody changed {listed} while you were writing; look at it, then save again.",
            names=names,
        )


def _kept(version: Version, name: str) -> Any:
    value = getattr(version, name)
    plain = value is None or isinstance(value, (bool, int, float))
    return value if plain else str(value)[:LONGEST_KEPT]

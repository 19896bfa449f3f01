"""Verbs on the team's own rules."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db import transaction

from automations import services
from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import AuditEvent
from lifecycle.models import Team

CHANGE = "change team rules"

RULES = (
    "formula",
    "weights",
    "quality_gate",
    "second_person",
    "hour_rate_usd",
    "review_rate_usd",
    "owed_days",
)


def change_team(team: Team, *, by: Actor, seen: str | None = None) -> Team:
    """Keep the team's rules; they hold for what is scored and decided from now on.

    `seen` is the `print_of` the rules that the person saw, so that nobody undoes unawares what
    somebody else has changed meanwhile.

    Raises:
        NotAllowed: the person may not change them.
        WrongState: they are not what the person saw any more.
        ValidationError: weights that do not sum to 1, a negative rate, no days to pay.
    """
    services.require(by, "lifecycle.change_team")
    team.full_clean()
    with transaction.atomic():
        stored = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        if seen is not None and seen != print_of(stored):
            raise WrongState(
                f"{_last_changed_by()} changed the rules meanwhile; open this page anew, then "
                "change what you want."
            )
        before = _told(stored)
        team.save()
        record(CHANGE, team, by=by, before=before, after=_told(team))
    return team


def print_of(team: Team) -> str:
    """Return a short text that is another one for other rules."""
    told = json.dumps(_told(team), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _last_changed_by() -> str:
    event = AuditEvent.objects.filter(object_type="team", action=CHANGE).order_by("-pk").first()
    return event.by_name if event else "Somebody"


def _told(team: Team) -> dict[str, Any]:
    told = {name: getattr(team, name) for name in RULES}
    for name in ("hour_rate_usd", "review_rate_usd"):
        told[name] = None if told[name] is None else f"{told[name]:.2f}"
    return told

"""Verbs on the team's own rules."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from automations import services
from automations.audit import Actor, record
from lifecycle.models import Team

RULES = (
    "formula",
    "weights",
    "quality_gate",
    "second_person",
    "hour_rate_usd",
    "review_rate_usd",
    "owed_days",
)


def change_team(team: Team, *, by: Actor) -> Team:
    """Keep the team's rules; they hold for what is scored and decided from now on.

    Raises:
        NotAllowed: the person may not change them.
        ValidationError: weights that do not sum to 1, a negative rate, no days to pay.
    """
    services.require(by, "lifecycle.change_team")
    team.full_clean()
    with transaction.atomic():
        before = _told(Team.objects.select_for_update().get(pk=team.pk))
        team.save()
        record("change team rules", team, by=by, before=before, after=_told(team))
    return team


def _told(team: Team) -> dict[str, Any]:
    told = {name: getattr(team, name) for name in RULES}
    for name in ("hour_rate_usd", "review_rate_usd"):
        told[name] = None if told[name] is None else str(told[name])
    return told

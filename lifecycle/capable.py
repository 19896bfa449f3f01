"""Who can take a next step: by the page it leads to, so that nobody is sent into a refusal."""

from __future__ import annotations

from typing import Any

from django.urls import Resolver404, resolve

from automations import roles as ground
from lifecycle import roles
from lifecycle.evidence.base import Link

# What somebody must be able to do for whom a page is the next step, by the name of its address.
RIGHTS = {
    "admin:automations_provider_change": "automations.change_provider",
    "automation_connections": "automations.change_destination",
    "automation_run": "automations.start_run",
    "automation_versions": "automations.add_version",
    "criteria": "lifecycle.add_criterion",
    "destination_new": "automations.add_destination",
    "drill": "automations.start_run",
    "failure_modes": "lifecycle.add_failuremode",
    "playground": "automations.start_run",
    "prototype": "lifecycle.add_prototype",
    "reviews": "monitoring.add_review",
    "scorecard": "lifecycle.add_decision",
    "scorecard_new": "lifecycle.add_scorecard",
    "version_checks": "automations.add_validatorrule",
}
ROLES = ("Operators", "Editors", "Approvers", "Admins")
MOVERS = ("automations.change_automation", "automations.make_live")
PUBLISHERS = ("automations.publish_version", "automations.make_live")
EITHER = {"promotions": MOVERS, "version": PUBLISHERS}


def who_else(step: Link, user: Any) -> str:
    """Return who can take a step that this person cannot, as a sentence; "" where they can."""
    rights = _rights(step.url)
    if not rights or any(user.has_perm(right) for right in rights):
        return ""
    role = next((name for name in ROLES if any(_grants(name, right) for right in rights)), "Admins")
    noun = role.removesuffix("s").lower()
    return f"{'An' if noun[0] in 'aeo' else 'A'} {noun} can do this."


def _rights(url: str) -> tuple[str, ...]:
    try:
        name = resolve(url.partition("?")[0].partition("#")[0]).view_name
    except Resolver404:
        return ()
    right = RIGHTS.get(name)
    return (right,) if right else EITHER.get(name, ())


def _grants(role: str, right: str) -> bool:
    return right in ground.ROLES[role] or right in roles.ROLES[role]

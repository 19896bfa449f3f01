"""What browser tests of checklists look at."""

from __future__ import annotations

from django.urls import reverse

from automations.models import Automation
from lifecycle import evaluating
from lifecycle.models import BoxChange
from tests.lifecycle.makers import make_exemption


def pages_of_checklists(automation: Automation) -> list[str]:
    """Return an automation's checklist, with an exempt box, and its history."""
    make_exemption(automation, 8)
    evaluating.evaluate(automation)
    BoxChange.objects.create(
        automation=automation, number=9, before="met", after="not_met", why="The check is gone."
    )
    shown, history = (
        reverse(name, args=[automation.slug]) for name in ("checklist", "checklist_history")
    )
    return [shown, f"{shown}?all", history, f"{history}?box=1"]

"""Promotions in every state, and the pages that show them."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.urls import reverse

from automations.models import Automation
from automations.services import SYSTEM
from lifecycle import services
from lifecycle.checklists import current, frozen
from tests.lifecycle.makers import make_promotion
from tests.makers import make_automation


def pages_of_promotions(automation: Automation) -> list[str]:
    """Return the pages on which moves are shown: made, overridden, rehearsed and waiting."""
    kept = {"checklist": frozen(current(automation)), "asked_by": User.objects.first()}
    moved = make_promotion(
        automation, "stage", from_stage="idea", to_stage="prototype", overrides=True,
        reason="The trade fair opens on Monday.",
        owed=[{"number": 5, "due_on": "2026-12-01"}], **kept,
    )  # fmt: skip
    asked = make_promotion(
        automation, "live", state="waiting", decided_at=None, recipe_hash="0" * 64,
        from_version=automation.live_version, to_version=automation.versions.drafts()[0], **kept,
    )  # fmt: skip
    services.rehearse(automation, by=SYSTEM)
    idea = make_automation("an-idea", stage="idea")
    rehearsal = automation.promotions.all()[0]
    return [
        *(reverse("promotions", args=[slug]) for slug in (automation.slug, idea.slug)),
        *(promotion.get_absolute_url() for promotion in (moved, asked, rehearsal)),
    ]

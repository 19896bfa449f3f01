"""What tests of the portfolio share: automations with everything a row shows, and their pages."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation
from lifecycle import phases
from lifecycle.models import BoxState, Checklist, ProfitPeriod
from tests.lifecycle.makers import make_review, make_scorecard
from tests.makers import make_automation, make_live, make_run


def make_checklist(
    automation: Automation, *, met: int = 0, days: int = 0, **values: Any
) -> Checklist:
    """Make a stored checklist on which the first boxes are met; it is not due for a day."""
    now = timezone.now()
    done = range(1, met + 1)
    since = now - timedelta(days=days)
    left = {str(p.number): since.isoformat() for p in phases.PHASES if p.may_be_left(done)}
    defaults = {
        "evaluated_at": now,
        "due_at": now + timedelta(days=1),
        "phase": phases.current_phase(done),
        "phase_since": since,
        "left": left,
    }
    checklist, _ = Checklist.objects.update_or_create(
        automation=automation, defaults={**defaults, **values}
    )
    BoxState.objects.bulk_create(
        BoxState(
            checklist=checklist,
            number=number,
            state="met" if number in done else "not_met",
            why="So it is.",
        )
        for number in phases.BOXES
    )
    return checklist


def make_profit(automation: Automation, gross: int, **values: Any) -> ProfitPeriod:
    """Make a saving of this month's first day."""
    day = timezone.localdate().replace(day=1)
    defaults = {"starts_on": day, "ends_on": day, "kind": "saving", "gross_usd": Decimal(gross)}
    return ProfitPeriod.objects.create(automation=automation, **{**defaults, **values})


def make_whole(slug: str, owner: User | None = None, **values: Any) -> Automation:
    """Make an automation with a scorecard, boxes, runs, a review and profit."""
    live = make_live(make_automation(slug, owner=owner, **values))
    automation = live.automation
    make_scorecard(automation)
    make_checklist(automation, met=5, days=20)
    make_run(live, status="failed")
    make_review(make_run(live, status="success", calls=1, cost_usd=Decimal("0.5")))
    make_profit(automation, 100)
    return automation


def pages_of_the_portfolio(automation: Automation) -> list[str]:
    """Return the pages of the portfolio, with rows that show everything."""
    make_whole("whole", owner=User.objects.order_by("pk").first())
    make_whole("second", is_sample=True)
    both = f"?a={automation.slug}&a=whole"
    return [
        *(reverse(name) for name in ("portfolio", "automations", "start", "compare")),
        reverse("portfolio") + "?q=nothing+is+called+that",
        reverse("portfolio") + "?sort=-profit&stuck=1&verdict=prototype",
        reverse("compare") + both,
        reverse("start_template", args=["ticket_classifier"]),
        reverse("automation", args=["whole"]),
    ]

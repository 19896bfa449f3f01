"""Automations that earned, for the tests that open every page."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation
from lifecycle.models import PortfolioDecision, PortfolioReview
from tests.lifecycle.makers import (
    make_effort,
    make_period,
    make_portfolio_review,
    make_scorecard,
)
from tests.makers import make_automation


def pages_of_money(automation: Automation) -> list[str]:
    """Return the pages of profit, of accuracy and of the monthly review, with rows on them."""
    earners = [automation, *(make_automation(f"earner-{number}") for number in range(5))]
    for number, earner in enumerate(earners):
        make_scorecard(earner, date=date(2026, 7, 1), elput_score=Decimal(4 + number))
        make_period(
            earner, starts_on=date(2026, 8, 1), ends_on=date(2026, 8, 30), unpriced_runs=number,
            gross_usd=Decimal(900 * number), review_seconds=1900, review_rate_usd=Decimal(500),
        )  # fmt: skip
        make_effort(earner, by=User.objects.first(), note="Setting up")
    period = make_period(automation)
    open_one = make_portfolio_review(automation)
    closed = make_portfolio_review(
        automation, month=date(2026, 9, 1), decision="kill", reason="Enough.",
        decided_at=timezone.now(), closed_at=timezone.now(),
    )  # fmt: skip
    _fill(open_one, earners)
    return [
        reverse("profit", args=[automation.slug]),
        reverse("profit_new", args=[automation.slug]),
        reverse("profit_period", args=[period.pk]),
        reverse("accuracy"),
        reverse("portfolio_review"),
        open_one.review.get_absolute_url(),
        closed.review.get_absolute_url(),
        reverse("portfolio_review_month", args=["2026-08"]),
    ]


def _fill(row: PortfolioDecision, earners: list[Automation]) -> None:
    """Give an open review a row of every look."""
    told = {
        "month": "2026-09",
        "choice": "fix",
        "label": "Fix",
        "says": "Success 88 %.",
        "tone": "",
    }
    figures = {
        **row.figures, "net": "12.00", "trend": "-3.10", "net_before": "15.10", "score": "6.0",
        "verdict": "prototype", "published": "6.0", "adjusted": "8.4", "success": 9, "finished": 10,
        "useful": 4, "reviewed": 5, "approval_low": 0.38, "approval_high": 0.96, "unpriced": 2,
        "overruled": "The board wants it.", "decided": "Build", "is_sample": True, "runs": 11,
        "blocker": "Alerts configured", "blocked_days": 16, "owed_late": ["Logging configured"],
        "computed_at": timezone.now().isoformat(),
    }  # fmt: skip
    review: PortfolioReview = row.review
    for earner, tone in zip(earners[1:4], ("ok", "bad", "off"), strict=True):
        PortfolioDecision.objects.create(
            review=review, automation=earner, suggested="fix", suggested_why="It lost $5.",
            figures={**figures, "followed": {**told, "tone": tone}},
            decision="fix" if tone == "ok" else "", decided_at=timezone.now(),
        )  # fmt: skip

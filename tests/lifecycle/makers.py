"""Plain makers of the top floor's rows: each makes one valid row; keywords change it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from automations.models import Automation, Drill, Run, Version
from lifecycle import elput
from lifecycle.models import (
    Attestation,
    BoxState,
    Checklist,
    Criterion,
    Decision,
    Effort,
    Exemption,
    FailureMode,
    PortfolioDecision,
    PortfolioReview,
    ProfitPeriod,
    Promotion,
    Prototype,
    Scorecard,
)
from lifecycle.phases import BOXES, State
from monitoring.models import Review
from tests.makers import make_run

PUBLISHED = {
    "revenue_impact": 7,
    "time_to_implement": 3,
    "risk": 2,
    "scalability": 9,
    "reusability": 9,
}


def make_scorecard(automation: Automation, **values: Any) -> Scorecard:
    """Make the article's own scorecard: 7, 3, 2, 9, 9 -> 6.0."""
    return Scorecard.objects.create(
        automation=automation, **{**PUBLISHED, "elput_score": Decimal("6.0"), **values}
    )


def make_decision(scorecard: Scorecard, **values: Any) -> Decision:
    """Make a decision to prototype; `decided_by` is nobody unless given."""
    defaults = {"verdict": Decision.Verdict.PROTOTYPE, "band": elput.verdict_of(Decimal(6)).value}
    return Decision.objects.create(scorecard=scorecard, **{**defaults, **values})


def make_criterion(automation: Automation, **values: Any) -> Criterion:
    """Make the criterion "success rate at least 95 %"."""
    defaults = {"metric": "success_rate", "operator": ">=", "number": Decimal(95)}
    return Criterion.objects.create(automation=automation, **{**defaults, **values})


def make_review(run: Run | None = None, **values: Any) -> Review:
    """Make an approval of a run's output; without a run, of a new successful one."""
    run = run or make_run(status="success", output_data={"text": "Fine."})
    defaults: dict[str, Any] = {
        "automation_id": run.automation.pk,
        "version_id": run.version_id,
        "verdict": Review.Verdict.APPROVED,
    }
    return Review.objects.create(run=run, **{**defaults, **values})


def make_drill(version: Version, **values: Any) -> Drill:
    """Make a drill that has passed; `finished_at=None` leaves it open."""
    defaults = {"finished_at": timezone.now(), "passed": True}
    return Drill.objects.create(
        automation=version.automation, version=version, **{**defaults, **values}
    )


def make_promotion(automation: Automation, kind: str = "live", **values: Any) -> Promotion:
    """Make a promotion that was done now."""
    defaults = {"state": Promotion.State.DONE, "decided_at": timezone.now()}
    return Promotion.objects.create(automation=automation, kind=kind, **{**defaults, **values})


def make_prototype(automation: Automation, **values: Any) -> Prototype:
    """Make an open prototype that began now."""
    started = values.pop("started_at", timezone.now())
    defaults = {"started_at": started, "due_at": started + Prototype.LASTS}
    return Prototype.objects.create(automation=automation, **{**defaults, **values})


def make_failure_mode(automation: Automation, **values: Any) -> FailureMode:
    """Make a failure mode that somebody thought of."""
    defaults = {"title": "The model is down", "response": "Wait, then run it again."}
    return FailureMode.objects.create(automation=automation, **{**defaults, **values})


def exempt_all(automation: Automation, *numbers: int) -> None:
    """Let these boxes pass for a month, so that a gate can be tested without their evidence."""
    until = timezone.localdate() + timedelta(days=30)
    for number in numbers:
        Exemption.objects.create(
            automation=automation, number=number, reason="For now.", until=until
        )


def make_checklist(automation: Automation, *satisfied: int, **values: Any) -> Checklist:
    """Make a checklist that was just looked at: these boxes are met, the others not."""
    now = timezone.now()
    defaults = {"evaluated_at": now, "due_at": now + Checklist.EVERY}
    checklist = Checklist.objects.create(automation=automation, **{**defaults, **values})
    for number in BOXES:
        state = State.MET if number in satisfied else State.NOT_MET
        BoxState.objects.create(checklist=checklist, number=number, state=state, why="So it is.")
    return checklist


def make_exemption(automation: Automation, number: int = 8, **values: Any) -> Exemption:
    """Make an exemption that holds for a month."""
    defaults = {"reason": "No drill yet.", "until": timezone.localdate() + timedelta(days=30)}
    return Exemption.objects.create(automation=automation, number=number, **{**defaults, **values})


def make_attestation(automation: Automation, number: int = 15, **values: Any) -> Attestation:
    """Make an attestation that holds for a month."""
    until = timezone.localdate() + timedelta(days=30)
    defaults = {"comment": "Nightly dump, restored on 3 May.", "expires_on": until}
    return Attestation.objects.create(
        automation=automation, number=number, **{**defaults, **values}
    )


def make_period(automation: Automation, **values: Any) -> ProfitPeriod:
    """Make the article's week: 10 hours at $240, costs not measured."""
    first = values.pop("starts_on", date(2026, 10, 5))
    defaults: dict[str, Any] = {
        "kind": ProfitPeriod.Kind.SAVING,
        "hours_saved": Decimal(10),
        "hour_rate_usd": Decimal(240),
        "gross_usd": Decimal(2400),
        "ends_on": first + timedelta(days=6),
    }
    return ProfitPeriod.objects.create(
        automation=automation, starts_on=first, **{**defaults, **values}
    )


def make_effort(automation: Automation, **values: Any) -> Effort:
    """Make eight hours in phase 2."""
    defaults = {"phase": 2, "on": date(2026, 10, 1), "hours": Decimal(8)}
    return Effort.objects.create(automation=automation, **{**defaults, **values})


def make_portfolio_review(automation: Automation, **values: Any) -> PortfolioDecision:
    """Make the open review of October 2026 with one undecided row that suggests to keep."""
    closed_at = values.pop("closed_at", None)
    review = PortfolioReview.objects.create(month=values.pop("month", date(2026, 10, 1)))
    defaults: dict[str, Any] = {"suggested": "keep", "suggested_why": "It earned $12."}
    figures = {"stage": "production", "phase": 1, "phase_title": "ELPUT validation",
               "satisfied": 0, "blocker": "", "blocked_days": 0, "owed_late": []}  # fmt: skip
    row = PortfolioDecision.objects.create(
        review=review, automation=automation, figures=figures, **{**defaults, **values}
    )
    if closed_at is not None:
        PortfolioReview.objects.filter(pk=review.pk).update(closed_at=closed_at)
    return row

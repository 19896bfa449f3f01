"""Deciding: scorecards, evidence, prototypes, promotions, money, portfolio reviews."""

from lifecycle.models.checklist import Attestation, BoxChange, BoxState, Checklist, Exemption
from lifecycle.models.criterion import Criterion
from lifecycle.models.portfolio import PortfolioDecision, PortfolioReview
from lifecycle.models.profit import Effort, ProfitPeriod
from lifecycle.models.promotion import Promotion
from lifecycle.models.prototype import Extension, FailureMode, Prototype
from lifecycle.models.scorecard import Decision, Scorecard
from lifecycle.models.team import Team

__all__ = [
    "Attestation",
    "BoxChange",
    "BoxState",
    "Checklist",
    "Criterion",
    "Decision",
    "Effort",
    "Exemption",
    "Extension",
    "FailureMode",
    "PortfolioDecision",
    "PortfolioReview",
    "ProfitPeriod",
    "Promotion",
    "Prototype",
    "Scorecard",
    "Team",
]

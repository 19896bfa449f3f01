"""What tests of scores share: every edge of the published bands, and a form as it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.urls import reverse

from automations.models import Automation
from lifecycle import elput
from lifecycle.models import Team
from tests.lifecycle.makers import PUBLISHED, make_decision, make_scorecard


@dataclass(frozen=True)
class Edge:
    """A mean before rounding, made of two values; the score and verdict it must get."""

    exact: str
    first: int
    others: int
    weight: str
    score: str
    verdict: str

    @property
    def values(self) -> dict[str, int]:
        return {**dict.fromkeys(elput.KEYS, self.others), elput.KEYS[0]: self.first}

    @property
    def weights(self) -> dict[str, str]:
        rest = (1 - Decimal(self.weight)) / 4
        return {**dict.fromkeys(elput.KEYS, str(rest)), elput.KEYS[0]: self.weight}


EDGES = [
    Edge("7.5", 8, 7, "0.50", "7.5", "build"),
    Edge("7.45", 8, 7, "0.45", "7.5", "build"),
    Edge("7.44", 8, 7, "0.44", "7.4", "prototype"),
    Edge("7.4", 8, 7, "0.40", "7.4", "prototype"),
    Edge("6.0", 6, 6, "0.20", "6.0", "prototype"),
    Edge("5.95", 5, 6, "0.05", "6.0", "prototype"),
    Edge("5.94", 5, 6, "0.06", "5.9", "skip"),
    Edge("5.9", 5, 6, "0.10", "5.9", "skip"),
    Edge("1.0", 1, 1, "0.20", "1.0", "skip"),
    Edge("10.0", 10, 10, "0.20", "10.0", "build"),
]


def use(**rules: Any) -> Team:
    """Let the team decide by these rules from now on."""
    team = Team.current()
    Team.objects.filter(pk=team.pk).update(**rules)
    return Team.current()


def sent(values: dict[str, int] | None = None, /, **more: Any) -> dict[str, Any]:
    """Return a scorecard's form as a browser sends it: the article's own values."""
    answers = {
        f"q_{question.key}": "unknown" for factor in elput.FACTORS for question in factor.questions
    }
    return {"date": "2026-11-20", "note": "", **answers, **(values or PUBLISHED), **more}


def pages_of_scorecards(automation: Automation) -> list[str]:
    """Make a history in which everything happened, and return the pages that show it."""
    old = make_scorecard(automation, date=date(2026, 1, 5), elput_score="9.9", note="Wrong.")
    reason = {"overrules": True, "reason": "A client pays."}
    make_decision(old, verdict="simplify", **reason)
    new = make_scorecard(
        automation, date=date(2026, 3, 5), formula="adjusted", weights=elput.FRAGILE,
        elput_score="8.2", actual_profit_usd=2400, reasons={"risk": "Easy to spot."}, risk=5,
        simplified_from=old, answers={"all_pieces": {"answer": "yes", "note": "Here."}},
    )  # fmt: skip
    make_decision(new, verdict="build")
    slug = automation.slug
    return [
        *(reverse(name) for name in ("scorecards", "idea_new", "team_settings")),
        reverse("automation_scorecards", args=[slug]), reverse("scorecard_new", args=[slug]),
        old.get_absolute_url(), new.get_absolute_url(),
    ]  # fmt: skip

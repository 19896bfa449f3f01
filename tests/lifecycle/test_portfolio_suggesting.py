"""What a month's figures suggest: every rule, and its edges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.portfolio_figures import Figures
from lifecycle.portfolio_suggesting import suggest

pytestmark = pytest.mark.once


def figures(**values: Any) -> Figures:
    given: dict[str, Any] = {
        "stage": "production",
        "phase": 5,
        "phase_title": "Monitoring and observability",
        "satisfied": 18,
        "blocker": "Alerts configured",
        "blocked_days": 3,
        "owed_late": [],
        **values,
    }
    return Figures(**given)


@pytest.mark.parametrize(
    ("values", "choice", "why"),
    [
        ({"stage": "retired", "net": "99.00"}, "kill", "It is retired"),
        ({"net": "110.00", "net_before": "100.00"}, "double_down", "earned $110, after $100"),
        ({"net": "109.99", "net_before": "100.00"}, "keep", "earned $109.99, after $100"),
        ({"net": "50.00", "net_before": "100.00"}, "keep", "after $100"),
        ({"net": "1.00", "net_before": "-1000.00"}, "keep", "earned $1, after a loss of $1,000"),
        ({"net": "1.00", "net_before": "0.00"}, "keep", "earned $1, after nothing the month"),
        ({"net": "50.00", "is_sample": True}, "keep", "This rests on sample data."),
        ({"net": "50.00", "verdict": "build", "score": "8.0"}, "double_down", "8.0 says build"),
        ({"net": "50.00", "verdict": "skip", "score": "2.0"}, "keep", "no month yet to compare"),
        ({"net": "50.00", "success": 19, "finished": 20}, "fix", "95 % of 20 runs succeeded"),
        ({"net": "50.00", "success": 8, "finished": 9}, "keep", "earned $50"),
        ({"net": "50.00", "success": 96, "finished": 100}, "keep", "earned $50"),
        ({"net": "50.00", "useful": 9, "reviewed": 10}, "fix", "90 % of 10 reviewed"),
        ({"net": "50.00", "useful": 10, "reviewed": 11}, "keep", "earned $50"),
        ({"net": "-5.00", "net_before": "-7.00"}, "kill", "It lost $5, and $7 the month before."),
        ({"net": "-5.00", "net_before": "0.00"}, "fix", "It lost $5."),
        ({"net": "-5.00"}, "fix", "It lost $5."),
        ({"net": "0.00", "net_before": "-7.00"}, "fix", "It earned nothing."),
        ({"net": "-5.00", "success": 1, "finished": 10}, "fix", "10 % of 10 runs"),
        ({}, "fix", "nobody recorded what it brings"),
        ({"success": 1, "finished": 10}, "fix", "Also, 10 % of 10 runs"),
        ({"stage": "prototype"}, "keep", "On its way, in phase 5."),
        ({"stage": "prototype", "blocked_days": 30}, "keep", "On its way"),
        ({"stage": "prototype", "blocked_days": 31}, "fix", "Stuck 31 days on: Alerts"),
        ({"stage": "idea", "verdict": "skip", "score": "4.2"}, "kill", "4.2 says skip"),
        ({"stage": "idea", "verdict": "skip", "overruled": "The board."}, "keep", "On its way"),
    ],
)
def test_the_first_rule_that_fits_decides(values: dict[str, Any], choice: str, why: str) -> None:
    found = suggest(figures(**values))
    assert found.choice == choice
    assert why in found.why


@given(
    st.decimals("0.01", "100000", places=2),
    st.none() | st.decimals("-100000", "100000", places=2),
    st.sampled_from(["", "build", "prototype", "skip"]),
    st.integers(0, 20),
)
def test_what_makes_money_is_never_killed_whatever_was_predicted(
    net: Any, before: Any, verdict: str, success: int
) -> None:
    found = suggest(
        figures(
            net=str(net), net_before=None if before is None else str(before), verdict=verdict,
            score="1.0", success=success, finished=20,
        )
    )  # fmt: skip
    assert found.choice != "kill"
    assert found.why.endswith(".")

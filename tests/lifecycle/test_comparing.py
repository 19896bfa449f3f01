"""Automations side by side: the best marked in words, and sentences for what cannot be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from lifecycle.comparison import DASH, measure
from tests.lifecycle.makers import make_scorecard
from tests.lifecycle.portfolios import make_checklist, make_profit, make_whole
from tests.makers import make_automation

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewing(client: Client, viewer: Any) -> Client:
    client.force_login(viewer)
    return client


def compared(client: Client, *slugs: str) -> dict[str, list[tuple[str, bool]]]:
    """Return each row's cells as (text, whether best), by its label."""
    answer = client.get(reverse("compare"), {"a": slugs})
    assert answer.status_code == 200
    measures = [one for part in answer.context["parts"] for one in part.measures]
    return {one.label: [(cell.text, cell.is_best) for cell in one.cells] for one in measures}


def test_two_are_compared_in_the_order_asked_for(viewing: Client) -> None:
    make_whole("first")
    make_checklist(make_automation("second"), met=12)
    table = compared(viewing, "second", "first")
    assert table["All seven phases"] == [("12 of 29", True), ("5 of 29", False)]
    assert table["Phase"] == [("4. Deployment", True), ("2. Prototype", False)]
    assert table["Score, published"] == [(DASH, False), ("6.0, prototype this week", False)]
    assert table["Net profit, this month"] == [(DASH, False), ("$100", False)]
    assert table["Success, last 50 runs"] == [(DASH, False), ("50 %, 1 of 2", False)]


def test_lower_is_better_where_it_is(viewing: Client) -> None:
    for slug, risk in (("safe", 2), ("wild", 9)):
        make_scorecard(make_automation(slug), risk=risk, elput_score=Decimal(7))
    table = compared(viewing, "safe", "wild")
    assert table["Risk (lower is better)"] == [("2", True), ("9", False)]


def test_the_best_is_marked_in_words(viewing: Client) -> None:
    for slug, gross in (("low", 1), ("high", 2)):
        make_profit(make_automation(slug), gross)
    page = viewing.get("/compare/?a=low&a=high").content.decode()
    assert page.count("</svg> best") == 2


def test_equals_are_not_marked() -> None:
    one: Any = 3
    assert not any(cell.is_best for cell in measure("x", str, [one, one], lambda s: s).cells)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 200, "at least two"), ("?a=a1", 200, "at least two"),
        ("?a=a1&a=a1", 200, "at least two"), ("?a=a1&a=a2&a=a3&a=a4&a=a5", 200, "at most 4"),
        ("?a=a1&a=nope", 404, "There is no automation nope"),
        ("?a=a1&a=%00", 404, "There is no automation"),
        ("?a=a1&a=<b>", 404, "There is no automation &lt;b&gt;"),
    ],
)  # fmt: skip
def test_wrong_choices_are_said(viewing: Client, query: str, status: int, said: str) -> None:
    for at in range(1, 6):
        make_automation(f"a{at}")
    answer = viewing.get(f"/compare/{query}")
    assert answer.status_code == status
    assert said in answer.content.decode()


def test_four_fit_and_cost_what_two_cost(viewing: Client) -> None:
    for at in range(1, 5):
        make_whole(f"a{at}")
    viewing.get("/compare/?a=a1&a=a2")
    counts = []
    for query in ("?a=a1&a=a2", "?a=a1&a=a2&a=a3&a=a4"):
        with CaptureQueriesContext(connection) as captured:
            assert viewing.get(f"/compare/{query}").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 20


def test_a_stranger_does_not_know_the_page(client: Client, stranger: Any) -> None:
    client.force_login(stranger)
    assert client.get("/compare/").status_code == 404
    assert client.post("/compare/").status_code == 405

"""The scorecards' table: what it refuses, and the article's INSERT as published."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from lifecycle import elput
from lifecycle.models import Scorecard
from tests.lifecycle.makers import PUBLISHED, make_scorecard
from tests.lifecycle.scoring import EDGES, Edge
from tests.makers import make_automation

pytestmark = pytest.mark.django_db

# As the source article has it, to the letter.
PUBLISHED_INSERT = """
INSERT INTO automation_elput VALUES (
  default,
  'content_repurposer',
  CURRENT_DATE,
  7, 3, 2, 9, 9,
  6.0,
  2400  -- Actual: saved 10 hrs/week at $240/hr
);
"""
PUBLISHED_COLUMNS = [
    "id", "automation_name", "date", "revenue_impact", "time_to_implement", "risk", "scalability",
    "reusability", "elput_score", "actual_profit_usd",
]  # fmt: skip

on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="the article's SQL is written for PostgreSQL"
)


@pytest.mark.parametrize("value", [0, 11, -1])
@pytest.mark.parametrize("key", elput.KEYS)
def test_the_table_refuses_a_factor_outside_one_to_ten(key: str, value: int) -> None:
    automation = make_automation()
    row = Scorecard(automation=automation, elput_score=Decimal("6.0"), **{**PUBLISHED, key: value})
    with pytest.raises(IntegrityError, match=f"elput_{key}_1_to_10"), transaction.atomic():
        Scorecard.objects.bulk_create([row])


@pytest.mark.parametrize("score", ["0.9", "10.1", "99.9", "0.0", "-6.0"])
def test_the_table_refuses_a_score_that_cannot_be(score: str) -> None:
    automation = make_automation()
    row = Scorecard(automation=automation, elput_score=Decimal(score), **PUBLISHED)
    with pytest.raises(IntegrityError, match="elput_score_1_to_10"), transaction.atomic():
        Scorecard.objects.bulk_create([row])
    make_scorecard(automation)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE automation_elput SET elput_score = %s", [score])


def test_the_table_refuses_a_formula_that_nobody_knows() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_scorecard(make_automation(), formula="guess")


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.exact)
def test_every_edge_comes_back_from_the_table_as_it_went_in(edge: Edge) -> None:
    row = make_scorecard(
        make_automation(), elput_score=Decimal(edge.score), weights=edge.weights, **edge.values
    )
    row.refresh_from_db()
    assert row.elput_score == row.computed_score == Decimal(edge.score)
    assert row.verdict == edge.verdict


@on_postgresql
@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.exact)
def test_the_database_rounds_as_we_do(edge: Edge) -> None:
    row = make_scorecard(make_automation())
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE automation_elput SET elput_score = {edge.exact}")
    row.refresh_from_db()
    assert (row.elput_score, row.verdict) == (Decimal(edge.score), edge.verdict)


@on_postgresql
def test_the_published_columns_come_first_in_the_published_order() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, column_default, is_nullable FROM information_schema.columns "
            "WHERE table_name = 'automation_elput' ORDER BY ordinal_position"
        )
        rows = cursor.fetchall()
    assert [name for name, _, _ in rows][:10] == PUBLISHED_COLUMNS
    without = [name for name, default, null in rows[10:] if default is None and null == "NO"]
    assert without == [], "later columns have a default in the database"


def history(client: Client, user: Any) -> str:
    client.force_login(user)
    answer = client.get(reverse("automation_scorecards", args=["content_repurposer"]))
    assert answer.status_code == 200
    return answer.content.decode()


@on_postgresql
def test_the_published_insert_runs_and_its_row_appears_in_the_history(
    client: Client, viewer: Any
) -> None:
    make_automation("content_repurposer")
    with connection.cursor() as cursor:
        cursor.execute(PUBLISHED_INSERT)
    row = Scorecard.objects.get()
    assert (row.values, row.elput_score) == (PUBLISHED, Decimal("6.0"))
    assert (row.formula, row.weights, row.created_by) == ("published", elput.EQUAL, None)
    page = history(client, viewer)
    for words in ("Prototype this week", "$2,400.00", "8.4", "The two formulas disagree."):
        assert words in page
    assert client.get(row.get_absolute_url()).status_code == 200


def test_a_row_from_outside_shows_well_and_a_wrong_score_is_noticed(
    client: Client, viewer: Any
) -> None:
    automation = make_automation("content_repurposer")
    row = make_scorecard(automation, elput_score=Decimal("9.9"), actual_profit_usd=Decimal(2400))
    page = history(client, viewer)
    assert "The stored score is 9.9; from its factors follows 6.0 (Prototype this week)." in page
    assert "nobody known" not in page
    assert "None of the fifteen questions" in client.get(row.get_absolute_url()).content.decode()


@pytest.mark.parametrize("stored", [{}, [], "x", {"risk": 1}, {**elput.EQUAL, "risk": "9"}, None])
def test_weights_and_texts_that_make_no_sense_do_not_break_a_page(
    client: Client, viewer: Any, stored: Any
) -> None:
    automation = make_automation("content_repurposer")
    kept = {} if stored is None else stored
    row = make_scorecard(automation, weights=kept, reasons=kept, answers=kept)
    assert row.published_score == Decimal("6.0")
    assert "Its stored weights cannot be used" in history(client, viewer)
    assert client.get(row.get_absolute_url()).status_code == 200
    assert client.get(reverse("scorecards")).status_code == 200

"""One statement that gives many rows values of their own, alike on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from automations.engine.bulk import Change, update_many
from automations.models import Run
from tests.makers import make_live, make_run

pytestmark = pytest.mark.django_db

storable = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)
plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | storable
nested = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(storable, inner, max_size=3),
    max_leaves=6,
)
moments = st.integers(0, 4_000_000_000_000_000).map(
    lambda us: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)


@given(
    text=storable,
    data=nested,
    moment=st.none() | moments,
    cost=st.none() | st.decimals(0, 999_999, places=6),
    number=st.integers(0, 32_000),
)
def test_every_kind_of_value_comes_back_as_it_went(
    text: str, data: Any, moment: datetime | None, cost: Decimal | None, number: int
) -> None:
    run = Run.objects.first() or make_run()
    values = {
        "answer": text,
        "output_data": data,
        "deadline_at": moment,
        "cost_usd": cost,
        "calls": number,
    }
    assert update_many(Run, [Change(run.pk, {"fence": 0}, values)]) == {run.pk}
    run.refresh_from_db()
    assert {name: getattr(run, name) for name in values} == values


def test_each_row_gets_its_own_values() -> None:
    version = make_live()
    runs = [make_run(version) for _ in range(5)]
    changes = [Change(run.pk, {"fence": 0}, {"answer": f"for {run.pk}"}) for run in runs]
    assert update_many(Run, changes) == {run.pk for run in runs}
    answers = dict(Run.objects.values_list("pk", "answer"))
    assert answers == {run.pk: f"for {run.pk}" for run in runs}


def test_a_row_whose_guard_no_longer_matches_is_left_alone() -> None:
    version = make_live()
    kept, moved = make_run(version, fence=2), make_run(version, fence=3)
    changes = [Change(run.pk, {"fence": 2}, {"answer": "mine"}) for run in (kept, moved)]
    assert update_many(Run, changes) == {kept.pk}
    moved.refresh_from_db()
    assert moved.answer == ""


def test_a_guard_may_be_a_column_that_is_set_as_well() -> None:
    run = make_run(fence=2)
    assert update_many(Run, [Change(run.pk, {"fence": 2}, {"fence": 3})]) == {run.pk}
    run.refresh_from_db()
    assert run.fence == 3


def test_rows_that_set_the_same_columns_share_a_statement(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    version = make_live()
    runs = [make_run(version) for _ in range(6)]
    changes = [Change(run.pk, {"fence": 0}, {"answer": "x"}) for run in runs[:3]]
    changes += [Change(run.pk, {"fence": 0}, {"answer": "x", "calls": 1}) for run in runs[3:]]
    with django_assert_num_queries(2):
        update_many(Run, changes)


def test_nothing_to_change_asks_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert update_many(Run, []) == set()


def test_values_cannot_break_out_of_the_statement() -> None:
    run = make_run()
    text = """'"; DROP TABLE automation_runs; -- %s {} \\ $1"""
    update_many(Run, [Change(run.pk, {"fence": 0}, {"answer": text})])
    run.refresh_from_db()
    assert run.answer == text
    assert "automation_runs" in connection.introspection.table_names()

"""The source article's own SQL and its dashboard query, as published, on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from automations import services
from automations.models import Run
from tests.makers import make_live, make_run

CREATE_RUNS = """
CREATE TABLE automation_runs (
    id SERIAL PRIMARY KEY,
    automation_name VARCHAR(255),
    input_data JSONB,
    output_data JSONB,
    status VARCHAR(50),
    error_message TEXT,
    started_at TIMESTAMP DEFAULT NOW(),
    completed_at TIMESTAMP,
    execution_time_ms INTEGER
);
"""
CREATE_INDEXES = """
CREATE INDEX idx_automation_status ON automation_runs(status);
CREATE INDEX idx_automation_started_at ON automation_runs(started_at);
"""
DASHBOARD = "SELECT * FROM automation_runs ORDER BY started_at DESC LIMIT 1000"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="the article's SQL is written for PostgreSQL"
    ),
]


def _query(sql: str, *parameters: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _columns(schema: str) -> dict[str, str]:
    rows = _query(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_name = 'automation_runs' AND table_schema = %s",
        schema,
    )
    return {row["column_name"]: row["data_type"] for row in rows}


@pytest.fixture
def published() -> dict[str, str]:
    """The article's own table, made in a schema of its own; returns its columns' types."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA published; SET LOCAL search_path TO published")
        cursor.execute(CREATE_RUNS)
        cursor.execute(CREATE_INDEXES)
        cursor.execute("SET LOCAL search_path TO public")
    return _columns("published")


def test_every_published_column_is_there_with_its_type(published: dict[str, str]) -> None:
    ours = _columns("public")
    richer = {"timestamp without time zone": "timestamp with time zone"}
    expected = {name: richer.get(kind, kind) for name, kind in published.items()}
    expected["id"] = "bigint"
    assert {name: ours.get(name) for name in published} == expected


def test_the_published_indexes_are_there() -> None:
    rows = _query("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'automation_runs'")
    found = {row["indexname"]: row["indexdef"] for row in rows}
    assert "(status)" in found["idx_automation_status"]
    assert "(started_at)" in found["idx_automation_started_at"]


def test_the_dashboard_query_answers_unchanged() -> None:
    version, now = make_live(), timezone.now()
    for number, status in enumerate(["success", "success", "success", "failed"]):
        run = make_run(version, status=status, execution_time_ms=1000 * (number + 1))
        Run.objects.filter(pk=run.pk).update(started_at=now - timedelta(days=number // 2))
    rows = _query(DASHBOARD)
    rate = sum(row["status"] == "success" for row in rows) / len(rows)
    mean_s = sum(row["execution_time_ms"] for row in rows) / len(rows) / 1000
    per_day = [row["started_at"].date() for row in rows]
    assert (f"{rate:.1%}", f"{mean_s:.1f}s", len(rows)) == ("75.0%", "2.5s", 4)
    assert [per_day.count(day) for day in sorted(set(per_day))] == [2, 2]
    assert rows[0]["started_at"] >= rows[-1]["started_at"]


def test_a_row_of_published_columns_alone_can_be_inserted() -> None:
    slug = make_live().automation.slug
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO automation_runs (automation_name, input_data, output_data, status, "
            "completed_at, execution_time_ms) "
            """VALUES (%s, '{"content": "in"}', '{"text": "out"}', 'success', NOW(), 1200)""",
            [slug],
        )
    run = Run.objects.get()
    assert (run.automation.slug, run.output_text, run.status) == (slug, "out", "success")
    assert run.started_at is not None
    assert run.queued_at is not None


@pytest.mark.parametrize(
    ("values", "constraint"),
    [("'weird', NOW()", "run_status_known"), ("'success', NULL", "run_final_has_completed_at")],
)
def test_the_table_refuses_rows_that_cannot_be(values: str, constraint: str) -> None:
    slug = make_live().automation.slug
    with connection.cursor() as cursor, pytest.raises(Exception, match=constraint):
        cursor.execute(
            "INSERT INTO automation_runs (automation_name, status, completed_at) "
            f"VALUES (%s, {values})",
            [slug],
        )


def test_json_inside_input_and_output_can_be_queried() -> None:
    make_run(output_data={"label": "billing"}, status="success")
    rows = _query("SELECT output_data->>'label' AS label FROM automation_runs")
    assert rows == [{"label": "billing"}]


def test_the_audit_trail_refuses_to_be_rewritten() -> None:
    services.submit_run(make_live().automation, {"content": "x"}, by=services.SYSTEM)
    with connection.cursor() as cursor, pytest.raises(Exception, match="never rewritten"):
        cursor.execute("UPDATE automations_auditevent SET action = 'nothing'")

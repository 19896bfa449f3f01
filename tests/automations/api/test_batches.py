"""Batches by the API: JSON, CSV and JSON lines; all rows or none."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from automations.models import Batch, Run
from tests.automations.api.calling import Program, error_of
from tests.makers import make_automation, make_live

pytestmark = pytest.mark.django_db
BATCHES = "/automations/writer/batches"
CSV, LINES = "text/csv", "application/x-ndjson"
FIELDS = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["title"],
}


@pytest.fixture
def program(operator: User) -> Program:
    make_live(make_automation(input_schema=FIELDS))
    return Program.of(operator)


def inputs() -> list[Any]:
    return list(Run.objects.order_by("pk").values_list("input_data", flat=True))


def test_json_rows_become_runs(program: Program, operator: User) -> None:
    rows = [{"title": "A", "count": 1}, {"title": "B"}, "C"]
    answer = program.post(BATCHES, {"rows": rows, "name": "Three"})
    batch = Batch.objects.get()
    url = f"http://testserver/api/v1/batches/{batch.pk}"
    assert (answer.status_code, answer.json()) == (202, {"id": batch.pk, "total": 3, "url": url})
    assert (batch.name, batch.created_by) == ("Three", operator)
    assert inputs() == [{"title": "A", "count": 1}, {"title": "B"}, {"title": "C"}]


def test_csv_rows_follow_the_input_schema(program: Program) -> None:
    body = '\ufefftitle,count\r\n"A, quoted\nover two lines",7\r\n=1+1,\r\n'.encode()
    assert program.send("POST", f"{BATCHES}?name=Sheet", body, kind=CSV).status_code == 202
    assert inputs() == [{"title": "A, quoted\nover two lines", "count": 7}, {"title": "=1+1"}]


def test_json_lines_are_rows(program: Program) -> None:
    body = b'{"title": "A"}\n\n{"title": "B\\u2028", "count": 2}\r\n'
    assert program.send("POST", BATCHES, body, kind=LINES).status_code == 202
    assert inputs() == [{"title": "A"}, {"title": "B\u2028", "count": 2}]


def test_the_same_key_again_is_the_first_batch(program: Program) -> None:
    asked = {"rows": ["A"], "idempotency_key": "night-1"}
    first, second = program.post(BATCHES, asked), program.post(BATCHES, asked)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json() == second.json()
    address = f"{BATCHES}?idempotency_key=night-1"
    assert program.send("POST", address, b"title\nA\n", kind=CSV).status_code == 200
    assert (Batch.objects.count(), Run.objects.count()) == (1, 1)


def test_a_key_that_was_used_for_other_rows_is_refused(program: Program) -> None:
    program.post(BATCHES, {"rows": ["A"], "idempotency_key": "night-1"})
    Batch.objects.update(state="loading")  # and not even a batch that was cut short goes on so
    answer = program.post(BATCHES, {"rows": ["A", "B"], "idempotency_key": "night-1"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "key_used")
    assert (Batch.objects.count(), Run.objects.count()) == (1, 1)


WRONG: list[tuple[str, bytes, int, str]] = [
    ("application/json", b'{"rows": []}', 422, "rows"),
    ("application/json", b'{"rows": [{"title": "A"}, {"count": 1}]}', 422, "rows[1]"),
    ("application/json", b'{"rows": [{"title": 1}]}', 422, "rows[0].title"),
    ("application/json", b'{"rows": [{"title": "A", "x": 1}]}', 422, "rows[0].x"),
    ("application/json", b'{"rows": [[1]]}', 422, "rows[0]"),
    ("application/json", b'{"rows": ["A"], "state": "open"}', 422, "state"),
    (CSV, b"title,count\nA,many\n", 422, "rows[0].count"),
    (CSV, b"title,other\nA,1\n", 422, "rows[0].other"),
    (CSV, b"title\nA,1\n", 400, ""),
    (CSV, b"title,title\nA,B\n", 400, ""),
    (CSV, b'title\n"A\n', 400, ""),
    (CSV, b"title\n\xff\n", 400, ""),
    (CSV, b"title\n", 422, "rows"),
    (CSV, b"", 422, "rows"),
    (LINES, b'{"title": "A"}\n{"title": }\n', 400, ""),
    (LINES, b'{"title": "A", "title": "B"}\n', 400, ""),
    (LINES, b"3\n", 422, "rows[0]"),
]


@pytest.mark.parametrize(("kind", "body", "status", "field"), WRONG)
def test_one_wrong_row_and_nothing_starts(
    program: Program, kind: str, body: bytes, status: int, field: str
) -> None:
    answer = program.send("POST", BATCHES, body, kind=kind)
    assert answer.status_code == status, answer.content
    assert error_of(answer).get("field", "").startswith(field)
    assert (Batch.objects.count(), Run.objects.count()) == (0, 0)


def test_a_batch_has_bounds(program: Program) -> None:
    many = b"title\n" + b"A\n" * 10_001
    assert program.send("POST", BATCHES, many, kind=CSV).status_code == 422
    large = b"title\n" + b"A" * (5 * 1024 * 1024)
    assert program.send("POST", BATCHES, large, kind=CSV).status_code == 413


def test_a_batch_is_told_with_its_counts(program: Program) -> None:
    program.post(BATCHES, {"rows": ["A", "B"]})
    batch = Batch.objects.get()
    told = program.get(f"/batches/{batch.pk}").json()
    assert told["counts"] == {
        "queued": 2, "running": 0, "awaiting_approval": 0, "success": 0, "failed": 0,
        "cancelled": 0,
    }  # fmt: skip
    assert (told["automation"], told["total"]) == ("writer", 2)


def test_a_batch_is_cancelled(program: Program) -> None:
    program.post(BATCHES, {"rows": ["A", "B"]})
    batch = Batch.objects.get()
    assert program.post(f"/batches/{batch.pk}/cancel").status_code == 200
    assert program.get(f"/batches/{batch.pk}").json()["counts"]["cancelled"] == 2


def test_a_batch_that_is_not_there_is_not_found(program: Program) -> None:
    assert program.get("/batches/999999").status_code == 404
    assert program.post("/batches/999999/cancel").status_code == 404

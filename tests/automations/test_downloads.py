"""Results as files: complete, in order, harmless in a spreadsheet, and never whole in memory."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from automations import downloads, services
from automations.downloads import defused
from automations.models import Batch, Run
from tests.makers import LONG_TEXT, make_live, make_run

ROWS = 7


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1+1", "-1+1", "@SUM(A1)", "|calc", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1",
        "\ufeff=1", "\u200b=1", "\uff1d1+1", "\ufe62x", "\x00=1", "\x1f@x", "=", "-", "--1",
        "\ttext", "-1e5x", "+49 30",
    ],
)  # fmt: skip
def test_what_could_be_a_formula_is_defused(text: str) -> None:
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("plain", "plain"), ("", ""), (None, ""), (-5, "-5"), (-1.5, "-1.5"), ("-5.25", "-5.25"),
        (Decimal("0.000100"), "0.000100"), (True, "True"), ("a=b", "a=b"), ("'=x", "'=x"),
        ("3 - 2", "3 - 2"),
    ],
)  # fmt: skip
def test_everything_else_stays_what_it_is(value: Any, cell: str) -> None:
    assert defused(value) == cell


def begins_a_formula(cell: str) -> bool:
    """Say it differently than the code: fold the whole cell, drop what is invisible in front."""
    if cell[:1] in ("\t", "\r", "\n"):
        return True
    folded = unicodedata.normalize("NFKC", cell)
    visible = [c for c in folded if unicodedata.category(c)[0] not in "CZ"]
    return bool(visible) and visible[0] in "=+-@|"


@given(
    st.text(st.characters(codec="utf-8"), max_size=12).map(lambda t: t)
    | st.tuples(st.sampled_from(["", " ", "\t", "\ufeff", "\u200b", "\u3000"]),
                st.sampled_from("=+-@|\uff1d\uff0b\uff20"), st.text(max_size=5)).map("".join)
)  # fmt: skip
def test_no_exported_cell_begins_a_formula(text: str) -> None:
    (line,) = list(downloads.csv_lines([[text]]))[1:]
    (cells,) = csv.reader(io.StringIO(line, newline=""), strict=True)
    assert cells[0] in (text, f"'{text}")
    assert not begins_a_formula(cells[0]) or downloads._NUMBER.fullmatch(cells[0])
    assert line.startswith('"')
    assert line.endswith('"\r\n')


# --- results of a batch --------------------------------------------------------------------


@pytest.fixture
def batch(db: None, monkeypatch: pytest.MonkeyPatch) -> Batch:
    """Seven rows in chunks of two; the first succeeded, the second failed."""
    monkeypatch.setattr(downloads, "CHUNK", 2)
    live = make_live()
    given = [{"content": f"=row {n}"} for n in range(ROWS)]
    batch = services.submit_batch(live.automation, given, by=services.SYSTEM, name="rows")
    now = batch.created_at
    done = {"completed_at": now, "cost_usd": Decimal("0.25"), "execution_time_ms": 900}
    batch.runs.filter(batch_row=1).update(status="success", output_data={"text": "+good"}, **done)
    failed = {"status": "failed", "error_category": "timeout", "error_message": "-late"}
    batch.runs.filter(batch_row=2).update(**failed, completed_at=now)
    return batch


def csv_of(answer: Any) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_a_csv_has_every_row_in_order_with_its_outcome(
    client: Client, viewer: Any, batch: Batch
) -> None:
    client.force_login(viewer)
    answer = client.get(reverse("batch_results_csv", args=[batch.pk]))
    table = csv_of(answer)
    assert [line["row"] for line in table] == [str(n) for n in range(1, ROWS + 1)]
    assert table[0]["input_content"] == "'=row 0"
    assert table[0]["output_text"] == "'+good"
    assert (table[0]["status"], table[0]["cost_usd"]) == ("success", "0.250000")
    assert table[1]["error_category"] == "timeout"
    assert table[1]["error_message"] == "'-late"
    assert int(table[2]["run"]) == batch.runs.get(batch_row=3).pk


def test_a_jsonl_is_raw(client: Client, viewer: Any, batch: Batch) -> None:
    client.force_login(viewer)
    answer: Any = client.get(reverse("batch_results_jsonl", args=[batch.pk]))
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert [line["row"] for line in lines] == list(range(1, ROWS + 1))
    assert lines[0]["input"] == {"content": "=row 0"}
    assert lines[0]["output"] == {"text": "+good"}
    assert lines[1]["error_message"] == "-late"


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_results_are_an_attachment_that_no_browser_runs(
    client: Client, viewer: Any, batch: Batch, ending: str
) -> None:
    client.force_login(viewer)
    answer = client.get(reverse(f"batch_results_{ending}", args=[batch.pk]))
    name = f'filename="writer-batch-{batch.pk}-results.{ending}"'
    assert answer.headers["Content-Disposition"] == f"attachment; {name}"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.streaming


def test_fields_of_the_data_have_columns_of_their_own(db: None) -> None:
    schema = {"type": "object", "properties": {"label": {"type": "string"}, "n": {}}}
    live = make_live(output_schema=schema)
    batch = Batch.objects.create(automation=live.automation, version=live, loaded_rows=1)
    output = {"text": "spam", "data": {"label": "=spam", "n": [1, 2]}}
    make_run(live, batch=batch, batch_row=1, status="success", output_data=output)
    header, line = csv.reader("".join(downloads.results_csv(batch)).splitlines())
    cells = dict(zip(header, line, strict=True))
    assert (cells["output_label"], cells["output_n"]) == ("'=spam", "[1, 2]")


def test_the_newest_run_of_an_item_is_its_result(batch: Batch, operator: Any) -> None:
    failed = batch.runs.get(batch_row=2)
    again = services.retry_item(failed, by=operator)
    ids = [run.pk for run in downloads.item_runs(batch)]
    assert again.pk in ids
    assert failed.pk not in ids
    assert len(ids) == ROWS


def test_queries_grow_with_chunks_and_hold_no_cursor(
    batch: Batch, django_assert_num_queries: Any
) -> None:
    batch.automation.live_version  # noqa: B018  not what is counted
    with django_assert_num_queries(ROWS // 2 + 2):
        assert len(list(downloads.results_jsonl(batch))) == ROWS


def test_an_input_of_any_kind_is_a_cell(db: None) -> None:
    live = make_live()
    batch = Batch.objects.create(automation=live.automation, loaded_rows=1)
    make_run(live, batch=batch, batch_row=1, input_data={"content": LONG_TEXT, "x": {"a": 1}})
    assert Run.objects.count() == 1
    assert LONG_TEXT in "".join(downloads.results_csv(batch))

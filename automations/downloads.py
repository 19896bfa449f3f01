"""Results of a batch as CSV and JSONL, row by row; formulas in CSV cells are defused."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from automations.models import Batch, Run
from automations.models.run import text_of
from automations.schemas import fields_of

CHUNK = 500
TRIGGERS = frozenset("=+-@|\t\r\n")
BYTE_ORDER_MARK = "\ufeff"
FACTS = ("error_category", "error_code", "error_message", "cost_usd", "execution_time_ms", "model")

_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


def defused(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula; real numbers stay what they are.

    The first character counts that is left after white space, control and format characters, in
    its NFKC form: a full-width equals sign begins a formula as well.
    """
    if isinstance(value, (bool, int, float, Decimal)):
        return str(value)
    text = "" if value is None else str(value)
    return f"'{text}" if _could_be_formula(text) and not _NUMBER.fullmatch(text) else text


def _could_be_formula(text: str) -> bool:
    if text[:1] in {"\t", "\r", "\n"}:
        return True
    for char in text:
        folded = unicodedata.normalize("NFKC", char).strip()
        if folded and unicodedata.category(folded[0])[0] not in "CZ":
            return folded[0] in TRIGGERS
    return False


class Line:
    """A file that keeps nothing: what is written comes back."""

    def write(self, text: str) -> str:
        """Return the text."""
        return text


def csv_lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield CSV lines, every cell quoted and defused, after a byte order mark for spreadsheets."""
    writer = csv.writer(Line(), quoting=csv.QUOTE_ALL)
    yield BYTE_ORDER_MARK
    for row in rows:
        yield str(writer.writerow([defused(cell) for cell in row]))


def results_csv(batch: Batch) -> Iterator[str]:
    """Yield the batch's results as CSV: a line per row of the batch, the newest run of each."""
    inputs = [field.name for field in fields_of(batch.automation.input_schema)]
    outputs = _output_names(batch)
    return csv_lines(_table(batch, inputs, outputs))


def _table(batch: Batch, inputs: list[str], outputs: list[str]) -> Iterator[list[Any]]:
    yield [
        *("row", "run", "status"), *(f"input_{name}" for name in inputs),
        "output_text", *(f"output_{name}" for name in outputs), *FACTS,
    ]  # fmt: skip
    for run in item_runs(batch):
        data = _data_of(run)
        given = run.input_data if isinstance(run.input_data, dict) else {}
        yield [
            *(run.batch_row, run.pk, run.status),
            *(_cell(given.get(name)) for name in inputs),
            text_of(run.output_data),
            *(_cell(data.get(name)) for name in outputs),
            *(getattr(run, name) for name in FACTS),
        ]


def _output_names(batch: Batch) -> list[str]:
    version = batch.version or batch.automation.live_version
    schema = version.output_schema if version else None
    return list(schema.get("properties", {})) if schema else []


def _data_of(run: Run) -> dict[str, Any]:
    output = run.output_data
    data = output.get("data", output) if isinstance(output, dict) else None
    return data if isinstance(data, dict) else {}


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def results_jsonl(batch: Batch) -> Iterator[str]:
    """Yield the batch's results as JSONL: raw, an object per row of the batch."""
    encoder = DjangoJSONEncoder(ensure_ascii=False)
    for run in item_runs(batch):
        facts = {name: getattr(run, name) for name in FACTS}
        yield encoder.encode(
            {
                "row": run.batch_row, "run": run.pk, "status": run.status,
                "input": run.input_data, "output": run.output_data, **facts,
            }
        ) + "\n"  # fmt: skip


def item_runs(batch: Batch) -> Iterator[Run]:
    """Yield the newest run of every row, in order, a chunk of them in memory at a time.

    By key instead of a cursor: a slow reader holds neither a transaction nor a lock.
    """
    key = "batch_row" if batch.loaded_rows else "pk"
    columns = ("batch", "batch_row", "status", "input_data", "output_data", *FACTS)
    runs, last = batch.items.only(*columns).order_by(key), 0
    while chunk := list(runs.filter(**{f"{key}__gt": last})[:CHUNK]):
        yield from chunk
        last = getattr(chunk[-1], key)

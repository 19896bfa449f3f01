"""Rows of a CSV or JSONL file as inputs, read one by one; a bad row is named by its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automations.errors import Problem, WrongState
from automations.inputs import typed_value
from automations.models import Automation
from automations.text import clean_data, load_json

MAX_CELL = 1_000_000


def read_rows(automation: Automation, path: Path) -> Iterator[dict[str, Any]]:
    """Yield an input per row; the file is never loaded whole.

    Raises:
        WrongState: another kind of file, unknown or missing columns, a line that does not parse.
    """
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".ndjson": _jsonl_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise WrongState(f"{path.name} is neither .csv nor .jsonl; save it as one of them.")
    try:
        for line, row in reader(path):
            checked = _checked(automation, row, line)
            yield _typed(automation, checked, line) if reader is _csv_rows else checked
    except UnicodeDecodeError as error:
        raise WrongState(
            f"{path.name} is not UTF-8 text; save it as UTF-8 and try again."
        ) from error


def _csv_rows(path: Path) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(MAX_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for row in reader:
                yield reader.line_num, row
        except csv.Error as error:
            raise WrongState(f"Line {reader.line_num} is not CSV: {error}.") from error


def _jsonl_rows(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield number, load_json(line)
            except Problem as problem:
                raise WrongState(f"Line {number}: {problem}") from problem
            except (ValueError, RecursionError) as error:
                raise WrongState(f"Line {number} is not a JSON object; mend it.") from error


def _typed(automation: Automation, row: dict[str, str], line: int) -> dict[str, Any]:
    """Return a row of cells as values of their fields; an empty cell is no number, but absent."""
    fields = automation.input_schema["properties"]
    filled = {n: c for n, c in row.items() if c or fields[n].get("type", "string") == "string"}
    try:
        return {name: typed_value(automation, name, cell) for name, cell in filled.items()}
    except WrongState as error:
        raise WrongState(f"Line {line}: {error}") from error


def _checked(automation: Automation, row: Any, line: int) -> dict[str, Any]:
    if isinstance(row, str) and automation.takes_plain_text:
        row = {"content": row}
    if not isinstance(row, dict):
        raise WrongState(f"Line {line} is not an object with fields; mend it.")
    if None in row or None in row.values():
        raise WrongState(f"Line {line} has more or fewer cells than the header; mend it.")
    unknown = [name for name in row if name not in automation.input_names]
    if unknown:
        known = ", ".join(automation.input_names)
        raise WrongState(f"Line {line} has the unknown column {unknown[0]!r}; known: {known}.")
    cleaned = clean_data(row)
    assert isinstance(cleaned, dict)  # noqa: S101  narrows: an object stays one
    return cleaned

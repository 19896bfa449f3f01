"""CSV and JSON lines to a text that a model can read: a block of `name: value` lines per row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence

from automations.documents import problems
from automations.errors import Problem
from automations.text import NotFinite, load_json

MAX_COLUMNS = 1_000
MAX_CELL_CHARS = 1_000_000
DELIMITERS = ",;\t|"
SNIFFED_CHARS = 20_000


def text_of_csv(name: str, text: str) -> str:
    """Return a table's rows as blocks, its first row being the names of the columns.

    Raises `Problem` (source_error): broken_file, too_large, no_text.
    """
    csv.field_size_limit(MAX_CELL_CHARS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        rows = [row for row in _narrow(name, reader) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        detail = f"line {reader.line_num}: {error}"
        raise problems.broken(name, "CSV", detail) from error
    if not rows:
        raise problems.without_text(name, "holds no rows; give a table that does")
    if len(rows) == 1:
        return "\n".join(rows[0])
    return "\n\n".join(_block(rows[0], row) for row in rows[1:])


def _narrow(name: str, rows: Iterator[list[str]]) -> Iterator[list[str]]:
    for row in rows:
        if len(row) > MAX_COLUMNS:
            what = f"has {len(row):,} columns; at most {MAX_COLUMNS:,} are read"
            raise problems.too_large(name, what)
        yield row


def _delimiter(text: str) -> str:
    """Return the sign that the first line holds most often."""
    first = text[:SNIFFED_CHARS].partition("\n")[0]
    return max(DELIMITERS, key=first.count)


def _block(names: Sequence[str], row: Sequence[str]) -> str:
    filled = [*names, *(f"column {n + 1}" for n in range(len(names), len(row)))]
    pairs = zip(filled, row, strict=False)
    return "\n".join(f"{name.strip()}: {cell.strip()}" for name, cell in pairs if cell.strip())


def text_of_jsonl(name: str, text: str) -> str:
    """Return JSON lines as blocks, blank lines between them.

    Raises `Problem` (source_error): broken_file naming the line, no_text.
    """
    # Not str.splitlines: JSON text may hold U+2028 and its like.
    numbered = enumerate(text.split("\n"), start=1)
    blocks = [_json_block(name, number, line) for number, line in numbered if line.strip()]
    if not blocks:
        raise problems.without_text(name, "holds no lines; give a file that does")
    return "\n\n".join(blocks)


def _json_block(name: str, number: int, line: str) -> str:
    try:
        value = load_json(line)
    except NotFinite as error:
        raise problems.broken(name, "JSON lines", f"line {number}: {error}") from error
    except (ValueError, RecursionError, Problem) as error:
        raise problems.broken(name, "JSON lines", f"line {number} is not JSON") from error
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_shown(inner)}" for key, inner in value.items())
    return _shown(value)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

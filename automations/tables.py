"""CSV and JSONL files read line by line: what they are, their columns, and what is wrong where."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from automations.errors import Problem
from automations.text import load_json, one_line

MAX_CELL = 1_000_000
MAX_LINE = 8_000_000
DELIMITERS = ",;\t|"
FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
LOOKED_AT = 64 * 1024
LOOKED_AT_LINES = 50

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b")


class TableProblem(Problem):
    """A file cannot be read as a table; the message says why and what to do."""

    def __init__(self, message: str, *, code: str = "bad_table") -> None:
        super().__init__(message, category="source_error", code=code)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is read: csv or jsonl, its encoding, delimiter and the names of its columns."""

    format: str
    encoding: str
    delimiter: str = ","
    columns: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what `Layout.of` reads back."""
        return {**asdict(self), "columns": list(self.columns)}

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Layout:
        """Return the layout that was stored."""
        return cls(**{**stored, "columns": tuple(stored["columns"])})


class Line(NamedTuple):
    """One row: the line it begins at, its value (cells by column, or parsed JSON), or a problem."""

    number: int
    value: Any = None
    problem: str = ""


def examine(path: Path, name: str) -> Layout:
    """Return how the file is to be read, as its name, its first bytes and its header say.

    Raises:
        TableProblem: empty, not text, another kind of file, or a header that cannot be used.
    """
    format_ = FORMATS.get(Path(name).suffix.lower())
    shown = one_line(name, limit=80)
    if format_ is None:
        raise TableProblem(f"{shown} is neither .csv nor .jsonl; save it as one of them.")
    with path.open("rb") as file:
        head = file.read(LOOKED_AT)
    encoding = _encoding_of(head, shown)
    try:
        if format_ == "jsonl":
            return _jsonl_layout(path, encoding)
        return _csv_layout(path, encoding, shown)
    except UnicodeError as error:
        raise not_text(shown, encoding) from error


def not_text(shown: str, encoding: str) -> TableProblem:
    """Return the refusal of a file that is not in its encoding."""
    called = encoding.removesuffix("-sig").upper()
    return TableProblem(
        f"{shown} is not {called} text; save it as UTF-8 and try again.", code="not_text"
    )


def _encoding_of(head: bytes, shown: str) -> str:
    if not head:
        raise TableProblem(f"{shown} is empty, so it has no rows; choose another file.")
    if head.startswith(_BINARY):
        raise TableProblem(
            f"{shown} is a spreadsheet, archive or document under another name; open it where it "
            "was made and save it as CSV (UTF-8).",
            code="not_a_table",
        )
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if head.count(0) > len(head) // 4:
        raise TableProblem(
            f"{shown} looks like UTF-16 without its byte order mark; save it as UTF-8.",
            code="not_text",
        )
    return "utf-8"


def _csv_layout(path: Path, encoding: str, shown: str) -> Layout:
    with _opened(path, encoding) as file:
        first = next((line for line in _bounded(file) if line.strip()), "")
    delimiter = max(DELIMITERS, key=_outside_quotes(first).count)
    bare = Layout("csv", encoding, delimiter)
    header = next((cells for _, cells in _csv_cells(path, bare) if cells), [])
    names = tuple(cell.strip() or f"column {place}" for place, cell in enumerate(header, 1))
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise TableProblem(
            f"{shown} has two columns called {one_line(twice, limit=60)!r}; rename one of them."
        )
    return Layout("csv", encoding, delimiter, names)


def _outside_quotes(line: str) -> str:
    return "".join(part for place, part in enumerate(line.split('"')) if place % 2 == 0)


def _jsonl_layout(path: Path, encoding: str) -> Layout:
    names: dict[str, None] = {}
    layout = Layout("jsonl", encoding)
    for _, line in zip(range(LOOKED_AT_LINES), lines_of(path, layout), strict=False):
        if isinstance(line.value, dict):
            names.update(dict.fromkeys(map(str, line.value)))
    return Layout("jsonl", encoding, columns=tuple(names))


def lines_of(path: Path, layout: Layout) -> Iterator[Line]:
    """Yield the file's rows one by one; a row that cannot be read is a problem, not the end.

    Raises:
        TableProblem: what follows cannot be told apart from it any more (an open quote).
        UnicodeError: the file is not in its encoding.
    """
    return _jsonl_lines(path, layout) if layout.format == "jsonl" else _csv_lines(path, layout)


def _csv_lines(path: Path, layout: Layout) -> Iterator[Line]:
    rows = ((number, cells) for number, cells in _csv_cells(path, layout) if cells)
    next(rows, None)
    width = len(layout.columns)
    for number, cells in rows:
        if len(cells) != width:
            wrong = f"has more or fewer cells ({len(cells)}) than the header ({width}); mend it."
            yield Line(number, problem=wrong)
        elif any("\x00" in cell for cell in cells):
            yield Line(number, problem="has a NUL character, which no text has; remove it.")
        else:
            yield Line(number, dict(zip(layout.columns, cells, strict=True)))


def _csv_cells(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line it begins at."""
    csv.field_size_limit(MAX_CELL)
    with _opened(path, layout.encoding) as file:
        reader = csv.reader(_bounded(file), delimiter=layout.delimiter, strict=True)
        begins = 1
        try:
            for cells in reader:
                yield begins, cells
                begins = reader.line_num + 1
        except csv.Error as error:
            raise TableProblem(_csv_sentence(begins, str(error))) from error


def _csv_sentence(line: int, said: str) -> str:
    if "field limit" in said:
        return (
            f"Line {line} is not CSV: it has a cell of more than {MAX_CELL:,} characters; "
            "perhaps a quote is never closed."
        )
    return f"Line {line} is not CSV: {said}."


def _jsonl_lines(path: Path, layout: Layout) -> Iterator[Line]:
    with _opened(path, layout.encoding) as file:
        for number, text in enumerate(_bounded(file), 1):
            if text.strip():
                yield _jsonl_line(number, text)


def _jsonl_line(number: int, text: str) -> Line:
    try:
        return Line(number, load_json(text))
    except Problem as problem:
        return Line(number, problem=problem.message)
    except (ValueError, RecursionError):
        return Line(number, problem="is not a JSON object; mend it.")


def _opened(path: Path, encoding: str) -> TextIO:
    return path.open(encoding=encoding, newline="")


def _bounded(file: TextIO) -> Iterator[str]:
    """Yield lines, never holding more than one of them, however long the file makes it."""
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE and not line.endswith("\n"):
            raise TableProblem(
                f"Line {number} has more than {MAX_LINE:,} characters; split it into rows."
            )
        yield line


def write_lines(path: Path, values: Iterator[Any]) -> int:
    """Write values as JSONL, as `lines_of` reads it; return how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=True) + "\n")
            count += 1
    return count

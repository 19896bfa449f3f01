"""Rows of a table as inputs of an automation: columns mapped to fields, each row judged alone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from automations.errors import Problem, WrongState
from automations.inputs import typed_value
from automations.models import Automation
from automations.schemas import fields_of
from automations.tables import Layout, Line, examine, lines_of, not_text
from automations.text import clean_data, one_line

SHOWN_ROWS = 5
SHOWN_FAULTS = 20
SCAN_FOR_S = 8.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Where each input field comes from: a column of the file, or one value for all rows.

    `refuses_others`: a name in a row that no field takes is a fault, not left out.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    refuses_others: bool = False

    @property
    def fields(self) -> set[str]:
        return {*self.mapping, *self.constants}


@dataclass(frozen=True, slots=True)
class Row:
    """One row as an input, or the sentence that says what is wrong with it."""

    line: int
    input: dict[str, Any] | None
    problem: str = ""


@dataclass(slots=True)
class Scan:
    """What reading a whole file has shown; `is_whole` is False where the time ran out first."""

    rows: int = 0
    bad: int = 0
    characters: int = 0
    is_whole: bool = True
    faults: list[dict[str, Any]] = field(default_factory=list)
    sample: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Count a row; keep the first good ones and the first faults."""
        self.rows += 1
        if row.input is None:
            self.bad += 1
            if len(self.faults) < SHOWN_FAULTS:
                self.faults.append({"line": row.line, "problem": row.problem})
            return
        self.characters += sum(len(str(value)) for value in row.input.values())
        if len(self.sample) < SHOWN_ROWS:
            self.sample.append({"line": row.line, "input": _shortened(row.input)})


def _shortened(values: dict[str, Any]) -> dict[str, Any]:
    return {n: one_line(v, limit=300) if isinstance(v, str) else v for n, v in values.items()}


def suggest(automation: Automation, layout: Layout) -> Plan:
    """Return the plan by equal names, case ignored; a single column is the single field."""
    by_name = {column.casefold().strip(): column for column in reversed(layout.columns)}
    names = automation.input_names
    titles = {field.name: field.title for field in fields_of(automation.input_schema)}
    found = {n: by_name.get(n.casefold()) or by_name.get(titles[n].casefold()) for n in names}
    mapping = {name: column for name, column in found.items() if column}
    if not mapping and len(names) == len(layout.columns) == 1:
        mapping = {names[0]: layout.columns[0]}
    return Plan(mapping)


def missing_fields(automation: Automation, layout: Layout, plan: Plan) -> list[str]:
    """Return the titles of required fields that nothing fills."""
    if layout.format == "jsonl" and automation.takes_plain_text and not layout.columns:
        return []  # lines that are plain texts
    return [
        field.title
        for field in fields_of(automation.input_schema)
        if field.required and field.name not in plan.fields
    ]


def inputs(
    automation: Automation, path: Path, layout: Layout, plan: Plan, *, after: int = 0
) -> Iterator[Row]:
    """Yield the rows after the first `after` as inputs or as problems; nothing is loaded whole.

    Raises:
        TableProblem: the rest of the file cannot be read.
    """
    judge = _Judge(automation, layout, plan)
    try:
        for line in islice(lines_of(path, layout), after, None):
            yield judge.row(line)
    except UnicodeError as error:
        raise not_text("The file", layout.encoding) from error


def scan(automation: Automation, path: Path, layout: Layout, plan: Plan) -> Scan:
    """Read the file once, for at most some seconds, and say what is in it.

    Raises:
        TableProblem: the file cannot be read to its end.
    """
    found = Scan()
    until = time.monotonic() + SCAN_FOR_S
    for row in inputs(automation, path, layout, plan):
        found.add(row)
        if found.rows % 1000 == 0 and time.monotonic() > until:
            found.is_whole = False
            break
    return found


class _Judge:
    """Makes rows into inputs under one plan."""

    def __init__(self, automation: Automation, layout: Layout, plan: Plan) -> None:
        self.automation, self.layout, self.plan = automation, layout, plan
        self.specs: dict[str, Any] = automation.input_schema["properties"]
        self.required = list(automation.input_schema.get("required", []))
        self.constants = {n: self._typed(n, text) for n, text in plan.constants.items()}

    def row(self, line: Line) -> Row:
        """Return the row as an input, or with the sentence on what is wrong with it."""
        if line.problem:
            return Row(line.number, None, _sentence(line.number, line.problem))
        try:
            return Row(line.number, self._input(line.value))
        except (WrongState, Problem) as error:
            return Row(line.number, None, _sentence(line.number, str(error)))

    def _input(self, value: Any) -> dict[str, Any]:
        if isinstance(value, str) and self.automation.takes_plain_text:
            values = {"content": value}
        elif isinstance(value, dict):
            self._refuse_unknown(value)
            picked = self.plan.mapping.items()
            values = {name: value[column] for name, column in picked if column in value}
        else:
            raise WrongState("is not an object with fields; mend it.")
        if self.layout.format == "csv":
            values = {n: self._typed(n, cell) for n, cell in values.items() if self._says(n, cell)}
        values = {**self.constants, **values}
        self._require(values)
        cleaned = clean_data(values)
        assert isinstance(cleaned, dict)  # noqa: S101  narrows: an object stays one
        return cleaned

    def _refuse_unknown(self, names: Iterable[str]) -> None:
        known = self.automation.input_names
        unknown = next((n for n in names if n not in known), None)
        if self.plan.refuses_others and unknown is not None:
            wanted = ", ".join(known)
            raise WrongState(f"has the unknown column {unknown!r}; known: {wanted}.")

    def _says(self, name: str, cell: str) -> bool:
        """An empty cell is an empty text, but no number: the field is absent then."""
        return bool(cell) or self.specs[name].get("type", "string") == "string"

    def _typed(self, name: str, cell: str) -> Any:
        spec = self.specs[name]
        if "enum" not in spec:
            return typed_value(self.automation, name, cell)
        if cell in (by_text := {str(choice): choice for choice in spec["enum"]}):
            return by_text[cell]
        raise WrongState(f"{name} is one of {', '.join(by_text)}; {one_line(cell)!r} is none.")

    def _require(self, values: Mapping[str, Any]) -> None:
        for name in self.required:
            if values.get(name) is None:
                raise WrongState(f"has no value for {name!r}; fill it in.")


def _sentence(line: int, said: str) -> str:
    return f"Line {line} {said}" if said.startswith(("has ", "is ")) else f"Line {line}: {said}"


def read_rows(automation: Automation, path: Path) -> Iterator[dict[str, Any]]:
    """Yield an input per row of a file whose columns are the automation's own fields.

    Raises:
        WrongState: another kind of file, unknown columns, the first row that cannot be used.
    """
    try:
        layout = examine(path, path.name)
        plan = replace(suggest(automation, layout), refuses_others=True)
        for row in inputs(automation, path, layout, plan):
            if row.input is None:
                raise WrongState(row.problem)
            yield row.input
    except Problem as problem:
        raise WrongState(problem.message) from problem

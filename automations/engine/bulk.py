"""Update many rows, each to its own values, in one statement on both databases."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, models


@dataclass(frozen=True, slots=True)
class Change:
    """New values for the row `id`, valid only while its guard columns still match."""

    id: int
    guard: Mapping[str, Any]
    values: Mapping[str, Any]


def update_many(model: type[models.Model], changes: Iterable[Change]) -> set[int]:
    """Apply the changes in the caller's transaction; return the ids whose guard still matched.

    `guard` and `values` are keyed by attribute name (`version_id`); changes that set the same
    columns share one statement.
    """
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Change]] = defaultdict(list)
    for change in changes:
        groups[(tuple(sorted(change.guard)), tuple(sorted(change.values)))].append(change)
    applied: set[int] = set()
    for (guard, names), group in groups.items():
        applied |= _update_alike(model, guard, names, group)
    return applied


def _update_alike(
    model: type[models.Model], guard: tuple[str, ...], names: tuple[str, ...], group: list[Change]
) -> set[int]:
    columns = {name: _field(model, name) for name in names}
    guards = {f"if_{name}": _field(model, name) for name in guard}
    sets = ", ".join(f"{_q(f.column)} = v.{_q(n)}" for n, f in columns.items())
    tests = "".join(f" AND r.{_q(f.column)} = v.{_q(n)}" for n, f in guards.items())
    payload = json.dumps([_row(change, columns, guards) for change in group])
    sql = (
        f"UPDATE {_q(model._meta.db_table)} AS r SET {sets} FROM {_source({**columns, **guards})}"  # noqa: S608
        f" WHERE r.id = v.row_id{tests} RETURNING id"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [payload])
        return {row[0] for row in cursor.fetchall()}


def _source(columns: Mapping[str, models.Field[Any, Any]]) -> str:
    """Return a table expression `v` over one JSON parameter: a list of objects."""
    if connection.vendor == "postgresql":
        typed = "".join(f", {_q(n)} {f.rel_db_type(connection)}" for n, f in columns.items())
        return f"jsonb_to_recordset(%s::jsonb) AS v(row_id bigint{typed})"
    picked = "".join(f", json_extract(value, '$.{n}') AS {_q(n)}" for n in columns)
    return f"(SELECT json_extract(value, '$.row_id') AS row_id{picked} FROM json_each(%s)) AS v"  # noqa: S608


def _row(
    change: Change,
    columns: Mapping[str, models.Field[Any, Any]],
    guards: Mapping[str, models.Field[Any, Any]],
) -> dict[str, Any]:
    row: dict[str, Any] = {"row_id": change.id}
    row.update({n: _plain(f, change.values[n]) for n, f in columns.items()})
    row.update({n: _plain(f, change.guard[n.removeprefix("if_")]) for n, f in guards.items()})
    return row


def _plain(field: models.Field[Any, Any], value: Any) -> Any:
    """Return `value` as JSON carries it to this column."""
    if value is None:
        return None
    if isinstance(field, models.JSONField):
        return value if connection.vendor == "postgresql" else json.dumps(value)
    if isinstance(value, datetime):
        if connection.vendor == "postgresql":
            return value.isoformat()
        return connection.ops.adapt_datetimefield_value(value)
    return str(value) if isinstance(value, Decimal) else value


def _field(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    field = model._meta.get_field(name.removesuffix("_id"))
    assert isinstance(field, models.Field)  # noqa: S101  narrows for the type checker
    return field


def _q(name: str | None) -> str:
    return connection.ops.quote_name(name or "")

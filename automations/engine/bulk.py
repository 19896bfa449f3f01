"""Write many rows, each with its own values, in one statement on both databases."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db import connection, models

Names = tuple[str, ...]
Plain = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Change:
    """New values for the row whose key is `key`, valid only while its guard columns still match."""

    key: Any
    guard: Mapping[str, Any]
    values: Mapping[str, Any]


def update_many(
    model: type[models.Model], changes: Iterable[Change], *, key: str = "id"
) -> set[Any]:
    """Apply the changes in the caller's transaction; return the keys whose guard still matched.

    `key` names a unique column. `guard` and `values` are keyed by attribute name (`version_id`);
    changes that set the same columns share one statement.
    """
    groups: dict[tuple[Names, Names], list[Change]] = defaultdict(list)
    for change in changes:
        groups[(tuple(sorted(change.guard)), tuple(sorted(change.values)))].append(change)
    applied: set[Any] = set()
    for (guard, names), group in groups.items():
        sql = _update_sql(model, key, guard, names, connection.vendor)
        rows = [[c.key, *(c.guard[n] for n in guard), *(c.values[n] for n in names)] for c in group]
        applied |= {row[0] for row in _execute(sql, model, (key, *guard, *names), rows)}
    return applied


def insert_many(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that name the same attributes; those that are there already are left alone.

    Every column without a default in the database must be named.
    """
    if not rows:
        return
    names = tuple(rows[0])
    sql = _insert_sql(model, names, connection.vendor)
    _execute(sql, model, names, [[row[name] for name in names] for row in rows])


def _execute(
    sql: str, model: type[models.Model], names: Names, rows: list[list[Any]]
) -> list[tuple[Any, ...]]:
    plain = _plain(model, names, connection.vendor)
    labels = [f"c{n}" for n in range(len(names))]
    sent = [
        dict(zip(labels, [f(v) if f else v for f, v in zip(plain, row, strict=True)], strict=True))
        for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, [json.dumps(sent)])
        return cursor.fetchall() if cursor.description else []


# Building a statement takes longer than sending it, and there are few kinds.
@lru_cache(maxsize=256)
def _update_sql(
    model: type[models.Model], key: str, guard: Names, names: Names, vendor: str
) -> str:
    columns = [_column(model, name) for name in (key, *guard, *names)]
    tests = [f"r.{column} = v.c{n}" for n, column in enumerate(columns[: 1 + len(guard)])]
    first = 1 + len(guard)
    sets = [f"{column} = v.c{n}" for n, column in enumerate(columns[first:], first)]
    source = _source(model, (key, *guard, *names), vendor)
    return (
        f"UPDATE {_q(model._meta.db_table)} AS r SET {', '.join(sets)} FROM {source}"  # noqa: S608
        f" WHERE {' AND '.join(tests)} RETURNING {columns[0]}"
    )


@lru_cache(maxsize=64)
def _insert_sql(model: type[models.Model], names: Names, vendor: str) -> str:
    columns = ", ".join(_column(model, name) for name in names)
    values = ", ".join(f"v.c{n}" for n in range(len(names)))
    return (
        f"INSERT INTO {_q(model._meta.db_table)} ({columns})"  # noqa: S608
        # Without a condition SQLite takes ON for the beginning of a join.
        f" SELECT {values} FROM {_source(model, names, vendor)} WHERE true ON CONFLICT DO NOTHING"
    )


def _source(model: type[models.Model], names: Names, vendor: str) -> str:
    """Return a table expression `v` over one JSON parameter: a list of objects c0, c1, ..."""
    if vendor == "postgresql":
        fields = [_field(model, name) for name in names]
        typed = ", ".join(f"c{n} {f.rel_db_type(connection)}" for n, f in enumerate(fields))
        return f"jsonb_to_recordset(%s::jsonb) AS v({typed})"
    picked = ", ".join(f"json_extract(value, '$.c{n}') AS c{n}" for n in range(len(names)))
    return f"(SELECT {picked} FROM json_each(%s)) AS v"  # noqa: S608


@lru_cache(maxsize=256)
def _plain(model: type[models.Model], names: Names, vendor: str) -> tuple[Plain | None, ...]:
    """Return, per column, how its values become what JSON carries; None is as they are."""
    return tuple(_plain_one(_field(model, name), vendor) for name in names)


def _plain_one(field: models.Field[Any, Any], vendor: str) -> Plain | None:
    if isinstance(field, models.JSONField):
        return None if vendor == "postgresql" else _unless_none(json.dumps)
    if isinstance(field, models.DateTimeField):
        adapt = connection.ops.adapt_datetimefield_value
        return _unless_none(datetime.isoformat if vendor == "postgresql" else adapt)
    return _unless_none(_number) if isinstance(field, models.DecimalField) else None


def _unless_none(convert: Callable[[Any], Any]) -> Plain:
    return lambda value: None if value is None else convert(value)


def _number(value: Decimal) -> str:
    return str(value)


def _field(model: type[models.Model], attname: str) -> models.Field[Any, Any]:
    return next(f for f in model._meta.concrete_fields if f.attname == attname)


def _column(model: type[models.Model], attname: str) -> str:
    return _q(str(_field(model, attname).column))


def _q(name: str) -> str:
    return connection.ops.quote_name(name)

"""Operations on batches: start from JSON, CSV or JSON lines, look, cancel."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Query, Status

from automations import services
from automations.api import rows, shapes
from automations.api.bodies import (
    JSON,
    fitted,
    invalid,
    read_bytes,
    require_type,
    strict_json,
)
from automations.api.describing import json_request
from automations.api.errors import ApiError
from automations.api.runs import Key, Slug
from automations.api.site import operation
from automations.errors import KeyUsed, WrongState
from automations.inputs import typed_value
from automations.models import Automation, Batch

CSV, LINES = "text/csv", "application/x-ndjson"
MAX_CELL = 1_000_000
TEXT = {"type": "string", "minLength": 1}


@operation(
    "POST",
    "/automations/{slug:slug}/batches",
    scope="batches:create",
    answers={202: shapes.BatchRef, 200: shapes.BatchRef},
    errors=(400, 409, 413, 415),
    extra=json_request(shapes.BatchIn, **{CSV: TEXT, LINES: TEXT}),
)
def start_batch(
    request: HttpRequest,
    response: HttpResponse,
    slug: Slug,
    name: Annotated[str, Query(max_length=200)] = "",
    idempotency_key: Annotated[str | None, Query(min_length=1, max_length=180)] = None,
) -> Any:
    """Start a run per row: 202; with a key that was used before, 200 and that batch.

    Every row is checked before the first run is made; one wrong row, and nothing starts. Name and
    key come in a JSON body itself, and in the query with CSV (a header line of input fields) and
    JSON lines. At most 10,000 rows.
    """
    automation = rows.automation_named(request, slug)
    asked = _asked(request, automation, name, idempotency_key)
    given = [rows.input_of(automation, r, where=("rows", n)) for n, r in enumerate(asked.rows)]
    key, by = rows.key_of(asked.idempotency_key), rows.person_of(request)
    known = bool(key) and Batch.objects.filter(automation=automation, idempotency_key=key).exists()
    called = asked.name or f"{len(given)} rows by the API"
    try:
        batch = services.submit_batch(
            automation, given, by=by, name=called, key=key, digest=_digest(given) if key else ""
        )
    except KeyUsed as error:
        raise ApiError(409, "key_used", str(error), field="idempotency_key") from error
    started = rows.batch_ref(request, batch)
    response["Location"] = started.url
    return Status(200 if known else 202, started)


def _digest(given: list[dict[str, Any]]) -> str:
    return sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


def _asked(
    request: HttpRequest, automation: Automation, name: str, key: str | None
) -> shapes.BatchIn:
    kind = require_type(request, [JSON, CSV, LINES])
    body = read_bytes(request, settings.MAX_INPUT_BYTES)
    if kind == JSON:
        if name or key:
            raise invalid("With a JSON body it belongs into the body.", where=("name",))
        return fitted(strict_json(body), shapes.BatchIn)
    found = _cells(automation, body) if kind == CSV else _lines(body)
    return fitted({"rows": found, "name": name, "idempotency_key": key}, shapes.BatchIn)


def _lines(body: bytes) -> list[object]:
    found: list[object] = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if line.strip():
            try:
                found.append(strict_json(line))
            except ApiError as error:
                message = f"Line {number}: {error.message}"
                raise ApiError(error.status, error.code, message) from error
    return found


def _cells(automation: Automation, body: bytes) -> list[dict[str, Any]]:
    """Return CSV rows as inputs: numbers and booleans follow the input schema."""
    try:
        text = body.decode("utf-8-sig")
        return [_typed(automation, row, n) for n, row in enumerate(_table(text))]
    except UnicodeDecodeError as error:
        raise ApiError(400, "bad_csv", "The body is not UTF-8; save the file as UTF-8.") from error
    except csv.Error as error:
        raise ApiError(400, "bad_csv", f"The body is not CSV: {error}.") from error


def _table(text: str) -> Iterator[dict[str, str]]:
    csv.field_size_limit(MAX_CELL)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    names = reader.fieldnames or []
    if len(set(names)) != len(names):
        raise ApiError(400, "bad_csv", "Two columns have the same name; rename one.")
    for row in reader:
        if None in row or None in row.values():
            message = f"Line {reader.line_num} has more or fewer cells than the header; mend it."
            raise ApiError(400, "bad_csv", message)
        yield row


def _typed(automation: Automation, row: dict[str, str], number: int) -> dict[str, Any]:
    """Return a row of cells as values; an empty cell is no number, but absent."""
    fields = automation.input_schema["properties"]
    values: dict[str, Any] = {}
    for name, cell in row.items():
        kind = fields.get(name, {}).get("type", "string")
        if kind == "string":
            values[name] = cell
        elif cell:
            try:
                values[name] = typed_value(automation, name, cell)
            except WrongState as error:
                raise invalid(str(error), where=("rows", number, name)) from error
    return values


@operation("GET", "/batches/{batch_id}", scope="runs:read", answers={200: shapes.BatchOut})
def get_batch(request: HttpRequest, batch_id: Key) -> Any:
    """Return a batch and how many of its runs are in which state."""
    return rows.batch_out(request, rows.batch_numbered(request, batch_id))


@operation(
    "POST",
    "/batches/{batch_id}/cancel",
    scope="runs:cancel",
    answers={200: shapes.BatchRef},
    errors=(409,),
)
def cancel_batch(request: HttpRequest, batch_id: Key) -> Any:
    """Cancel what of a batch has not ended."""
    batch = rows.batch_numbered(request, batch_id)
    return rows.batch_ref(request, services.cancel_batch(batch, by=rows.person_of(request)))

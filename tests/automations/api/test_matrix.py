"""Scope x operation x method and role x operation, from the API's own OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.db import models

from automations.api.site import api
from automations.models import SCOPES, ApiToken, Automation, Batch, Run
from tests.automations.api.calling import Program, error_of
from tests.makers import LONG_TEXT, make_live, make_run
from tests.people import ROLES, make_person

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
EVERYBODY, START = frozenset(ROLES), frozenset({"operator"})

# operation: the roles that may, what it is sent, what it answers. A new one without a row fails.
ROWS: dict[str, tuple[frozenset[str], Any, int]] = {
    "start_run": (START, {"input": LONG_TEXT}, 202),
    "get_run": (EVERYBODY, None, 200),
    "list_runs": (EVERYBODY, None, 200),
    "cancel_run": (START, None, 200),
    "start_batch": (START, {"rows": [LONG_TEXT]}, 202),
    "get_batch": (EVERYBODY, None, 200),
    "cancel_batch": (START, None, 200),
    "list_automations": (EVERYBODY, None, 200),
    "get_checklist": (EVERYBODY, None, 200),
}


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema()))
    return found


def operations() -> Iterator[tuple[str, str, str, str]]:
    """Yield id, method, path and scope of every operation."""
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            [scope] = operation["security"][0]["Bearer"]
            yield operation["operationId"], method.upper(), path.removeprefix("/api/v1"), scope


@pytest.fixture
def world() -> dict[str, Any]:
    """One row of everything that an address can name."""
    live = make_live()
    run = make_run(live, batch=Batch.objects.create(automation=live.automation, name="One"))
    return {"slug": "writer", "run_id": run.pk, "batch_id": run.batch_id}


def test_every_operation_has_a_row() -> None:
    assert {name for name, *_ in operations()} == set(ROWS)


def test_every_operation_needs_one_of_the_known_scopes() -> None:
    assert {scope for *_, scope in operations()} == set(SCOPES)


@pytest.mark.parametrize("operation", list(operations()), ids=lambda o: o[0])
def test_only_its_own_scope_opens_an_operation(operation: Any, world: dict[str, Any]) -> None:
    name, method, path, needed = operation
    _, sent, fine = ROWS[name]
    person = make_person("operator")
    for scope in SCOPES:
        program = Program.of(person, scope)
        body = b"" if sent is None else json.dumps(sent).encode()
        answer = program.send(method, path.format(**world), body)
        if scope == needed:
            assert answer.status_code == fine, (scope, answer.content)
        else:
            assert (answer.status_code, error_of(answer)["code"]) == (403, "missing_scope")
    assert Program().send(method, path.format(**world)).status_code == 401


@pytest.mark.parametrize("role", [*ROLES, "stranger"])
@pytest.mark.parametrize("operation", list(operations()), ids=lambda o: o[0])
def test_a_token_has_its_persons_rights(operation: Any, role: str, world: dict[str, Any]) -> None:
    name, method, path, _ = operation
    allowed, sent, fine = ROWS[name]
    body = b"" if sent is None else json.dumps(sent).encode()
    answer = Program.of(make_person(role)).send(method, path.format(**world), body)
    if role in allowed:
        assert answer.status_code == fine
    else:
        hidden = role == "stranger" and "{" in path
        assert answer.status_code == (404 if hidden else 403), answer.content


@pytest.mark.parametrize("path", sorted({path for _, _, path, _ in operations()}))
def test_other_methods_do_not_exist(path: str, world: dict[str, Any], operator: Any) -> None:
    known = {method for _, method, at, _ in operations() if at == path}
    program = Program.of(operator)
    for method in set(METHODS) - known:
        answer = program.send(method, path.format(**world))
        assert answer.status_code == 405, method
        assert set(answer.headers["Allow"].split(", ")) == known
        if method != "HEAD":
            assert error_of(answer)["code"] == "wrong_method"


MODELS: list[type[models.Model]] = [Run, Batch, Automation, ApiToken]


@pytest.mark.parametrize("name", ["start_run", "start_batch"])
def test_no_column_can_be_set_from_outside(name: str, world: dict[str, Any], operator: Any) -> None:
    """Post every column of every model, beside what is asked for and inside the input."""
    program = Program.of(operator)
    [(_, method, path, _)] = [o for o in operations() if o[0] == name]
    columns = {field.name for model in MODELS for field in model._meta.get_fields()}
    before = Run.objects.count()
    for column in sorted(columns - {"name", "idempotency_key", "input", "rows"}):
        sent = {**ROWS[name][1], column: 1}
        answer = program.send(method, path.format(**world), json.dumps(sent).encode())
        assert (answer.status_code, error_of(answer)["field"]) == (422, column)
    assert Run.objects.count() == before


@pytest.mark.parametrize("name", ["cancel_run", "cancel_batch"])
def test_a_body_changes_nothing_where_none_is_taken(
    name: str, world: dict[str, Any], operator: Any
) -> None:
    [(_, method, path, _)] = [o for o in operations() if o[0] == name]
    sent = {"status": "success", "output_data": {"text": "x"}, "requested_by": 1, "fence": 99}
    Program.of(operator).send(method, path.format(**world), json.dumps(sent).encode())
    run = Run.objects.get()
    assert (run.status, run.output_data, run.requested_by_id) == ("cancelled", None, None)


def test_the_document_is_public_and_names_nothing_of_this_installation(
    world: dict[str, Any],
) -> None:
    answer = Program().get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == document()
    assert "writer" not in answer.content.decode()
    assert answer.json()["components"]["securitySchemes"]["Bearer"]["scheme"] == "bearer"

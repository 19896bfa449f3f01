"""The OpenAPI document is fuzzed against the application that serves it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from automations.models import RefusedAddress
from tests.makers import make_live, make_run, make_token

EXAMPLES = 20
# What a valid input is, the automation's own schema says, not this document.
OPEN_INPUT = {"start_run", "start_batch"}
OPERATIONS = [
    "start_run", "get_run", "list_runs", "cancel_run", "start_batch", "get_batch", "cancel_batch",
    "list_automations", "get_checklist",
]  # fmt: skip


@pytest.fixture
def schema(db: None) -> Iterator[Any]:
    """The document as the application serves it; requests leave the test's connection open."""
    load_all_checks()
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield _served()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def _served() -> Any:
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())


def test_all_operations_are_fuzzed(schema: Any) -> None:
    found = {result.ok().definition.raw["operationId"] for result in schema.get_all_operations()}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", OPERATIONS)
def test_no_request_brings_an_answer_that_the_document_does_not_have(
    schema: Any, name: str, mode: GenerationMode, operator: User, settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    monkeypatch.setattr(RefusedAddress, "AT_ONCE", 1_000_000)
    make_run(make_live())
    headers = {"Authorization": f"Bearer {make_token(operator)[1]}"}
    _fuzz(schema.find_operation_by_id(name), name, mode, headers)


def _fuzz(operation: Any, name: str, mode: GenerationMode, headers: dict[str, str]) -> None:
    left_out = [positive_data_acceptance] if name in OPEN_INPUT else []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate(headers=headers, excluded_checks=left_out)

    check()

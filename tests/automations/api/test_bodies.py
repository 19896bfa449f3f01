"""Bad bodies: each gets its status in JSON, and none makes a run."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from automations.models import Run
from tests.automations.api.calling import JSON, Program, error_of
from tests.makers import make_live

pytestmark = pytest.mark.django_db
RUNS = "/automations/writer/runs"
BAD_JSON = [
    b"", b" ", b"{", b"}", b"[", b'{"input": }', b'{"input" "x"}', b"{'input': 'x'}",
    b'{"input": "x",}', b'{"input": "x"} x', b'{"input": "x"}{"input": "y"}', b"// no\n{}",
    b'{"input": NaN}', b'{"input": Infinity}', b'{"input": -Infinity}', b'{"input": 1e400}',
    b'{"input": {"content": [-1e999]}}', b'{"input": "x", "input": "y"}',
    b'{"input": {"content": "a", "content": "b"}}', b'{"input": [{"a": 1, "a": 1}]}',
    b'\xef\xbb\xbf{"input": "x"}', b'{"input": "\xff"}', '{"input": "x"}'.encode("utf-16"),
    '{"input": "x"}'.encode("utf-32"), b'{"input": "\x00"}', b'{"input": "a\nb"}',
    b'{"input": "\\x41"}', b'{"input": "\\ud83"}', b'{"input": 01}', b'{"input": +1}',
    b'{"input": .5}', b'{"input": 0x1F}', b'{"input": ' + b"9" * 5000 + b"}",
    b'{"input": ' + b"[" * 100 + b"]" * 100 + b"}", b"[" * 100_000, b'{"a":' * 50_000,
    b'{"input": undefined}', b'{"input": True}', b"\x00", b"\x1f\x8b\x08\x00", b"<x/>",
]  # fmt: skip
NOT_OBJECTS = [b"null", b"true", b"3", b'"text"', b"[]", b'[{"input": "x"}]', b"{}"]
TYPES = [
    "", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data",
    "application/xml", "application/json; charset=utf-16", "application/jsonx", "json",
    "application/vnd.api+json",
]  # fmt: skip


@pytest.fixture
def program(operator: User) -> Program:
    make_live()
    return Program.of(operator)


@pytest.mark.parametrize("body", BAD_JSON, ids=lambda body: repr(body[:24]))
def test_what_is_no_strict_json_is_a_400(program: Program, body: bytes) -> None:
    answer = program.send("POST", RUNS, body)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "bad_json")
    assert Run.objects.count() == 0


@pytest.mark.parametrize("body", NOT_OBJECTS)
def test_json_that_is_no_request_is_a_422(program: Program, body: bytes) -> None:
    answer = program.send("POST", RUNS, body)
    assert (answer.status_code, error_of(answer)["code"]) == (422, "invalid")
    assert Run.objects.count() == 0


@pytest.mark.parametrize("kind", TYPES)
def test_another_content_type_is_a_415(program: Program, kind: str) -> None:
    answer = program.send("POST", RUNS, b'{"input": "x"}', kind=kind)
    assert (answer.status_code, error_of(answer)["code"]) == (415, "wrong_content_type")


@pytest.mark.parametrize("kind", ["application/json; charset=UTF-8", "Application/JSON"])
def test_json_may_be_announced_in_other_words(program: Program, kind: str) -> None:
    assert program.send("POST", RUNS, b'{"input": "x"}', kind=kind).status_code == 202


def test_a_body_over_a_megabyte_is_a_413(program: Program) -> None:
    answer = program.post(RUNS, {"input": "x" * 1024 * 1024})
    assert (answer.status_code, error_of(answer)["code"]) == (413, "too_large")
    assert "at most 1.0 MB" in error_of(answer)["message"]


def test_a_large_body_is_refused_by_its_announced_size_alone(program: Program) -> None:
    answer = program.send("POST", RUNS, b"{}", CONTENT_LENGTH="999999999999")
    assert answer.status_code == 413


def test_a_body_in_chunks_is_refused_in_words(program: Program) -> None:
    answer = program.send("POST", RUNS, b"", HTTP_TRANSFER_ENCODING="chunked")
    assert (answer.status_code, error_of(answer)["code"]) == (400, "bad_request")


def test_what_no_database_stores_is_replaced(program: Program) -> None:
    body = b'{"input": "a\\u0000b\\ud83d", "idempotency_key": "k\\u0000"}'
    assert program.send("POST", RUNS, body).status_code == 202
    assert Run.objects.get().input_data == {"content": "a\ufffdb\ufffd"}


ELSEWHERE = [
    "/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/runs", "/api/v1/runs/",
    "/api/v1/automations/a%2Fb/runs", "/api/v1/automations/%00/runs", "/api/v1/../admin",
    "/api/v1/runs/1/nothing",
]  # fmt: skip


@pytest.mark.parametrize("path", ELSEWHERE)
def test_an_unknown_address_is_a_404_in_json(path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = Client(raise_request_exception=False).generic(method, path)
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "not_found"


def test_a_wrong_host_is_told_in_json_too() -> None:
    answer = Client().get("/api/v1/runs", HTTP_HOST="evil.example")
    assert error_of(answer)["code"] == "bad_request"


def test_our_own_bug_is_a_500_without_a_word_about_it(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr("automations.api.runs.services.submit_once", broken)
    answer = program.send("POST", RUNS, b'{"input": "x"}')
    assert (answer.status_code, error_of(answer)["code"]) == (500, "internal_error")
    assert b"the inside" not in answer.content


def test_a_number_that_is_none_is_a_422(program: Program) -> None:
    for number in ("abc", "1.5", "-1", "%00", "1e3", "²"):
        answer = program.get(f"/runs/{number}")
        assert (answer.status_code, error_of(answer)["field"]) == (422, "run_id")


def test_the_content_type_of_a_batch_may_be_three(program: Program) -> None:
    for kind in ("application/xml", "application/json; charset=latin-1"):
        path = "/automations/writer/batches"
        assert program.send("POST", path, b"content\nx\n", kind=kind).status_code == 415
    assert JSON == "application/json"

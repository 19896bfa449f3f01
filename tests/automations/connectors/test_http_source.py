"""A web address as source, against a real server on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from automations import connectors
from automations.connectors import Source
from automations.errors import Problem
from tests.automations.connectors.serving import Answer, Site, serving
from tests.automations.documents.making import make_docx, make_pdf

pytestmark = pytest.mark.once

SECRET = "s3cret-value-of-the-page"


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    with serving() as running:
        settings.OUTBOUND_ALLOW = {"source": [running.place]}
        yield running


def make_source(url: str, **settings: Any) -> Source:
    cleaned = connectors.sources.clean_settings("http_get", {"url": url, **settings})
    return connectors.sources.get("http_get")(cleaned)


def read(url: str, **settings: Any) -> str:
    source = make_source(url, **settings)
    [item] = source.items()
    text: str = source.read(item.key)["content"]
    return text


def problem_of(url: str, **settings: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        read(url, **settings)
    assert caught.value.category == "source_error"
    assert caught.value.message.endswith(".")
    assert SECRET not in caught.value.message
    return caught.value


def faults(url: str, **settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        make_source(url, **settings)
    return " ".join(caught.value.messages)


# --- what is read ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "kind", "text"),
    [
        ("/a", "plain ü", "text/plain; charset=utf-8", "plain ü"),
        ("/a", "plain ü".encode("latin-1"), "text/plain; charset=iso-8859-1", "plain ü"),
        ("/a", "<p>Hello <b>you</b></p><script>x</script>", "text/html", "Hello you"),
        ("/a", make_pdf("From a PDF"), "application/pdf", "From a PDF"),
        ("/a.pdf", make_pdf("From a PDF"), "application/octet-stream", "From a PDF"),
        ("/a.docx", make_docx("From Word"), "", "From Word"),
        ("/a", "name,city\nAda,Paris\n", "text/csv", "name: Ada\ncity: Paris"),
        ("/a", '{"a": 1}', "application/json", '{"a": 1}'),
        ("/a", '{"a": 1}', "application/problem+json", '{"a": 1}'),
    ],
)
def test_an_answer_becomes_text(
    site: Site, path: str, body: bytes | str, kind: str, text: str
) -> None:
    assert read(site.put(path, body, kind)) == text


def test_the_first_item_can_be_looked_at(site: Site) -> None:
    message, sample = make_source(site.put("/a", "x" * 3_000)).test()
    assert message == f"1 item; the first is {site.place}, 3,000 characters."
    assert sample["text"] == "x" * 2_000


def test_headers_and_address_take_their_secrets_from_the_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_URL", f"{site.put('/a', 'ok')}?key={SECRET}")
    monkeypatch.setenv("SOURCE_TOKEN", SECRET)
    source = make_source("env:SOURCE_URL", headers="Authorization: Bearer env:SOURCE_TOKEN")
    assert source.read("")["content"] == "ok"
    [(path, headers)] = site.requests
    assert path == f"/a?key={SECRET}"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in str(source.items())
    assert SECRET not in str(source.settings)


# --- what goes wrong ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "check the credentials"),
        (403, "allow reading this"),
        (404, "there is nothing at it"),
        (410, "gone for good"),
        (418, "what its server expects"),
        (429, "asks for a pause"),
        (500, "the server has trouble"),
        (503, "the server has trouble"),
    ],
)
def test_a_refusal_says_what_to_do(site: Site, status: int, advice: str) -> None:
    problem = problem_of(site.put("/a", "no\nway", status=status))
    assert problem.code == f"http_{status}"
    assert f"{site.place} answered {status} (“no way”)" in problem.message
    assert advice in problem.message


def test_a_server_that_is_busy_for_a_moment_is_asked_again(site: Site) -> None:
    url = site.put("/a", "back again")
    site.failing = 2
    assert read(url) == "back again"
    assert len(site.requests) == 3
    site.failing = 3
    assert problem_of(url).code == "http_503"
    assert len(site.requests) == 6


def test_a_redirect_is_not_followed_and_names_its_target(site: Site) -> None:
    site.put("/inside", "secret")
    site.answers["/a"] = Answer(status=302, headers={"Location": "/inside?token=abc"})
    problem = problem_of(f"{site.url}/a")
    assert problem.code == "redirected"
    assert "/inside;" in problem.message
    assert "abc" not in problem.message
    assert [path for path, _ in site.requests] == ["/a"]


def test_what_a_server_quotes_back_is_redacted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_TOKEN", SECRET)
    url = site.put("/a", f"bad token {SECRET}", status=403)
    assert "bad token" in problem_of(url, headers="X-Key: env:SOURCE_TOKEN").message


def test_a_silent_port_is_a_sentence(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings.OUTBOUND_ALLOW = {"source": [f"127.0.0.1:{port}"]}
    assert problem_of(f"http://127.0.0.1:{port}/").code == "network_error"


def test_a_slow_answer_is_given_up(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings.OUTBOUND_ALLOW = {"source": [f"127.0.0.1:{port}"]}
        assert problem_of(f"http://127.0.0.1:{port}/", timeout_s=1).code == "timeout"


def test_a_large_answer_is_not_read(site: Site, settings: Settings) -> None:
    settings.MAX_INPUT_BYTES = settings.MAX_UPLOAD_BYTES = 1_000
    assert problem_of(site.put("/a", b"x" * 1_001)).code == "response_too_large"


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"\x89PNG", "image/png", "not_accepted"),
        (b"\x89PNG", "text/html", "mismatch"),
        (b"text", "application/pdf", "mismatch"),
        (b"0123456789\xff", "text/plain", "not_text"),
        (b"<html><script>x()</script></html>", "text/html", "no_text"),
    ],
)
def test_an_answer_without_text_is_refused(site: Site, body: bytes, kind: str, code: str) -> None:
    assert problem_of(site.put("/a", body, kind)).code == code


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://127.0.0.1:1/", "https://user:pw@example.com/"]
)
def test_an_address_that_may_not_be_called_cannot_be_saved(url: str) -> None:
    assert faults(url).startswith("Address: ")


def test_an_address_that_became_forbidden_is_not_called(site: Site, settings: Settings) -> None:
    source = make_source(site.put("/a", "ok"))
    settings.OUTBOUND_ALLOW = {"source": []}
    with pytest.raises(Problem) as caught:
        source.read("")
    assert caught.value.code == "blocked_address"
    assert "OUTBOUND_ALLOW_SOURCES" in caught.value.message
    assert not site.requests


def test_secrets_are_not_stored() -> None:
    assert "must not be stored" in faults("https://example.com/", headers="X-Token: abcdef12345")
    assert "may not be sent" in faults("https://example.com/", headers="X-Token: env:SECRET_KEY")
    assert "may not be sent" in faults("env:OPENAI_API_KEY")


def test_a_missing_variable_is_named(site: Site) -> None:
    problem = problem_of(site.put("/a", "ok"), headers="X-Token: env:SOURCE_MISSING")
    assert problem.code == "secret_missing"
    assert "SOURCE_MISSING" in problem.message
    assert not site.requests

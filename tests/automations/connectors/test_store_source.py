"""Objects of a bucket as source, against a real S3-speaking server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from automations import connectors
from automations.connectors import Source
from automations.errors import Problem
from tests.automations.documents.making import make_pdf
from tests.automations.storing import S3Server, s3_server

pytestmark = pytest.mark.once

KEYS = {"key_id_env": "STORE_KEY_ID", "secret_env": "STORE_SECRET"}


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def s3(server: S3Server, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    server.reset()
    server.make_bucket("articles")
    settings.OUTBOUND_ALLOW = {"source": [server.place]}
    monkeypatch.setenv("STORE_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("STORE_SECRET", "store-s3cret-value-0123456789")
    return server


def make_source(s3: S3Server, **changes: Any) -> Source:
    given = {"bucket": "articles", "endpoint_url": s3.url, "pattern": "in/**", **KEYS, **changes}
    return connectors.sources.get("object_store")(
        connectors.sources.clean_settings("object_store", given)
    )


def problem_of(work: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        work()
    assert caught.value.category == "source_error"
    assert caught.value.message.endswith(".")
    return caught.value


def test_objects_that_fit_are_listed_and_read(s3: S3Server) -> None:
    s3.put("articles", "in/a.md", "Größe 👋".encode())
    s3.put("articles", "in/deep/b.pdf", make_pdf("From a bucket"))
    s3.put("articles", "out/c.md", b"no")
    source = make_source(s3)
    assert [item.key for item in source.items()] == ["in/a.md", "in/deep/b.pdf"]
    assert source.read("in/a.md") == {"content": "Größe 👋"}
    assert source.read("in/deep/b.pdf") == {"content": "From a bucket"}


def test_only_new_objects_are_taken_when_told(s3: S3Server) -> None:
    assert make_source(s3, only_new=True).remembers
    assert not make_source(s3).remembers


def test_a_bucket_that_only_grows_goes_on_being_read(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automations.stores.PIECE", 2)
    for name in "abc":
        s3.put("articles", f"in/{name}.md", b"text")
    pages = make_source(s3, only_new=True).pages()
    assert [[item.key for item in page] for page in pages] == [["in/a.md", "in/b.md"], ["in/c.md"]]


def test_a_bucket_read_in_pieces_says_that_it_is_empty(s3: S3Server) -> None:
    source = make_source(s3, only_new=True)
    assert problem_of(lambda: list(source.pages())).code == "missing_file"


def test_an_object_outside_of_the_pattern_is_not_read(s3: S3Server) -> None:
    s3.put("articles", "out/c.md", b"no")
    assert problem_of(lambda: make_source(s3).read("out/c.md")).code == "outside_source"


def test_an_empty_bucket_says_so(s3: S3Server) -> None:
    problem = problem_of(make_source(s3).items)
    assert problem.code == "missing_file"
    assert "No object of articles" in problem.message


def test_a_missing_bucket_says_so(s3: S3Server) -> None:
    assert "nowhere" in problem_of(make_source(s3, bucket="nowhere").items).message


def test_an_object_that_is_gone_says_so(s3: S3Server) -> None:
    problem = problem_of(lambda: make_source(s3).read("in/gone.md"))
    assert "there is no such object; look whether it was removed" in problem.message


def test_a_large_object_is_not_read(s3: S3Server, settings: Settings) -> None:
    settings.MAX_INPUT_BYTES = 100
    s3.put("articles", "in/a.txt", b"x" * 101)
    assert problem_of(lambda: make_source(s3).read("in/a.txt")).code == "too_large"


def test_an_endpoint_inside_cannot_be_saved(s3: S3Server) -> None:
    with pytest.raises(ValidationError, match="OUTBOUND_ALLOW_SOURCES"):
        make_source(s3, endpoint_url="http://127.0.0.1:1")

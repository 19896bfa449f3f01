"""Object stores, against a real S3-speaking server on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from automations.stores import Store, StoreProblem, open_store
from tests.automations.storing import S3Server, s3_server

pytestmark = pytest.mark.once

KEYS = {"key_id_env": "STORE_KEY_ID", "secret_env": "STORE_SECRET"}
SECRET = "store-s3cret-value-0123456789"


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def s3(server: S3Server, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    server.reset()
    server.make_bucket("articles")
    settings.OUTBOUND_ALLOW = {"destination": [server.place], "source": [server.place]}
    monkeypatch.setenv("STORE_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("STORE_SECRET", SECRET)
    return server


def store_at(s3: S3Server, purpose: str = "source", **changes: Any) -> Store:
    given = {"bucket": "articles", "endpoint_url": s3.url, **KEYS, **changes}
    return open_store(given, purpose=purpose)


def problem_of(work: Any) -> StoreProblem:
    with pytest.raises(StoreProblem) as caught:
        work()
    assert SECRET not in caught.value.message
    return caught.value


def test_what_is_written_is_read_back_byte_for_byte(s3: S3Server) -> None:
    store, data = store_at(s3, "destination"), bytes(range(256)) * 40
    where = store.write("out/ü 1.bin", data, content_type="application/octet-stream")
    assert where == "s3://articles/out/ü 1.bin"
    assert store.read("out/ü 1.bin", max_bytes=20_000) == data


def test_the_content_type_is_kept(s3: S3Server) -> None:
    store_at(s3).write("post.md", b"# Hi", content_type="text/markdown; charset=utf-8")
    assert s3.content_type("articles", "post.md") == "text/markdown; charset=utf-8"


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("in/a.txt", ["in/a.txt"]),
        ("in/*.txt", ["in/a.txt", "in/b.txt"]),
        ("in/?.txt", ["in/a.txt", "in/b.txt"]),
        ("**/*.txt", ["in/a.txt", "in/b.txt", "in/deep/c.txt", "top.txt"]),
        ("in/**", ["in/a.txt", "in/b.txt", "in/deep/c.txt", "in/x.md"]),
        ("*.pdf", []),
        ("in/a.tx", []),
    ],
)
def test_a_pattern_finds_the_objects_it_names(s3: S3Server, pattern: str, keys: list[str]) -> None:
    for key in ("in/a.txt", "in/b.txt", "in/deep/c.txt", "in/x.md", "top.txt"):
        s3.put("articles", key, b"text")
    assert [found.key for found in store_at(s3).list(pattern)] == keys


def test_listing_says_size_etag_and_time(s3: S3Server) -> None:
    s3.put("articles", "a.txt", b"hello")
    found = store_at(s3).list("a.txt")[0]
    assert (found.size, found.etag) == (5, "5d41402abc4b2a76b9719d911017c592")
    assert found.modified_at is not None


def test_a_listing_goes_on_after_its_first_page(s3: S3Server) -> None:
    for number in range(7):
        s3.put("articles", f"n/{number}", b"")
    assert len(store_at(s3).list("n/*")) == 7
    assert problem_of(lambda: store_at(s3).list("n/*", limit=6)).code == "too_many"


def test_what_only_grows_is_listed_in_pieces(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automations.stores.PIECE", 3)
    for number in range(7):
        s3.put("articles", f"n/{number}", b"")
    s3.put("articles", "n/2.png", b"")
    pages = [[found.key for found in page] for page in store_at(s3).pages("n/?")]
    assert pages == [["n/0", "n/1", "n/2"], ["n/3", "n/4"], ["n/5", "n/6"]]


def test_a_pattern_of_many_stars_does_not_hang(s3: S3Server) -> None:
    s3.put("articles", "a" * 200, b"")
    assert store_at(s3).list("**/" * 30 + "*a*" * 30 + "b") == []


def test_an_object_larger_than_allowed_is_refused(s3: S3Server) -> None:
    s3.put("articles", "big", b"x" * 101)
    assert problem_of(lambda: store_at(s3).read("big", max_bytes=100)).code == "too_large"
    assert len(store_at(s3).read("big", max_bytes=101)) == 101


def test_the_same_bytes_written_once_again_are_no_failure(s3: S3Server) -> None:
    store = store_at(s3, "destination")
    for _ in range(2):
        store.write("runs/7.md", b"the post", content_type="text/markdown", once=True)
    assert s3.get("articles", "runs/7.md") == b"the post"


@pytest.mark.parametrize("other", [b"another post", b"short", b""])
def test_other_bytes_under_the_key_are_left_alone(s3: S3Server, other: bytes) -> None:
    s3.put("articles", "runs/7.md", b"not ours")
    store = store_at(s3, "destination")
    problem = problem_of(
        lambda: store.write("runs/7.md", other, content_type="text/markdown", once=True)
    )
    assert (problem.code, problem.category, problem.retry) == (
        "object_exists",
        "delivery_error",
        False,
    )
    assert s3.get("articles", "runs/7.md") == b"not ours"


def test_checking_says_what_is_there_and_leaves_nothing(s3: S3Server) -> None:
    store = store_at(s3)
    assert (
        store.check()
        == f"The bucket articles at {s3.place} answers and may be listed; it is empty."
    )
    assert store.list("**") == []


def test_a_missing_bucket_is_said(s3: S3Server) -> None:
    problem = problem_of(store_at(s3, bucket="nowhere").check)
    assert (problem.code, problem.category) == ("no_bucket", "source_error")
    assert problem.message == (
        f"nowhere at {s3.place}: there is no such bucket; create it, or correct its name."
    )


def test_a_missing_object_is_said(s3: S3Server) -> None:
    problem = problem_of(lambda: store_at(s3).read("nope.txt", max_bytes=10))
    assert problem.code == "missing_object"


def test_keys_that_the_store_does_not_know_are_said(s3: S3Server) -> None:
    s3.check_keys(after=0)
    try:
        problem = problem_of(store_at(s3).check)
    finally:
        s3.check_keys(after=1_000_000_000)
    assert problem.code == "bad_credentials"
    assert "check the two key variables" in problem.message


def test_the_usual_bucket_comes_from_the_environment(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTENT_BUCKET", "articles")
    assert store_at(s3, bucket="").bucket == "articles"
    monkeypatch.delenv("CONTENT_BUCKET")
    assert "CONTENT_BUCKET" in problem_of(lambda: store_at(s3, bucket="")).message


@pytest.mark.parametrize("variable", ["SECRET_KEY", "OPENAI_API_KEY", "DATABASE_URL", "lower"])
def test_only_variables_meant_for_stores_are_read(s3: S3Server, variable: str) -> None:
    problem = problem_of(lambda: store_at(s3, secret_env=variable))
    assert problem.code == "secret_refused"


@pytest.mark.parametrize("variable", ["AWS_SECRET_ACCESS_KEY", "STORE_SECRET", "AWS_SESSION_TOKEN"])
@pytest.mark.parametrize("somewhere", [{}, {"endpoint_url": ""}])
def test_no_secret_stands_for_a_key_id_which_travels_in_clear(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, variable: str, somewhere: dict[str, str]
) -> None:
    monkeypatch.setenv(variable, SECRET)
    problem = problem_of(lambda: store_at(s3, key_id_env=variable, **somewhere))
    assert problem.code == "secret_refused"


def test_the_keys_of_amazon_go_to_amazon_alone(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"key_id_env": "AWS_ACCESS_KEY_ID", "secret_env": "AWS_SECRET_ACCESS_KEY"}
    for name in (*names.values(), "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, f"the {name}")
    problem = problem_of(lambda: store_at(s3, **names))
    assert problem.code == "secret_refused"
    assert "go to Amazon alone" in problem.message
    assert problem_of(lambda: store_at(s3, secret_env=names["secret_env"])).code == problem.code
    store = store_at(s3, endpoint_url="", **names)
    assert (store.key_id, store.token) == ("the AWS_ACCESS_KEY_ID", "the AWS_SESSION_TOKEN")
    assert store_at(s3).token == ""


def test_a_variable_that_is_not_set_is_named(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORE_SECRET")
    problem = problem_of(lambda: store_at(s3))
    assert problem.code == "secret_missing"
    assert "STORE_SECRET is not set" in problem.message


# --- the guard ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://169.254.169.254",
        "http://127.0.0.1:9",
        "https://10.0.0.1",
        "https://[::1]",
        "https://user:secret@example.com",
        "https://metadata.google.internal",
        "ftp://example.com",
        "http://2130706433",
    ],
)
def test_an_endpoint_that_may_not_be_called_is_refused(s3: S3Server, endpoint: str) -> None:
    problem = problem_of(lambda: store_at(s3, endpoint_url=endpoint))
    assert problem.code in ("blocked_address", "url_has_password", "blocked_scheme", "bad_url")


def test_a_name_that_leads_to_this_machine_is_refused_when_it_is_called(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name with a public look passes the form; only its address gives it away."""
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: here)
    store = store_at(s3, endpoint_url="https://store.example.com")
    problem = problem_of(store.check)
    assert problem.code == "blocked_address"
    assert "store.example.com" in problem.message


def test_a_redirect_to_another_place_is_not_followed(s3: S3Server, settings: Settings) -> None:
    """Neither a Location nor the region in a header leads a signed request elsewhere."""
    with _answering(
        b"HTTP/1.1 301 Moved\r\nLocation: http://169.254.169.254/\r\n"
        b"x-amz-bucket-region: 169.254.169.254/x\r\nContent-Length: 0\r\n\r\n"
    ) as port:
        settings.OUTBOUND_ALLOW = {"source": [f"127.0.0.1:{port}"]}
        problem = problem_of(store_at(s3, endpoint_url=f"http://127.0.0.1:{port}").check)
    assert problem.retry is False


def test_an_endless_listing_is_cut_off(s3: S3Server, settings: Settings) -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n\r\n" + b"<" * 9_000_000
    with _answering(endless) as port:
        settings.OUTBOUND_ALLOW = {"source": [f"127.0.0.1:{port}"]}
        problem = problem_of(store_at(s3, endpoint_url=f"http://127.0.0.1:{port}").check)
    assert problem.code == "response_too_large"


def test_nothing_of_the_machine_is_used(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """No profile, no proxy, no endpoint from the environment: they would move the request."""
    (tmp_path / "config").write_text("[profile evil]\nendpoint_url = http://127.0.0.1:1\n")
    for name, value in {
        "AWS_PROFILE": "evil",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    assert "answers" in store_at(s3).check()


def test_a_store_without_keys_signs_nothing(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    seen: list[bytes] = []
    with _answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", seen) as port:
        settings.OUTBOUND_ALLOW = {"source": [f"127.0.0.1:{port}"]}
        url = f"http://127.0.0.1:{port}"
        problem_of(store_at(s3, endpoint_url=url, key_id_env="", secret_env="").check)
    assert seen
    assert b"authorization" not in seen[0].lower()


def test_a_store_where_nobody_listens_can_be_tried_again(s3: S3Server, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings.OUTBOUND_ALLOW = {"source": [f"127.0.0.1:{port}"]}
    problem = problem_of(store_at(s3, endpoint_url=f"http://127.0.0.1:{port}").check)
    assert (problem.code, problem.retry) == ("network_error", True)


def test_a_busy_store_can_be_tried_again(s3: S3Server, settings: Settings) -> None:
    body = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
    with _answering(
        b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\n"
        + f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    ) as port:
        settings.OUTBOUND_ALLOW = {"source": [f"127.0.0.1:{port}"]}
        problem = problem_of(store_at(s3, endpoint_url=f"http://127.0.0.1:{port}").check)
    assert (problem.code, problem.retry) == ("store_busy", True)


class _answering:  # noqa: N801  reads as what it does
    """A server that answers every connection with the same bytes."""

    def __init__(self, answer: bytes, seen: list[bytes] | None = None) -> None:
        self.answer, self.seen = answer, seen if seen is not None else []
        self.server = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return int(self.server.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            with peer:
                self.seen.append(peer.recv(65_536))
                try:
                    peer.sendall(self.answer)
                except OSError:
                    continue

    def __exit__(self, *_: object) -> None:
        # Closing does not wake a thread that waits in accept; shutting down does.
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join(5)

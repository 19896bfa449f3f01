"""The web address as destination, against a real server on loopback."""

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from automations import connectors
from automations.connectors import DeliveryProblem, Parcel, Receipt
from automations.connectors.http import HttpDestination
from automations.outbound import Allowance, OutboundClient
from tests.makers import make_outside
from tests.provider.handles import FakeProvider

NASTY = "quotes \" ' $(id) `id` --- {{ content }} 👩‍👧 שלום\r\n\x00"
SECRET = "s3cret-value-of-the-hook"


@pytest.fixture
def receiver(provider: FakeProvider, settings: Settings) -> FakeProvider:
    settings.OUTBOUND_ALLOW = {"destination": [f"127.0.0.1:{provider.port}"]}
    return provider


@pytest.fixture
def silent(settings: Settings) -> str:
    """The address of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings.OUTBOUND_ALLOW = {"destination": [f"127.0.0.1:{port}"]}
    return f"http://127.0.0.1:{port}"


def make_parcel(**changes: Any) -> Parcel:
    fields = {
        "key": "run-7-to-3",
        "run_id": 7,
        "automation": "content_repurposer",
        "text": NASTY,
        "data": None,
        "created_at": datetime(2026, 1, 31, 23, 30, tzinfo=UTC),
    }
    return Parcel(**{**fields, **changes})


def deliver(url: str, parcel: Parcel | None = None, **settings: Any) -> Receipt:
    cleaned = connectors.destinations.clean_settings("http", {"url": url, **settings})
    return asyncio.run(_deliver(HttpDestination(cleaned), parcel or make_parcel()))


async def _deliver(destination: HttpDestination, parcel: Parcel) -> Receipt:
    async with OutboundClient(Allowance.for_purpose("destination")) as http:
        return await destination.deliver(parcel, make_outside(http))


def problem_of(url: str, **settings: Any) -> DeliveryProblem:
    with pytest.raises(DeliveryProblem) as caught:
        deliver(url, **settings)
    assert caught.value.category == "delivery_error"
    return caught.value


def faults(**settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        connectors.destinations.clean_settings("http", settings)
    return " ".join(caught.value.messages)


# --- what is sent ---------------------------------------------------------------------------


def test_the_output_arrives_as_json_under_its_key(receiver: FakeProvider) -> None:
    receipt = deliver(f"{receiver.url}/deliver/ok")
    parcel = receiver.seen()["parcels"][0]
    assert parcel["headers"]["content-type"] == "application/json"
    assert parcel["headers"]["idempotency-key"] == "run-7-to-3"
    assert parcel["json"] == {
        "automation": "content_repurposer",
        "run_id": 7,
        "output": {"text": NASTY.replace("\x00", "\ufffd")},
        "created_at": "2026-01-31T23:30:00+00:00",
    }
    assert receipt.reference == f"HTTP 200 from 127.0.0.1:{receiver.port}"
    assert receipt.detail == {"status": 200}


def test_an_output_with_data_is_sent_as_the_data(receiver: FakeProvider) -> None:
    deliver(f"{receiver.url}/deliver/ok", make_parcel(data={"label": "bug"}))
    assert receiver.seen()["parcels"][0]["json"]["output"] == {"label": "bug"}


def test_headers_take_their_secrets_from_the_environment(
    receiver: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION_TOKEN", SECRET)
    lines = "X-Team: news\nAuthorization: Bearer env:DESTINATION_TOKEN"
    deliver(f"{receiver.url}/deliver/ok", headers=lines)
    sent = receiver.seen()["parcels"][0]["headers"]
    assert sent["x-team"] == "news"
    assert sent["authorization"] == f"Bearer {SECRET}"


def test_an_address_that_is_a_secret_comes_from_the_environment(
    receiver: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION_HOOK", f"{receiver.url}/deliver/ok")
    deliver("env:DESTINATION_HOOK")
    assert receiver.seen()["attempts"] == {"run-7-to-3": 1}
    assert HttpDestination.summary({"url": "env:DESTINATION_HOOK"}) == (
        "POSTs to env:DESTINATION_HOOK"
    )


def test_a_missing_variable_is_told_and_nothing_is_sent(
    receiver: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DESTINATION_GONE", raising=False)
    problem = problem_of(f"{receiver.url}/deliver/ok", headers={"X-Key": "env:DESTINATION_GONE"})
    assert problem.message == (
        "The environment variable DESTINATION_GONE is not set, so nothing was sent; "
        "set it for the worker and try again."
    )
    assert (problem.code, problem.retry, problem.maybe_delivered) == (
        "secret_missing",
        False,
        False,
    )
    assert receiver.seen()["attempts"] == {}


def test_a_secret_may_lie_in_a_file_and_a_missing_file_is_told(
    receiver: FakeProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DESTINATION_TOKEN_FILE", str(tmp_path / "token"))
    url, headers = f"{receiver.url}/deliver/ok", {"X-Key": "env:DESTINATION_TOKEN"}
    problem = problem_of(url, headers=headers)
    assert problem.code == "secret_missing"
    assert "DESTINATION_TOKEN_FILE names a file that cannot be read" in problem.message
    (tmp_path / "token").write_text(f"{SECRET}\n")
    deliver(url, headers=headers)
    assert receiver.seen()["parcels"][0]["headers"]["x-key"] == SECRET


def test_the_installations_own_secrets_cannot_be_sent(
    receiver: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET)
    assert "only variables whose name begins with DESTINATION_" in faults(
        url="https://example.com", headers={"X-Key": "env:SECRET_KEY"}
    )
    assert "only variables" in faults(url="env:SECRET_KEY")
    stored = HttpDestination({"url": receiver.url, "headers": {"X-Key": "env:SECRET_KEY"}})
    with pytest.raises(DeliveryProblem, match="may not be sent"):
        asyncio.run(_deliver(stored, make_parcel()))


def test_the_same_key_is_sent_on_every_try(receiver: FakeProvider) -> None:
    url = f"{receiver.url}/deliver/status/503x1"
    assert problem_of(url, honours_idempotency_key=True).retry
    deliver(url, honours_idempotency_key=True)
    assert receiver.seen()["attempts"] == {"run-7-to-3": 2}
    assert receiver.seen()["deliveries"] == {"run-7-to-3": 1}


# --- what comes back ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429])
@pytest.mark.parametrize("honours", ["key", "no key"])
def test_what_the_receiver_did_not_take_is_sent_again(
    receiver: FakeProvider, status: int, honours: str
) -> None:
    problem = problem_of(
        f"{receiver.url}/deliver/status/{status}", honours_idempotency_key=honours == "key"
    )
    assert problem.code == f"http_{status}"
    assert problem.retry
    assert problem.retry_after_s == 1
    assert not problem.maybe_delivered


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_receiver_that_broke_is_asked_again_only_if_it_honours_the_key(
    receiver: FakeProvider, status: int
) -> None:
    url = f"{receiver.url}/deliver/status/{status}"
    keyed = problem_of(url, honours_idempotency_key=True)
    assert (keyed.retry, keyed.retry_after_s, keyed.maybe_delivered) == (True, 1, False)
    assert keyed.message.endswith("it is tried again.")
    unkeyed = problem_of(url)
    assert (unkeyed.retry, unkeyed.retry_after_s, unkeyed.maybe_delivered) == (False, None, True)
    assert "look there before sending again" in unkeyed.message


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "check the destination's address and what the receiver expects"),
        (401, "check the credentials in the destination's headers"),
        (404, "check the destination's address and what the receiver expects"),
        (302, "redirects are not followed, so set the address to the final one"),
    ],
)
def test_a_refusal_is_final_and_says_what_to_do(
    receiver: FakeProvider, status: int, advice: str
) -> None:
    url = f"{receiver.url}/deliver/status/{status}"
    problem = problem_of(url, honours_idempotency_key=True)
    assert (problem.retry, problem.maybe_delivered) == (False, False)
    assert problem.message == (
        f'127.0.0.1:{receiver.port} answered {status} (“{{"error": "told to"}}”); {advice}.'
    )
    assert receiver.seen()["deliveries"] == {}


def test_a_receiver_that_hangs_may_have_it(receiver: FakeProvider) -> None:
    url = f"{receiver.url}/deliver/hang"
    unkeyed = problem_of(url, timeout_s=1)
    assert (unkeyed.code, unkeyed.retry, unkeyed.maybe_delivered) == ("timeout", False, True)
    assert "may have arrived" in unkeyed.message
    keyed = problem_of(url, timeout_s=1, honours_idempotency_key=True)
    assert (keyed.code, keyed.retry, keyed.maybe_delivered) == ("timeout", True, True)


def test_a_connection_cut_after_sending_may_have_delivered(receiver: FakeProvider) -> None:
    problem = problem_of(f"{receiver.url}/deliver/reset")
    assert (problem.retry, problem.maybe_delivered) == (False, True)


def test_a_receiver_that_is_down_has_nothing_and_is_asked_again(silent: str) -> None:
    problem = problem_of(silent)
    assert (problem.code, problem.retry, problem.maybe_delivered) == ("network_error", True, False)
    assert "127.0.0.1" in problem.message


def test_an_address_that_is_no_longer_allowed_is_refused_for_good(
    receiver: FakeProvider, settings: Settings
) -> None:
    cleaned = connectors.destinations.clean_settings("http", {"url": receiver.url})
    settings.OUTBOUND_ALLOW = {"destination": []}
    with pytest.raises(DeliveryProblem) as caught:
        asyncio.run(_deliver(HttpDestination(cleaned), make_parcel()))
    assert (caught.value.retry, caught.value.maybe_delivered) == (False, False)
    assert receiver.seen()["attempts"] == {}


def test_no_secret_gets_into_a_message(
    receiver: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION_HOOK", f"{receiver.url}/deliver/status/400?code={SECRET}")
    monkeypatch.setenv("DESTINATION_TOKEN", "told")  # the receiver repeats it in its answer
    headers = {"X-Key": "env:DESTINATION_TOKEN", "X-Error": "Bearer env:DESTINATION_TOKEN2"}
    monkeypatch.setenv("DESTINATION_TOKEN2", "told to")
    message = problem_of("env:DESTINATION_HOOK", headers=headers).message
    assert SECRET not in message
    assert "told to" not in message
    assert "[redacted]" in message


# --- what may be set ------------------------------------------------------------------------


def test_what_is_stored_is_plain_and_complete() -> None:
    lines = "X-Team: news\n\n  Authorization :  Bearer env:DESTINATION_TOKEN  "
    assert connectors.destinations.clean_settings(
        "http", {"url": " https://example.com/a ", "headers": lines}
    ) == {
        "url": "https://example.com/a",
        "headers": {"X-Team": "news", "Authorization": "Bearer env:DESTINATION_TOKEN"},
        "method": "POST",
        "body": "standard",
        "template": "",
        "content_type": "",
        "signing_secret": "",
        "old_signing_secret": "",
        "honours_idempotency_key": False,
        "when_unknown": "ask",
        "timeout_s": 30,
    }


def test_stored_headers_are_shown_as_lines() -> None:
    form = HttpDestination.settings_form(
        initial={"url": "https://example.com", "headers": {"X-A": "1", "X-B": "2"}}
    )
    assert form["headers"].value() == "X-A: 1\nX-B: 2"
    typed = HttpDestination.settings_form(data={"headers": "X-A: not yet\nfinished"})
    assert typed["headers"].value() == "X-A: not yet\nfinished"


def test_the_promise_follows_the_setting() -> None:
    assert HttpDestination({"url": "x", "honours_idempotency_key": True}).promise == "idempotent"
    assert HttpDestination({"url": "x"}).promise == "at_most_once"
    assert "a person decides" in HttpDestination({"url": "x"}).promise_sentence


@pytest.mark.parametrize(
    ("headers", "part"),
    [
        ("Authorization: Bearer abcdef", "must not be stored here"),
        ("X-Api-Key: 1234", "must not be stored here"),
        ("Cookie: session=1", "must not be stored here"),
        ("X-Team: sk-abcdefghijklmnopqrstuvwxyz", "must not be stored here"),
        ("X-Team: please env:DESTINATION_X now", "must not be stored here"),
        ("X-Team: env:OPENAI_API_KEY", "only variables whose name begins with DESTINATION_"),
        ("Host: example.com", "is set by the delivery itself"),
        ("idempotency-key: 1", "is set by the delivery itself"),
        ("no colon", "write one per line"),
        ("Bad Name: x", "write one per line"),
        ("X-A: é", "write one per line"),
        ({"X-A": "a\r\nX-B: b"}, "write one per line"),
        ("X-A: 1\nx-a: 2", "named twice"),
        ("\n".join(f"X-{n}: 1" for n in range(21)), "at most 20"),
    ],
)
def test_headers_that_cannot_be_sent_or_hold_secrets_are_refused(headers: Any, part: str) -> None:
    assert part in faults(url="https://example.com", headers=headers)


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("", "required"),
        ("example.com", "not a plain web address"),
        ("http://example.com", "Only https"),
        ("https://127.0.0.1/x", "not an address on the public internet"),
        ("https://user:password@example.com/", "Address: "),
        ("https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXX", "holds a secret"),
        ("Bearer env:DESTINATION_X", "not a plain web address"),
        ("env:lower", "only variables"),
    ],
)
def test_addresses_that_may_not_be_called_are_refused_when_saved(url: str, part: str) -> None:
    assert part in faults(url=url)


def test_the_summary_leaves_out_what_may_be_secret() -> None:
    summary = HttpDestination.summary({"url": "https://example.com/hooks/abc?token=1"})
    assert summary == "POSTs to example.com"

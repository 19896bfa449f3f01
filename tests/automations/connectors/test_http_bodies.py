"""What the web address as destination is sent: methods, templates, signatures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from automations import connectors
from automations.connectors import DeliveryProblem, Parcel, parcels
from automations.connectors.http import HttpDestination
from automations.outbound import Allowance, OutboundClient
from automations.signing import new_secret
from tests.automations.connectors.test_http import NASTY, make_parcel
from tests.automations.receiving import Receiver, receiver
from tests.makers import make_outside

pytestmark = pytest.mark.once


@pytest.fixture
def there(settings: Settings) -> Iterator[Receiver]:
    with receiver() as running:
        settings.OUTBOUND_ALLOW = {"destination": [running.place]}
        yield running


def destination(there: Receiver, **settings: Any) -> HttpDestination:
    given_settings = {"url": f"{there.url}/in", **settings}
    return HttpDestination(connectors.destinations.clean_settings("http", given_settings))


def deliver(there: Receiver, parcel: Parcel | None = None, **settings: Any) -> Any:
    return asyncio.run(_with_client(destination(there, **settings), parcel or make_parcel()))


async def _with_client(made: HttpDestination, parcel: Parcel | None) -> Any:
    async with OutboundClient(Allowance.for_purpose("destination")) as http:
        outside = make_outside(http)
        return await (made.deliver(parcel, outside) if parcel else made.test(outside))


def problem_of(there: Receiver, **settings: Any) -> DeliveryProblem:
    with pytest.raises(DeliveryProblem) as caught:
        deliver(there, **settings)
    return caught.value


def faults(**settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        connectors.destinations.clean_settings("http", {"url": "https://example.com", **settings})
    return " ".join(caught.value.messages)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_the_method_is_the_one_chosen(there: Receiver, method: str) -> None:
    deliver(there, method=method)
    assert there.seen[0].method == method


def test_a_text_is_sent_alone(there: Receiver) -> None:
    deliver(there, make_parcel(text="Grüße"), body="text", content_type="text/markdown")
    assert there.seen[0].body == "Grüße".encode()
    assert there.seen[0].headers["content-type"] == "text/markdown"


def test_a_template_is_filled_by_structure(there: Receiver) -> None:
    template = json.dumps(
        {
            "post": "{{ text }}",
            "where": {"run": "{{ run_id }}", "note": "run {{ run_id }} of {{ automation }}"},
            "tags": ["{{ data_tags }}", 7, None, True],
            "all": "{{ data }}",
        }
    )
    data = {"tags": ["a", 2], "score": 0.5}
    deliver(there, make_parcel(data=data), body="template", template=template)
    assert json.loads(there.seen[0].body) == {
        "post": NASTY.replace("\x00", "\ufffd"),
        "where": {"run": 7, "note": "run 7 of content_repurposer"},
        "tags": [["a", 2], 7, None, True],
        "all": data,
    }


@given(st.text(max_size=200))
def test_no_text_changes_the_document_around_it(text: str) -> None:
    template = '{"a": "{{ text }}", "b": "x {{ text }} y", "c": 1}'
    made = json.loads(parcels.filled_json(template, make_parcel(text=text)))
    assert list(made) == ["a", "b", "c"]
    assert made["c"] == 1
    assert made["b"] == f"x {made['a']} y"


def test_a_field_that_the_output_lacks_is_named(there: Receiver) -> None:
    problem = problem_of(there, body="template", template='{"a": "{{ data_title }}"}')
    assert (problem.code, problem.retry) == ("template_error", False)
    assert "no field 'title'" in problem.message
    assert there.seen == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"body": "template"}, "Write the template"),
        ({"body": "template", "template": '{"a": {{ text }}}'}, "This is not JSON"),
        ({"body": "template", "template": '{"a": "{{ txt }}"}'}, "did you mean `text`"),
        ({"body": "template", "template": '{"{{ text }}": 1}'}, "not filled in keys"),
        ({"body": "template", "template": '{"a": NaN}'}, "This is not JSON"),
        ({"content_type": "text/plain\r\nX-Evil: 1"}, "valid value"),
        ({"method": "GET"}, "valid choice"),
        ({"signing_secret": "whsec_abc"}, "environment variable"),
        ({"signing_secret": "env:SECRET_KEY"}, "environment variable"),
        ({"old_signing_secret": "env:DESTINATION_OLD"}, "present signing secret"),
        ({"headers": "webhook-signature: x"}, "is set by the delivery itself"),
    ],
)
def test_settings_that_could_not_work_are_refused(settings: dict[str, Any], said: str) -> None:
    assert said in faults(**settings)


# --- signatures, checked by the reference library ------------------------------------------


def test_a_signed_delivery_is_what_the_standard_asks_for(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = new_secret()
    monkeypatch.setenv("DESTINATION_SIGN", secret)
    deliver(there, signing_secret="env:DESTINATION_SIGN")
    sent = there.seen[0]
    assert sent.headers["webhook-id"] == sent.headers["idempotency-key"] == "run-7-to-3"
    Webhook(secret).verify(sent.body, sent.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(sent.body + b" ", sent.headers)


def test_two_secrets_make_two_signatures(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = new_secret(), new_secret()
    monkeypatch.setenv("DESTINATION_NEW", new)
    monkeypatch.setenv("DESTINATION_OLD", old)
    settings: dict[str, Any] = {
        "signing_secret": "env:DESTINATION_NEW",
        "old_signing_secret": "env:DESTINATION_OLD",
    }
    deliver(there, **settings)
    sent = there.seen[0]
    for secret in (new, old):
        assert Webhook(secret).verify(sent.body, sent.headers) == json.loads(sent.body)


def test_a_plain_secret_signs_with_its_own_bytes(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION_SIGN", "a plain pass phrase!")
    deliver(there, signing_secret="env:DESTINATION_SIGN")
    sent = there.seen[0]
    verified = Webhook(b"a plain pass phrase!").verify(sent.body, sent.headers)
    assert verified == json.loads(sent.body)


# --- answers --------------------------------------------------------------------------------


def test_an_address_that_is_gone_switches_the_destination_off(there: Receiver) -> None:
    there.status = 410
    problem = problem_of(there)
    assert (problem.code, problem.retry, problem.switch_off) == ("http_410", False, True)
    assert "switched off" in problem.message


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure(there: Receiver, status: int) -> None:
    there.status, there.headers = status, {"Location": f"{there.url}/elsewhere"}
    problem = problem_of(there)
    assert (problem.retry, problem.maybe_delivered) == (False, False)
    assert len(there.seen) == 1


@pytest.mark.parametrize(
    ("choice", "keyed", "retry", "maybe"),
    [("ask", False, False, True), ("again", False, True, False), ("ask", True, True, False)],
)
def test_a_broken_server_is_asked_again_as_the_promise_says(
    there: Receiver, choice: str, keyed: Any, retry: Any, maybe: Any
) -> None:
    there.status = 502
    problem = problem_of(there, when_unknown=choice, honours_idempotency_key=keyed)
    assert (problem.retry, problem.maybe_delivered) == (retry, maybe)


def test_the_pause_that_is_asked_for_is_kept(there: Receiver) -> None:
    there.status, there.headers = 429, {"Retry-After": "17"}
    problem = problem_of(there)
    assert (problem.retry, problem.retry_after_s) == (True, 17.0)


# --- trying out -----------------------------------------------------------------------------


def test_the_test_asks_with_options_and_shows_no_secret(
    there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION_TOKEN", "s3cret-value-of-the-hook")
    there.status = 405
    made = destination(there, headers="Authorization: Bearer env:DESTINATION_TOKEN")
    said = asyncio.run(_with_client(made, None))
    assert said.startswith(f"{there.place} answers (OPTIONS: 405). Nothing was sent")
    sent = there.seen[0]
    assert (sent.method, sent.body) == ("OPTIONS", b"")
    assert "authorization" not in sent.headers


def test_the_test_fails_where_a_secret_is_missing(there: Receiver) -> None:
    made = destination(there, headers="Authorization: Bearer env:DESTINATION_NOT_SET")
    with pytest.raises(DeliveryProblem, match="DESTINATION_NOT_SET is not set"):
        asyncio.run(_with_client(made, None))
    assert there.seen == []


def test_the_dry_run_shows_references_and_never_values(
    monkeypatch: pytest.MonkeyPatch, there: Receiver
) -> None:
    monkeypatch.setenv("DESTINATION_TOKEN", "s3cret-value-of-the-hook")
    made = destination(
        there,
        headers="Authorization: Bearer env:DESTINATION_TOKEN",
        signing_secret="env:DESTINATION_TOKEN",
    )
    shown = "\n".join(text for _, text in made.preview(make_parcel()).parts)
    assert "Bearer env:DESTINATION_TOKEN" in shown
    assert "webhook-signature: v1,(made with env:DESTINATION_TOKEN)" in shown
    assert "s3cret" not in shown
    assert there.seen == []

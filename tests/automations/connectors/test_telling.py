"""Slack and Apprise as destinations, against receivers on loopback; and another automation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from automations import connectors
from automations.connectors import DeliveryProblem, Destination, Parcel, Receipt
from automations.connectors.base import Outside
from automations.outbound import Allowance, OutboundClient
from tests.automations.connectors.test_http import make_parcel
from tests.automations.receiving import Receiver, receiver
from tests.makers import make_outside

pytestmark = pytest.mark.once

TOKEN = "xyzabcd0123456789tokenvalue"


@pytest.fixture
def there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiver() as running:
        settings.OUTBOUND_ALLOW = {"destination": [running.place]}
        monkeypatch.setenv("SLACK_WEBHOOK", f"{running.url}/services/T0/B0/{TOKEN}")
        monkeypatch.setenv("DESTINATION_NOTICE", f"json://{running.place}/{TOKEN}")
        yield running


def make(kind: str, **settings: Any) -> Destination:
    return connectors.destination_of(kind, connectors.destinations.clean_settings(kind, settings))


def notice(**settings: Any) -> Destination:
    return make("notice", url="env:DESTINATION_NOTICE", **settings)


def deliver(made: Destination, parcel: Parcel | None = None) -> Receipt:
    return asyncio.run(_deliver(made, parcel or make_parcel(text="The post.")))


async def _deliver(made: Destination, parcel: Parcel) -> Receipt:
    async with OutboundClient(Allowance.for_purpose("destination")) as http:
        return await made.deliver(parcel, make_outside(http))


def problem_of(made: Destination, parcel: Parcel | None = None) -> DeliveryProblem:
    with pytest.raises(DeliveryProblem) as caught:
        deliver(made, parcel)
    assert TOKEN not in caught.value.message
    return caught.value


def faults(kind: str, **settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        connectors.destinations.clean_settings(kind, settings)
    return " ".join(caught.value.messages)


# --- Slack ----------------------------------------------------------------------------------


def test_slack_gets_the_text_as_a_message(there: Receiver) -> None:
    receipt = deliver(make("slack"))
    assert json.loads(there.seen[0].body) == {"text": "The post."}
    assert receipt.reference == f"HTTP 200 from {there.place}"


def test_an_output_cannot_wake_a_channel(there: Receiver) -> None:
    deliver(make("slack"), make_parcel(text="<!channel> & <https://evil.example|ok>"))
    assert json.loads(there.seen[0].body)["text"] == (
        "&lt;!channel&gt; &amp; &lt;https://evil.example|ok&gt;"
    )


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (400, "invalid_payload", "slack_invalid_payload"),
        (403, "invalid_token", "slack_invalid_token"),
        (404, "no_service", "slack_no_service"),
        (404, "channel_not_found", "slack_channel_not_found"),
        (410, "channel_is_archived", "slack_channel_is_archived"),
        (403, "action_prohibited", "slack_action_prohibited"),
    ],
)
def test_what_slack_says_is_explained_and_not_repeated(
    there: Receiver, status: int, said: str, code: str
) -> None:
    there.status, there.body = status, said.encode()
    problem = problem_of(make("slack"))
    assert (problem.code, problem.retry, problem.maybe_delivered) == (code, False, False)


def test_slack_is_left_alone_for_as_long_as_it_asks(there: Receiver) -> None:
    there.status, there.headers = 429, {"Retry-After": "30"}
    problem = problem_of(make("slack"))
    assert (problem.retry, problem.retry_after_s) == (True, 30.0)


@pytest.mark.parametrize(("choice", "retry"), [("ask", False), ("again", True)])
def test_a_broken_slack_is_asked_again_as_the_editor_chose(
    there: Receiver, choice: str, retry: Any
) -> None:
    there.status = 500
    assert problem_of(make("slack", when_unknown=choice)).retry is retry


def test_a_message_longer_than_slack_takes_is_refused_here(there: Receiver) -> None:
    problem = problem_of(make("slack"), make_parcel(text="x" * 40_001))
    assert problem.code == "too_long"
    assert there.seen == []


def test_slacks_address_is_never_stored_or_shown(there: Receiver) -> None:
    assert "SLACK_WEBHOOK" in faults("slack", webhook="https://hooks.slack.com/services/T/B/x")
    assert "may not be sent" in faults("slack", webhook="env:SECRET_KEY")
    shown = make("slack").preview(make_parcel(text="x")).parts
    assert shown == [("Request", "POST env:SLACK_WEBHOOK"), ("Body", '{"text": "x"}')]


def test_testing_slack_reaches_it_and_sends_nothing(there: Receiver) -> None:
    said = asyncio.run(make("slack").test(make_outside()))
    assert said.startswith(f"{there.place} can be reached. Nothing was sent")
    assert there.seen == []


# --- Apprise --------------------------------------------------------------------------------


def test_a_notice_arrives_through_apprise(there: Receiver) -> None:
    receipt = deliver(notice(title="{{ data_label }}"), make_parcel(text="x", data={"label": "y"}))
    body = json.loads(there.seen[0].body)
    assert (body["title"], body["message"]) == ("y", "x")
    assert receipt.reference == "taken by JSON"


@pytest.mark.parametrize(
    ("status", "choice", "retry", "maybe"),
    [
        (404, "ask", False, False),
        (429, "ask", True, False),
        (500, "ask", False, True),
        (500, "again", True, True),
    ],
)
def test_a_refused_notice_is_judged_by_its_status(
    there: Receiver, status: int, choice: str, retry: Any, maybe: Any
) -> None:
    there.status = status
    problem = problem_of(notice(when_unknown=choice))
    assert problem.code == f"notice_{status}"
    assert (problem.retry, problem.maybe_delivered) == (retry, maybe)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("dbus://", "notice_refused"),
        ("syslog://local0", "notice_refused"),
        ("mailto://a:b@example.com", "notice_refused"),
        ("fcm://project@key/#topic?keyfile=/etc/passwd", "notice_refused"),
        ("not an address", "notice_refused"),
        ("tgram://", "notice_refused"),
        ("json://169.254.169.254/", "blocked_address"),
        ("json://127.0.0.1:9/", "blocked_address"),
    ],
)
def test_only_services_on_the_public_network_are_told(
    there: Receiver, monkeypatch: pytest.MonkeyPatch, url: str, code: str
) -> None:
    monkeypatch.setenv("DESTINATION_NOTICE", url)
    problem = problem_of(notice())
    assert (problem.code, problem.retry, problem.maybe_delivered) == (code, False, False)


def test_testing_a_notice_reads_the_address_and_sends_nothing(there: Receiver) -> None:
    said = asyncio.run(notice().test(make_outside()))
    assert said.startswith("The address is one of JSON. Nothing was sent")
    assert there.seen == []


def test_an_apprise_address_is_never_stored(there: Receiver) -> None:
    assert "secret" in faults("notice", url="discord://123/abc")
    assert "may not be sent" in faults("notice", url="env:SLACK_WEBHOOK")


# --- another automation ---------------------------------------------------------------------


def test_another_automation_starts_on_the_output() -> None:
    started: list[tuple[str, dict[str, Any], str]] = []

    async def start(slug: str, input_data: dict[str, Any], parcel: Parcel) -> int:
        started.append((slug, input_data, parcel.key))
        return 12

    made = make(
        "automation", automation="writer", input='{"content": "{{ text }}", "n": "{{ data_n }}"}'
    )
    outside = Outside(OutboundClient(Allowance.of("destination")), start)
    receipt = asyncio.run(made.deliver(make_parcel(text="x", data={"n": 3}), outside))
    assert started == [("writer", {"content": "x", "n": 3}, "run-7-to-3")]
    assert receipt.reference == "run 12 of writer"
    assert made.promise == "idempotent"


def test_the_input_of_another_automation_is_an_object() -> None:
    assert "JSON object" in faults("automation", automation="writer", input='["{{ text }}"]')


# --- a kind that is gone --------------------------------------------------------------------


def test_a_kind_that_is_gone_refuses_with_a_sentence() -> None:
    made = connectors.destination_of("carrier_pigeon", {})
    problem = problem_of(made)
    assert problem.code == "unknown_kind"
    assert "carrier_pigeon" in problem.message

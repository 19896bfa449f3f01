"""Signatures of webhooks: who has no secret, or another message, gets 401."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from automations import services, signing
from automations.models import Hook, Run
from tests.automations.hooking import Called, call, error_of, make_hook, signature

BODY = b'{"content": "A text with \xc3\xa9."}'
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AT = int(NOW.timestamp())


def judged(message_id: str, timestamp: str, signatures: str, body: bytes = BODY) -> str:
    try:
        signed = signing.Signed(message_id, timestamp, signatures)
        return signing.verify(signed, body, known=[SECRET], now=NOW)
    except signing.BadSignature as error:
        return f"refused: {error}"


@pytest.fixture
def hook(db: None) -> Called:
    return make_hook(signed=True)


def test_a_signed_call_is_taken(hook: Called) -> None:
    assert call(hook, BODY, **signature(hook, BODY)).status_code == 202
    assert Run.objects.get().input_data == {"content": "A text with \u00e9."}


def test_the_reference_library_signs_what_we_take(hook: Called) -> None:
    moment = datetime.fromtimestamp(int(time.time()), tz=UTC)
    signed = Webhook(hook.secret).sign("msg_9", moment, BODY.decode())
    headers = {"webhook_id": "msg_9", "webhook_timestamp": str(int(moment.timestamp()))}
    assert call(hook, BODY, **headers, webhook_signature=signed).status_code == 202


def test_the_reference_library_takes_what_we_sign() -> None:
    at = int(time.time())
    headers = {
        "webhook-id": "msg_9",
        "webhook-timestamp": str(at),
        "webhook-signature": signing.sign(SECRET, "msg_9", at, BODY),
    }
    assert Webhook(SECRET).verify(BODY, headers) == json.loads(BODY)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


@given(st.sampled_from(["body", "id", "timestamp", "signature"]), st.integers(0, 10_000))
def test_any_flipped_bit_is_refused(part: str, bit: int) -> None:
    sent = {
        "body": BODY,
        "id": b"msg_1",
        "timestamp": str(AT).encode(),
        "signature": signing.sign(SECRET, "msg_1", AT, BODY).encode(),
    }
    assert judged("msg_1", str(AT), sent["signature"].decode()) == "msg_1"
    sent[part] = flipped(sent[part], bit)
    texts = [sent[name].decode("latin-1") for name in ("id", "timestamp", "signature")]
    assert judged(texts[0], texts[1], texts[2], body=sent["body"]).startswith("refused")


GOOD = signing.sign(SECRET, "msg_1", AT, BODY)
OTHER = signing.sign(signing.new_secret(), "msg_1", AT, BODY)


@pytest.mark.parametrize(
    "signatures",
    [
        "",
        " ",
        "v1",
        "v1,",
        GOOD[3:],
        f"v2{GOOD[2:]}",
        f"V1{GOOD[2:]}",
        GOOD.lower(),
        GOOD[:-1],
        f"{GOOD}=",
        f"{GOOD},",
        OTHER,
        f"v1a,{GOOD[3:]}",
        GOOD.replace(",", ", "),
        "v1,\u00e9",
        "v1,\x00",
        " ".join([OTHER] * 11 + [GOOD]),
        signing.sign(SECRET, "msg_1", AT, b""),
        GOOD.replace("v1,", "v1;"),
    ],
)
def test_another_signature_is_refused(signatures: str) -> None:
    assert judged("msg_1", str(AT), signatures).startswith("refused")


@pytest.mark.parametrize("signatures", [GOOD, f"{OTHER} {GOOD}", f"v1a,xyz {GOOD}", f"{GOOD} v2,x"])
def test_one_fitting_signature_among_several_is_enough(signatures: str) -> None:
    assert judged("msg_1", str(AT), signatures) == "msg_1"


@pytest.mark.parametrize("off", [-301, 301, -86_400, 10**9])
def test_a_time_outside_the_window_is_refused(off: int) -> None:
    signed = signing.sign(SECRET, "msg_1", AT + off, BODY)
    assert "more than 300 seconds off" in judged("msg_1", str(AT + off), signed)


@pytest.mark.parametrize("off", [-300, -299, 0, 299, 300])
def test_a_time_inside_the_window_is_taken(off: int) -> None:
    assert judged("msg_1", str(AT + off), signing.sign(SECRET, "msg_1", AT + off, BODY)) == "msg_1"


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "0",
        "-1",
        "now",
        f" {AT}",
        f"{AT} ",
        f"+{AT}",
        f"{AT}.0",
        f"{AT}000",
        "1e9",
        "9" * 40,
        "NaN",
        "inf",
        "0x6923",
        "2026-11-22T12:00:00Z",
        "\u0661" * 10,
        f"{AT}\n",
    ],
)
def test_an_odd_timestamp_is_refused(timestamp: str) -> None:
    assert judged("msg_1", timestamp, GOOD).startswith("refused")


@pytest.mark.parametrize(
    "message_id", ["", "a.b", "x" * 201, "a b", "a\n", "\u00e9", "msg\x00", "."]
)
def test_an_odd_id_is_refused(message_id: str) -> None:
    content = f"{message_id}.{AT}.".encode() + BODY
    assert content
    signed = signing.sign(SECRET, message_id, AT, BODY)
    assert judged(message_id, str(AT), signed).startswith("refused")


@pytest.mark.parametrize("missing", ["webhook_id", "webhook_timestamp", "webhook_signature", "all"])
def test_a_call_without_a_header_is_refused(hook: Called, missing: str) -> None:
    headers = signature(hook, BODY)
    sent = {} if missing == "all" else {n: v for n, v in headers.items() if n != missing}
    answer = call(hook, BODY, **sent)
    assert (answer.status_code, error_of(answer)) == (401, "bad_signature")
    assert "webhook-signature" in answer.json()["error"]["message"]
    assert not Run.objects.exists()


def test_raw_bytes_are_what_is_signed(hook: Called) -> None:
    headers = signature(hook, BODY)
    assert call(hook, BODY.replace(b": ", b":"), **headers).status_code == 401


def test_bytes_that_are_no_text_are_judged_by_their_signature(hook: Called) -> None:
    odd = b'{"content": "\xff"}'
    assert call(hook, odd).status_code == 401
    assert error_of(call(hook, odd, **signature(hook, odd))) == "bad_json"


def test_a_replay_gets_the_first_run_and_no_other(hook: Called) -> None:
    headers = signature(hook, BODY)
    first, again = (call(hook, BODY, **headers) for _ in range(2))
    assert first.json() == again.json()
    assert Run.objects.count() == 1


def test_the_old_secret_is_valid_for_a_day(hook: Called) -> None:
    new = services.rotate_secret(hook.trigger, by=services.SYSTEM).secret
    old_one = signature(hook, BODY, message_id="old")
    assert call(hook, BODY, **old_one).status_code == 202
    new_one = signature(hook, BODY, message_id="new", secret=new)
    assert call(hook, BODY, **new_one).status_code == 202
    Hook.objects.update(old_secret_until=timezone.now() - timedelta(seconds=1))
    late = signature(hook, BODY, message_id="late")
    assert call(hook, BODY, **late).status_code == 401


def test_two_rotations_end_the_first_secret(hook: Called) -> None:
    for _ in range(2):
        services.rotate_secret(hook.trigger, by=services.SYSTEM)
    assert call(hook, BODY, **signature(hook, BODY)).status_code == 401


def test_the_old_secret_can_be_ended_at_once(hook: Called) -> None:
    services.rotate_secret(hook.trigger, by=services.SYSTEM)
    services.end_old_secret(hook.trigger, by=services.SYSTEM)
    assert call(hook, BODY, **signature(hook, BODY)).status_code == 401


def test_a_secret_of_another_row_is_not_read(hook: Called) -> None:
    thief = make_hook(hook.trigger.automation, signed=True)
    Hook.objects.filter(trigger=thief.trigger).update(secret_sealed=hook.hook.secret_sealed)
    answer = call(thief, BODY, **signature(hook, BODY))
    assert (answer.status_code, error_of(answer)) == (503, "secret_unreadable")


def test_keys_are_rotated_for_hooks_as_well(hook: Called, settings: Any) -> None:
    from django.core.management import call_command

    services.rotate_secret(hook.trigger, by=services.SYSTEM)
    old_keys = settings.FIELD_ENCRYPTION_KEYS
    new_key = base64.urlsafe_b64encode(b"n" * 32).decode()
    settings.FIELD_ENCRYPTION_KEYS = [new_key, *old_keys]
    call_command("rotate_keys")
    settings.FIELD_ENCRYPTION_KEYS = [new_key]
    assert call(hook, BODY, **signature(hook, BODY)).status_code == 202  # the old one of the two


def test_addresses_and_secrets_are_long_and_new() -> None:
    made = {signing.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(base64.b64decode(secret[6:])) for secret in made} == {32}


def test_an_address_holds_at_least_128_bits(hook: Called) -> None:
    assert len(base64.urlsafe_b64decode(hook.token)) * 8 >= 128
    assert hook.hook.token_hint == hook.token[:6]

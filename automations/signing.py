"""Signatures of webhooks as Standard Webhooks has them: HMAC-SHA256 over id, time and raw body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from automations.errors import AutomationsError

PREFIX = "whsec_"
SECRET_BYTES = 32
TOLERANCE_S = 300

# The signed content is joined by full stops, so an id must not hold one.
_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,200}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class BadSignature(AutomationsError):
    """A message is not signed as it must be; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The three headers of a signed message, as they came."""

    message_id: str
    timestamp: str
    signatures: str

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Signed:
        """Pick the headers out; an absent one is empty."""
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        return cls(*(headers.get(name, "") for name in names))


def new_secret() -> str:
    """Return a fresh secret of 256 bits in the form that libraries expect."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`; `timestamp` is in seconds since 1970.

    Raises:
        ValueError: the secret is not base64.
    """
    return "v1," + _mac(secret, message_id, str(timestamp), body)


def verify(signed: Signed, body: bytes, *, known: Sequence[str], now: datetime) -> str:
    """Return the id of a message that one of the `known` secrets signed within five minutes.

    Raises:
        BadSignature: a header is missing or odd, the time is too far off, or nothing fits.
    """
    if not (signed.message_id and signed.timestamp and signed.signatures):
        raise BadSignature(
            "This address takes signed calls only; send the headers webhook-id, "
            "webhook-timestamp and webhook-signature (Standard Webhooks)."
        )
    if not is_message_id(signed.message_id):
        raise BadSignature(
            "The header webhook-id is up to 200 letters, digits and signs without a full stop."
        )
    _require_recent(signed.timestamp, now)
    given = [text.encode() for text in signed.signatures.split(" ") if text.startswith("v1,")]
    fits = False
    # Texts are compared, not bytes: a text of base64 has several spellings of the same bytes.
    for secret in known:
        mac = ("v1," + _mac(secret, signed.message_id, signed.timestamp, body)).encode()
        for text in given[:10]:
            fits |= hmac.compare_digest(mac, text)
    if not fits:
        raise BadSignature(
            "The signature does not fit the body; sign the raw bytes with this hook's secret."
        )
    return signed.message_id


def is_message_id(text: str) -> bool:
    """Tell whether a text can be a message's id."""
    return _ID.fullmatch(text) is not None


def _require_recent(timestamp: str, now: datetime) -> None:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise BadSignature("The header webhook-timestamp is in whole seconds since 1970.")
    if abs(int(timestamp) - now.timestamp()) > TOLERANCE_S:
        raise BadSignature(
            f"The header webhook-timestamp is more than {TOLERANCE_S} seconds off; sign each "
            "try afresh, and look at the sender's clock."
        )


def _mac(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    content = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(_key(secret), content, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("A signing secret is whsec_ and base64 after it.") from error

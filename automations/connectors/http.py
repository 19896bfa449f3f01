"""Destination: a web address that takes the output as JSON or text, signed where asked."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, ClassVar

from django import forms

from automations import signing
from automations.connectors import parcels
from automations.connectors.base import (
    AT_MOST_ONCE,
    IDEMPOTENT,
    Destination,
    Outside,
    Parcel,
    Preview,
    Receipt,
)
from automations.connectors.headers import resolve
from automations.connectors.http_form import METHODS, STANDARD, TEMPLATE, TEXT, HttpForm
from automations.connectors.problems import DeliveryProblem
from automations.connectors.promises import promise_of
from automations.outbound import OutboundFailed, OutboundRefused, Reply
from automations.pauses import pause_asked
from automations.redaction import redact
from automations.references import host_of
from automations.text import clean_data, clean_text, one_line

JSON_TYPE = "application/json"
# The receiver says that it did nothing with the request.
NOT_TAKEN = frozenset({408, 425, 429})
GONE = 410
# A call that failed for one of these causes fails in the same way again.
LASTING = frozenset({"dns_error", "tls_error", "response_too_large", "unwanted_encoding"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request with its secrets in place, and those secrets, to be kept out of messages."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    secrets: list[str] = field(default_factory=list)


class HttpDestination(Destination):
    """Sends the output under an `Idempotency-Key`, as the settings say."""

    kind = "http"
    label = "Web address (HTTP)"
    help = "Sends each output as JSON or text to a web address, signed where you want it."
    settings_form: ClassVar[type[forms.Form]] = HttpForm

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        url: str = settings["url"]
        method = settings.get("method") or METHODS[0]
        signed = ", signed" if settings.get("signing_secret") else ""
        return f"{method}s to {host_of(url)}{signed}"

    @property
    def promise(self) -> str:
        if self.settings.get("honours_idempotency_key"):
            return IDEMPOTENT
        return promise_of(self.settings)

    async def deliver(self, parcel: Parcel, outside: Outside) -> Receipt:
        call = self._call(parcel)
        reply = await self._answer(call, outside)
        if 200 <= reply.status < 300:
            return _receipt(reply, call)
        raise self._not_accepted(reply, call)

    async def test(self, outside: Outside) -> str:
        """Ask with OPTIONS, without body and secrets; whatever answers was reached."""
        url, secret = resolve(self.settings["url"])
        # A secret that is missing is worth a failed test; none of them is sent.
        others = [resolve(value)[1] for value in (self.settings.get("headers") or {}).values()]
        call = Call("OPTIONS", url, {}, b"", [secret, *others, *self._signers()])
        reply = await self._answer(call, outside)
        if 300 <= reply.status < 400 or reply.status == GONE:
            raise self._not_accepted(reply, call)
        return (
            f"{host_of(call.url)} answers (OPTIONS: {reply.status}). Nothing was sent, so whether "
            "it takes an output shows with the first one."
        )

    def preview(self, parcel: Parcel) -> Preview:
        """Show the request; references stay references."""
        url, method = self.settings["url"], self._method
        headers = {**(self.settings.get("headers") or {}), **self._own_headers(parcel)}
        if self.settings.get("signing_secret"):
            headers |= {
                "webhook-id": parcel.key,
                "webhook-timestamp": "(the second in which it is sent)",
                "webhook-signature": f"v1,(made with {self.settings['signing_secret']})",
            }
        lines = "\n".join(f"{name}: {redact(value)}" for name, value in headers.items())
        body = self._body(parcel).decode()
        parts = [("Request", f"{method} {url}"), ("Headers", lines), ("Body", body)]
        return Preview(self.summary(self.settings), parts)

    @property
    def _method(self) -> str:
        return self.settings.get("method") or METHODS[0]

    def _own_headers(self, parcel: Parcel) -> dict[str, str]:
        media = JSON_TYPE
        if self.settings.get("body") == TEXT:
            media = self.settings.get("content_type") or "text/plain; charset=utf-8"
        return {"Content-Type": media, "Idempotency-Key": parcel.key}

    def _body(self, parcel: Parcel) -> bytes:
        shape = self.settings.get("body") or STANDARD
        if shape == TEXT:
            return clean_text(parcel.text).text.encode()
        if shape == TEMPLATE:
            return parcels.filled_json(self.settings["template"], parcel)
        return body_of(parcel)

    def _call(self, parcel: Parcel) -> Call:
        url, url_secret = resolve(self.settings["url"])
        resolved = {k: resolve(v) for k, v in (self.settings.get("headers") or {}).items()}
        headers = {name: value for name, (value, _) in resolved.items()}
        body, signers = self._body(parcel), self._signers()
        headers |= self._own_headers(parcel) | _signature(parcel.key, body, signers)
        secrets = [url_secret, *signers, *(secret for _, secret in resolved.values())]
        return Call(self._method, url, headers, body, [secret for secret in secrets if secret])

    def _signers(self) -> list[str]:
        names = [self.settings.get(name) for name in ("signing_secret", "old_signing_secret")]
        return [_as_signer(resolve(name)[1]) for name in names if name]

    async def _answer(self, call: Call, outside: Outside) -> Reply:
        try:
            return await outside.http.request(
                call.method,
                call.url,
                headers=call.headers,
                body=call.body,
                deadline_s=self.settings.get("timeout_s") or 30,
            )
        except OutboundRefused as refusal:
            raise DeliveryProblem(refusal.message, code=refusal.code) from refusal
        except OutboundFailed as failure:
            raise self._unanswered(failure) from failure

    def _unanswered(self, failure: OutboundFailed) -> DeliveryProblem:
        asks = self.promise == AT_MOST_ONCE and failure.maybe_sent
        unknown = " It may have arrived all the same; look before sending again." if asks else ""
        return DeliveryProblem(
            failure.message + unknown,
            code=failure.code,
            retry=not asks and failure.code not in LASTING,
            maybe_delivered=failure.maybe_sent,
        )

    def _not_accepted(self, reply: Reply, call: Call) -> DeliveryProblem:
        """Judge an answer other than 2xx: was it taken, and can another try help?"""
        broke = reply.status >= 500
        unknown = broke and self.promise == AT_MOST_ONCE
        again = reply.status in NOT_TAKEN or (broke and not unknown)
        return DeliveryProblem(
            f"{host_of(call.url)} answered {reply.status}{quote(reply, call)}; "
            f"{_advice(reply.status, unknown=unknown, again=again)}.",
            code=f"http_{reply.status}",
            retry=again,
            retry_after_s=pause_asked(reply.headers) if again else None,
            maybe_delivered=unknown,
            switch_off=reply.status == GONE,
        )


def body_of(parcel: Parcel) -> bytes:
    """Return the JSON body of a parcel; the same parcel always gets the same bytes."""
    body = {
        "automation": parcel.automation,
        "run_id": parcel.run_id,
        "output": {"text": parcel.text} if parcel.data is None else parcel.data,
        "created_at": parcel.created_at.astimezone(UTC).isoformat(),
    }
    return json.dumps(clean_data(body), ensure_ascii=False).encode()


def _as_signer(secret: str) -> str:
    """Return a secret as signing takes it: any text that is not whsec_... is the key itself."""
    if secret.startswith(signing.PREFIX):
        return secret
    return signing.PREFIX + base64.b64encode(secret.encode()).decode()


def _signature(key: str, body: bytes, secrets: list[str]) -> dict[str, str]:
    """Return the headers of the Standard Webhooks specification, a signature per secret."""
    if not secrets:
        return {}
    now = int(time.time())
    try:
        made = [signing.sign(secret, key, now, body) for secret in secrets]
    except ValueError as error:
        raise DeliveryProblem(
            "The signing secret is not usable, so nothing was sent; write it as whsec_ and base64.",
            code="secret_refused",
        ) from error
    return {
        "webhook-id": key,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(made),
    }


def _advice(status: int, *, unknown: bool, again: bool) -> str:
    if unknown:
        return "it may have kept the output all the same, so look there before sending again"
    if again:
        return "it is tried again"
    if status == GONE:
        return "that address wants nothing any more, so the destination was switched off"
    if 300 <= status < 400:
        return "redirects are not followed, so set the address to the final one"
    if status in (401, 403):
        return "check the credentials in the destination's headers"
    return "check the destination's address and what the receiver expects"


def _receipt(reply: Reply, call: Call) -> Receipt:
    place = redact(reply.headers.get("location", ""), call.secrets)
    reference = one_line(place, limit=500) or f"HTTP {reply.status} from {host_of(call.url)}"
    return Receipt(reference=reference, detail={"status": reply.status})


def quote(reply: Reply, call: Call) -> str:
    """Quote the beginning of the answer, secrets taken out first."""
    line = one_line(redact(reply.body.decode("utf-8", "replace"), call.secrets))
    return f" (“{line}”)" if line else ""

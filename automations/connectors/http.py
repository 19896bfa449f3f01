"""Destination: a web address that takes the output as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django import forms

from automations.connectors.base import (
    AT_MOST_ONCE,
    IDEMPOTENT,
    Destination,
    Outside,
    Parcel,
    Receipt,
)
from automations.connectors.headers import (
    PREFIX,
    REFERENCE,
    HeadersField,
    reference_faults,
    resolve,
)
from automations.connectors.problems import DeliveryProblem
from automations.outbound import (
    Allowance,
    OutboundFailed,
    OutboundRefused,
    Reply,
    check_url,
)
from automations.pauses import pause_asked
from automations.redaction import find_secrets, redact
from automations.text import clean_data, one_line

# The receiver says that it did nothing with the request.
NOT_TAKEN = frozenset({408, 425, 429})
# A call that failed for one of these causes fails in the same way again.
LASTING = frozenset({"dns_error", "tls_error", "response_too_large", "unwanted_encoding"})


class HttpForm(forms.Form):
    """Where to send, with which headers, and what the receiver promises."""

    url = forms.CharField(
        label="Address",
        max_length=2_000,
        help_text="For example https://example.com/posts. Where the address itself is a secret, "
        f"put it into an environment variable and write env:{PREFIX}NAME.",
    )
    headers = HeadersField(
        label="Headers",
        required=False,
        help_text=f"One per line, for example Authorization: Bearer env:{PREFIX}TOKEN. "
        "Secrets are read from the worker's environment and never stored here.",
    )
    honours_idempotency_key = forms.BooleanField(
        label="The receiver honours Idempotency-Key",
        required=False,
        help_text="Tick it if the receiver keeps one copy of what it gets twice under one key. "
        "Only then is a delivery with an unknown outcome repeated by itself.",
    )
    timeout_s = forms.IntegerField(
        label="Time limit",
        min_value=1,
        max_value=300,
        initial=30,
        required=False,
        help_text="Seconds until a delivery counts as failed; 30 when empty.",
    )

    def clean_url(self) -> str:
        """Refuse an address that holds a secret or may not be called."""
        url: str = self.cleaned_data["url"]
        if url.startswith(REFERENCE):
            faults = reference_faults(url)
        elif find_secrets(url):
            faults = [
                "The address holds a secret; put it into an environment variable and write "
                f"env:{PREFIX}NAME."
            ]
        else:
            faults = _call_faults(url)
        if faults:
            raise forms.ValidationError(faults)
        return url

    def clean_timeout_s(self) -> int:
        """Fill in the usual limit."""
        return self.cleaned_data["timeout_s"] or 30


def _call_faults(url: str) -> list[str]:
    try:
        check_url(url, allow=Allowance.for_purpose("destination"))
    except OutboundRefused as refusal:
        return [refusal.message]
    return []


@dataclass(frozen=True, slots=True)
class _Call:
    """One request with its secrets in place, and those secrets, to be kept out of messages."""

    url: str
    headers: dict[str, str]
    secrets: list[str]


class HttpDestination(Destination):
    """POSTs `{"automation", "run_id", "output", "created_at"}` with an `Idempotency-Key`."""

    kind = "http"
    label = "Web address (HTTP POST)"
    help = "Sends each output as JSON to a web address."
    settings_form = HttpForm

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        url: str = settings["url"]
        return f"POSTs to {url if url.startswith(REFERENCE) else _host_of(url)}"

    @property
    def promise(self) -> str:
        return IDEMPOTENT if self.settings.get("honours_idempotency_key") else AT_MOST_ONCE

    async def deliver(self, parcel: Parcel, outside: Outside) -> Receipt:
        call = self._call(parcel)
        try:
            reply = await outside.http.request(
                "POST",
                call.url,
                headers=call.headers,
                body=body_of(parcel),
                deadline_s=self.settings.get("timeout_s") or 30,
            )
        except OutboundRefused as refusal:
            raise DeliveryProblem(refusal.message, code=refusal.code) from refusal
        except OutboundFailed as failure:
            raise self._unanswered(failure) from failure
        if 200 <= reply.status < 300:
            return _receipt(reply, call)
        raise self._not_accepted(reply, call)

    def _call(self, parcel: Parcel) -> _Call:
        url, url_secret = resolve(self.settings["url"])
        resolved = {k: resolve(v) for k, v in (self.settings.get("headers") or {}).items()}
        secrets = [url_secret, *(secret for _, secret in resolved.values())]
        headers = {name: value for name, (value, _) in resolved.items()}
        headers |= {"Content-Type": "application/json", "Idempotency-Key": parcel.key}
        return _Call(url, headers, [secret for secret in secrets if secret])

    def _unanswered(self, failure: OutboundFailed) -> DeliveryProblem:
        repeatable = self.promise == IDEMPOTENT or not failure.maybe_sent
        unknown = (
            "" if repeatable else " It may have arrived all the same; look before sending again."
        )
        return DeliveryProblem(
            failure.message + unknown,
            code=failure.code,
            retry=repeatable and failure.code not in LASTING,
            maybe_delivered=failure.maybe_sent,
        )

    def _not_accepted(self, reply: Reply, call: _Call) -> DeliveryProblem:
        """Judge an answer other than 2xx: was it taken, and can another try help?"""
        broke = reply.status >= 500
        unknown = broke and self.promise != IDEMPOTENT
        again = reply.status in NOT_TAKEN or (broke and not unknown)
        return DeliveryProblem(
            f"{_host_of(call.url)} answered {reply.status}{_quote(reply, call)}; "
            f"{_advice(reply.status, unknown=unknown, again=again)}.",
            code=f"http_{reply.status}",
            retry=again,
            retry_after_s=pause_asked(reply.headers) if again else None,
            maybe_delivered=unknown,
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


def _advice(status: int, *, unknown: bool, again: bool) -> str:
    if unknown:
        return "it may have kept the output all the same, so look there before sending again"
    if again:
        return "it is tried again"
    if 300 <= status < 400:
        return "redirects are not followed, so set the address to the final one"
    if status in (401, 403):
        return "check the credentials in the destination's headers"
    return "check the destination's address and what the receiver expects"


def _receipt(reply: Reply, call: _Call) -> Receipt:
    place = redact(reply.headers.get("location", ""), call.secrets)
    reference = one_line(place, limit=500) or f"HTTP {reply.status} from {_host_of(call.url)}"
    return Receipt(reference=reference, detail={"status": reply.status})


def _quote(reply: Reply, call: _Call) -> str:
    """Quote the beginning of the answer, secrets taken out first."""
    line = one_line(redact(reply.body.decode("utf-8", "replace"), call.secrets))
    return f" (“{line}”)" if line else ""


def _host_of(url: str) -> str:
    """Return a URL's host: paths and queries may hold what does not belong in messages."""
    return one_line(url.partition("://")[2].partition("/")[0].partition("?")[0], limit=80)

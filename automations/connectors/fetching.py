"""Fetch a web address for a source: guarded, bounded, with a sentence for every way to fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urljoin, urlsplit

from django import forms

from automations import references
from automations.connectors.headers import HeadersField
from automations.errors import Problem
from automations.outbound import (
    Allowance,
    OutboundClient,
    OutboundFailed,
    OutboundRefused,
    Reply,
    check_url,
)
from automations.redaction import find_secrets, redact
from automations.references import host_of
from automations.text import one_line

USUAL_TIMEOUT_S = 30
# What is over in a moment: a server that restarts, a proxy that lost its way.
PASSING = frozenset({502, 503, 504})
PAUSES_S = (0.5, 2.0)
MARK = references.MARK
REFERENCES = references.SOURCE

_ADVICE = {
    401: "check the credentials in the source's headers",
    403: "check the credentials in the source's headers, and that they allow reading this",
    404: "check the address; there is nothing at it",
    410: "what was there is gone for good; choose another address",
    429: "it asks for a pause, so read it less often",
}


class FetchForm(forms.Form):
    """Which address is read, with which headers."""

    url = forms.CharField(
        label="Address",
        max_length=2_000,
        help_text="For example https://example.com/article. Where the address itself is a secret, "
        f"put it into an environment variable and write env:{REFERENCES.prefix}NAME.",
    )
    headers = HeadersField(
        references=REFERENCES,
        label="Headers",
        required=False,
        help_text=f"One per line, for example Authorization: Bearer env:{REFERENCES.prefix}TOKEN. "
        "Secrets are read from the worker's environment and never stored here.",
    )
    timeout_s = forms.IntegerField(
        label="Time limit",
        min_value=1,
        max_value=120,
        initial=USUAL_TIMEOUT_S,
        required=False,
        help_text=f"Seconds until reading counts as failed; {USUAL_TIMEOUT_S} when empty.",
    )

    def clean_url(self) -> str:
        """Refuse an address that holds a secret or may not be called."""
        url: str = self.cleaned_data["url"]
        if faults := _faults_of(url):
            raise forms.ValidationError(faults)
        return url

    def clean_timeout_s(self) -> int:
        """Fill in the usual limit."""
        return self.cleaned_data["timeout_s"] or USUAL_TIMEOUT_S


def _faults_of(url: str) -> list[str]:
    if url.startswith(MARK):
        return REFERENCES.faults(url)
    if find_secrets(url):
        return [
            "The address holds a secret; put it into an environment variable and write "
            f"env:{REFERENCES.prefix}NAME."
        ]
    try:
        check_url(url, allow=Allowance.for_purpose("source"))
    except OutboundRefused as refusal:
        return [refusal.message]
    return []


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address gave: its bytes, and what its server says they are."""

    url: str
    body: bytes
    content_type: str
    charset: str


def fetch(settings: Mapping[str, Any], *, accept: str, max_bytes: int) -> Fetched:
    """GET the address that settings name (blocking) and return a 2xx answer.

    Raises `Problem` (source_error): secret_missing, blocked_address and the other refusals,
    network_error, timeout, response_too_large, redirected, http_<status>.
    """
    url, url_secret = REFERENCES.resolve(settings["url"])
    resolved = {k: REFERENCES.resolve(v) for k, v in (settings.get("headers") or {}).items()}
    headers = {"Accept": accept} | {name: value for name, (value, _) in resolved.items()}
    secrets = [secret for _, secret in resolved.values() if secret]
    if url_secret:
        secrets.append(url_secret)
    seconds = settings.get("timeout_s") or USUAL_TIMEOUT_S
    reply = _patiently(lambda: _get(url, headers, deadline_s=seconds, max_bytes=max_bytes))
    if not 200 <= reply.status < 300:
        raise _refused(reply, url, secrets)
    kind = Message()
    kind["Content-Type"] = reply.headers.get("Content-Type", "")
    content_type = kind.get_content_type() if reply.headers.get("Content-Type") else ""
    charset = kind.get_content_charset() or ""
    return Fetched(url, reply.body, content_type, one_line(charset, limit=40))


def _patiently(call: Callable[[], Coroutine[Any, Any, Reply]]) -> Reply:
    """Call, and call again after a short pause where that may help: reading twice does no harm."""
    for pause_s in PAUSES_S:
        try:
            reply = asyncio.run(call())
        except OutboundFailed as failure:
            if failure.code != "network_error":
                raise
        else:
            if reply.status not in PASSING:
                return reply
        time.sleep(pause_s)
    return asyncio.run(call())


async def _get(url: str, headers: dict[str, str], *, deadline_s: float, max_bytes: int) -> Reply:
    async with OutboundClient(Allowance.for_purpose("source")) as http:
        return await http.request(
            "GET", url, headers=headers, deadline_s=deadline_s, max_bytes=max_bytes
        )


def _refused(reply: Reply, url: str, secrets: list[str]) -> Problem:
    host = host_of(url)
    if 300 <= reply.status < 400:
        target = reply.headers.get("location", "")
        place = one_line(redact(_shown(urljoin(url, target)), secrets)) if target else "nowhere"
        return Problem(
            f"{host} answered {reply.status} and points to {place}; redirects are not followed, "
            "so set the address to the final one.",
            category="source_error",
            code="redirected",
        )
    broke = "the server has trouble; try again later" if reply.status >= 500 else ""
    advice = broke or _ADVICE.get(reply.status, "check the address and what its server expects")
    return Problem(
        f"{host} answered {reply.status}{_quote(reply, secrets)}; {advice}.",
        category="source_error",
        code=f"http_{reply.status}",
    )


def _quote(reply: Reply, secrets: list[str]) -> str:
    """Quote the beginning of a plain answer, secrets taken out first; pages of HTML say nothing."""
    if "html" in reply.headers.get("Content-Type", "").lower():
        return ""
    line = one_line(redact(reply.body[:2_000].decode("utf-8", "replace"), secrets))
    return f" (“{line}”)" if line else ""


def _shown(url: str) -> str:
    """Return an address without the parts that may be secret: its query and its fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"

"""Model calls: the only file that knows the provider's client."""

import asyncio
import logging
import re
import time
import traceback
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx2
import openai

from automations.engine.causes import CAUSES, code_of
from automations.engine.dialects import DEFAULT_MAX_TOKENS, Dialects
from automations.engine.parsing import (
    Completion,
    ProviderError,
    Unusable,
    parse_completion,
    parse_error,
)
from automations.engine.wire import Wire
from automations.errors import Problem
from automations.outbound import Allowance, OutboundFailed, OutboundRefused, Reply, check_url
from automations.outbound.rules import place_of
from automations.outbound.session import GuardedSession
from automations.pauses import pause_asked
from automations.redaction import redact
from automations.text import one_line

logger = logging.getLogger(__name__)

MAX_ANSWER_BYTES = 2 * 1024 * 1024
IDLE_S = 4.0  # less than the 5 s after which the embedded server hangs up
SENDABLE = frozenset(
    {"frequency_penalty", "presence_penalty", "reasoning_effort", "seed", "stop", "top_p"}
)

# A failure of the guarded session, as a fine cause of ours.
_OUTBOUND_CODES = {
    "dns_error": "api_config",
    "network_error": "network_error",
    "tls_error": "api_config",
    "timeout": "timeout",
    "response_too_large": "response_too_large",
    "unwanted_encoding": "response_too_large",
}
# The causes whose reason only the provider knows: its words are shown, made safe.
_EXPLAINED_BY_PROVIDER = frozenset(
    {"api_bad_request", "api_permission", "api_model_not_found", "context_too_long"}
)
_ECHO_CHARS = 16  # so much of a prompt in a row is an echo of it
_KEY = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where models are called. `trusted` endpoints of our own may be on this machine."""

    base_url: str
    api_key: str = field(repr=False)
    model: str
    trusted: bool
    label: str
    embedded: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `extra` holds further parameters out of `SENDABLE`."""

    messages: list[dict[str, str]] = field(repr=False)
    model: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    schema: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    deadline_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer; tokens are None where the provider did not say."""

    text: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int
    finish_reason: str
    request_id: str
    http_status: int
    latency_ms: int


class CallFailed(Problem):
    """A model call brought no usable answer; the attributes say what follows from that.

    `answer` is what came nevertheless and was paid for: a cut-off or filtered text.
    """

    def __init__(self, message: str, *, code: str, latency_ms: int) -> None:
        cause = CAUSES[code]
        super().__init__(message, category=cause.category, code=code)
        self.retry = cause.retry
        self.rate_limited = cause.rate_limited
        self.opens_circuit = cause.opens_circuit
        self.outage = cause.outage
        self.latency_ms = latency_ms
        self.http_status: int | None = None
        self.request_id = ""
        self.retry_after_s: float | None = None
        self.answer: Answer | None = None


class _Fault(Exception):
    """What went wrong within a call, before it is put into words."""

    def __init__(
        self,
        code: str,
        what: str = "",
        *,
        reply: Reply | None = None,
        completion: Completion | None = None,
        detail: str = "",
        advice: str | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.what = what or CAUSES[code].what
        self.advice = CAUSES[code].advice if advice is None else advice
        self.reply = reply
        self.completion = completion
        self.detail = detail  # the provider's own words, not yet safe to show


class Client:
    """Calls one endpoint; lives as long as its pump and serves any number of calls at once."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._url = _completions_url(endpoint.base_url)
        self._openai: openai.AsyncOpenAI
        self._why_not: OutboundRefused | None = None
        self._dialects = Dialects()

    async def __aenter__(self) -> Self:
        try:
            allow = _allowance(self.endpoint)
            check_url(self.endpoint.base_url, allow=allow)
            self._openai = _client(self.endpoint, allow)
        except OutboundRefused as refusal:
            self._why_not = refusal
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._why_not is None:
            await self._openai.close()

    async def complete(self, call: Call) -> Answer:
        """Make one call and return the answer; raises `CallFailed` for whatever goes wrong.

        There are no retries and no redirects; `call.deadline_s` covers everything. A cancelled
        call closes its connection.
        """
        started = time.monotonic()
        try:
            reply = await self._reply_to(call)
            completion = _read(reply, call)
            return _answer(completion, reply, call, started)
        except _Fault as raised:
            fault = raised
        except Exception as error:  # noqa: BLE001 - theirs carry prompt and key: none may escape
            fault = self._own_fault(error)
        # Outside of the handlers, so that the original is not chained to it.
        raise self._failed(fault, call, started)

    async def _reply_to(self, call: Call) -> Reply:
        if self._why_not:
            raise _refused(self._why_not)
        _check_key(self.endpoint.api_key)
        try:
            async with asyncio.timeout(call.deadline_s):
                return await self._post(call)
        except TimeoutError:
            raise _Fault("timeout", f"did not answer within {call.deadline_s:g} s") from None
        except OutboundRefused as refusal:
            raise _refused(refusal) from None
        except OutboundFailed as failure:
            code = _OUTBOUND_CODES[failure.code]
            raise _Fault(code, f"brought no answer: {failure.what}") from None

    async def _post(self, call: Call) -> Reply:
        # Asked at most three times: a server may know neither our limit's name nor schemas.
        for _ in range(3):
            body = self._body(call)
            response = await self._send(body)
            if not self._dialects.learns(response.status_code, response.content, body):
                break
        return Reply(response.status_code, response.headers, response.content)

    async def _send(self, body: dict[str, Any]) -> httpx2.Response:
        # Not `chat.completions.create`: it builds models out of both bodies, which costs more
        # than the rest of the call and raises what no caller expects on odd answers.
        try:
            return await self._openai.post(self._url, cast_to=httpx2.Response, body=body)
        except openai.APIStatusError as error:
            return error.response

    def _body(self, call: Call) -> dict[str, Any]:
        unknown = set(call.extra) - SENDABLE
        if unknown:
            raise _Fault("api_bad_request", f"was not called: {min(unknown)} is no known parameter")
        return self._dialects.body(call, call.model or self.endpoint.model)

    # Failures

    def _own_fault(self, error: Exception) -> _Fault:
        logger.error(
            "A model call broke in our own code",
            extra={
                "endpoint": self.endpoint.label,
                "error": type(error).__name__,
                "where": "".join(traceback.format_tb(error.__traceback__)),
            },
        )
        return _Fault("internal_error")

    def _failed(self, fault: _Fault, call: Call, started: float) -> CallFailed:
        failed = CallFailed(
            self._sentence(fault, call), code=fault.code, latency_ms=_ms_since(started)
        )
        if fault.reply:
            failed.http_status = fault.reply.status
            failed.request_id = _request_id(fault.reply, fault.completion)
            failed.retry_after_s = pause_asked(fault.reply.headers) if failed.retry else None
        if fault.reply and fault.completion:
            failed.answer = _answer(fault.completion, fault.reply, call, started)
        return failed

    def _sentence(self, fault: _Fault, call: Call) -> str:
        status = fault.reply.status if fault.reply else 0
        number = f" ({status})" if status >= 300 else ""
        words = self._safe(fault.detail, call)
        detail = f": {words}" if words else ""
        advice = f"; {fault.advice}" if fault.advice else ""
        return f"{one_line(self.endpoint.label)} {fault.what}{number}{detail}{advice}."

    def _safe(self, text: str, call: Call) -> str:
        """Make a provider's words fit to show: no key, and nothing if they repeat the prompt."""
        line = one_line(redact(text, [self.endpoint.api_key]), limit=200).rstrip(".")
        prompt = " ".join(" ".join(message["content"].split()) for message in call.messages)
        starts = range(0, len(line) - _ECHO_CHARS + 1, _ECHO_CHARS // 2)
        echoes = any(line[start : start + _ECHO_CHARS] in prompt for start in starts)
        return "" if echoes else line


def _allowance(endpoint: Endpoint) -> Allowance:
    if not endpoint.trusted:
        return Allowance.for_purpose("provider")
    place = place_of(endpoint.base_url, allow=Allowance("provider"))
    return Allowance("provider", frozenset({(place.host, place.port)}))


def _client(endpoint: Endpoint, allow: Allowance) -> openai.AsyncOpenAI:
    headers = {
        "Authorization": f"Bearer {endpoint.api_key}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "Lifecycle",
    }
    wire = Wire(GuardedSession(allow, idle_s=IDLE_S), headers=headers, max_bytes=MAX_ANSWER_BYTES)
    return openai.AsyncOpenAI(
        api_key=endpoint.api_key or "none",  # None or "" would be looked up in the environment
        base_url=endpoint.base_url,
        max_retries=0,
        timeout=None,  # the deadline is ours: theirs counts between two packets only
        http_client=httpx2.AsyncClient(transport=wire, trust_env=False, follow_redirects=False),
    )


def _completions_url(base_url: str) -> str:
    path, mark, query = base_url.partition("#")[0].partition("?")
    return f"{path.rstrip('/')}/chat/completions{mark}{query}"


def _check_key(key: str) -> None:
    if not key:
        raise _Fault("api_auth", "has no API key")
    if not _KEY.fullmatch(key):
        raise _Fault("api_auth", "has an API key with characters that no key has")


def _refused(refusal: OutboundRefused) -> _Fault:
    reason = refusal.message[0].lower() + refusal.message[1:].rstrip(".")
    return _Fault("api_config", f"was not called: {reason}", advice="")


def _read(reply: Reply, call: Call) -> Completion:
    if reply.status >= 300:
        raise _status_fault(reply.status, parse_error(reply.body), reply)
    try:
        return parse_completion(reply.body)
    except Unusable as unusable:
        raise _unusable_fault(unusable, reply, call) from None


def _status_fault(status: int, error: ProviderError, reply: Reply) -> _Fault:
    code = code_of(status, error)
    detail = error.message if code in _EXPLAINED_BY_PROVIDER else ""
    return _Fault(code, reply=reply, detail=detail)


def _unusable_fault(unusable: Unusable, reply: Reply, call: Call) -> _Fault:
    error, completion = unusable.error, unusable.completion
    if error and error.code.isdigit() and 400 <= int(error.code) < 600:
        return _status_fault(int(error.code), error, reply)
    if unusable.code == "refusal":
        return _Fault("refusal", reply=reply, completion=completion, detail=unusable.what)
    what = unusable.what
    if unusable.code == "output_truncated":
        made = completion.output_tokens if completion else None
        tokens = made or call.max_tokens or DEFAULT_MAX_TOKENS
        what = f"was cut off at {tokens:,} tokens, before its answer was complete"
    return _Fault(unusable.code, what, reply=reply, completion=completion)


def _answer(completion: Completion, reply: Reply, call: Call, started: float) -> Answer:
    return Answer(
        text=completion.text,
        model=completion.model or call.model,
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
        cached_tokens=completion.cached_tokens,
        finish_reason=completion.finish_reason,
        request_id=_request_id(reply, completion),
        http_status=reply.status,
        latency_ms=_ms_since(started),
    )


def _request_id(reply: Reply, completion: Completion | None) -> str:
    named = reply.headers.get("x-request-id") or reply.headers.get("request-id") or ""
    return one_line(named, limit=100) or (completion.response_id if completion else "")


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)

"""The provider's ways of misbehaving, chosen per request by the model's name (`kind:detail`)."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache, partial
from time import time
from typing import Any

from tests.provider.bodies import ERRORS, completion, error_body
from tests.provider.breaches import BREACHES
from tests.provider.wire import Exchange, response_head

DEEP = 200_000
BOMB_BYTES = 400_000_000


@dataclass(slots=True)
class Ask:
    """One model call: the exchange, what was asked, and what a good answer would be."""

    exchange: Exchange
    body: dict[str, Any]
    model: str
    detail: str
    question: str
    text: str
    request_id: str
    count: int  # how often this very question was asked of this model, this time included

    def answer(self, text: str | None = None, **changes: Any) -> None:
        """Send a well-formed completion, with the choice's fields changed as told."""
        self.send_json(completion(self.model, text or self.text, self.question, **changes))

    def send_json(self, value: Any, status: int = 200) -> None:
        """Send any value as JSON."""
        self.send_bytes(json.dumps(value).encode(), status)

    def send_bytes(self, body: bytes, status: int = 200, **options: Any) -> None:
        """Send any bytes, with a request id."""
        headers = [("x-request-id", self.request_id), *options.pop("headers", [])]
        self.exchange.reply(status, body, headers=headers, **options)


Behaviour = Callable[[Ask], None]


def ok(ask: Ask) -> None:
    """Answer properly."""
    ask.answer()


def status(code: int, ask: Ask) -> None:
    """Answer with a status; the detail is a list of error names and `header=value` pairs."""
    parts = [part for part in ask.detail.split(",") if part]
    headers = [pair for part in parts if (pair := _header(part))]
    kinds = [part for part in parts if "=" not in part]
    body, content_type = _error(kinds[0] if kinds else "plain")
    ask.send_bytes(body, code, headers=headers, content_type=content_type)


def _header(part: str) -> tuple[str, str] | None:
    name, found, value = part.partition("=")
    if not found:
        return None
    if match := re.fullmatch(r"date([+-]\d+)", value):
        return name, formatdate(time() + int(match[1]), usegmt=True)
    return name, value


def _error(kind: str) -> tuple[bytes, str]:
    if kind == "html":
        return b"<html><h1>Bad gateway</h1></html>", "text/html"
    if kind == "empty":
        return b"", "application/json"
    if kind == "detail":
        return b'{"detail": "Not here"}', "application/json"
    return error_body(kind if kind in ERRORS else "plain"), "application/json"


def fail(ask: Ask) -> None:
    """`fail:500` always fails; `fail:500x2-then-ok` fails twice per question."""
    match = re.fullmatch(r"(\d{3})(?:x(\d+)-then-ok)?", ask.detail or "500")
    if match is None:
        raise ValueError(f"fail:{ask.detail} is not understood")
    if match[2] and ask.count > int(match[2]):
        ok(ask)
        return
    ask.detail = ""
    status(int(match[1]), ask)


def slow(ask: Ask) -> None:
    """Answer properly after so many seconds."""
    ask.exchange.later(float(ask.detail or 1), ask.answer)


def nothing(ask: Ask) -> None:
    """Never answer."""


def drip(ask: Ask) -> None:
    """Send a good answer byte by byte, one per `detail` seconds (1 unless told)."""
    body = json.dumps(completion(ask.model, ask.text, ask.question)).encode()
    ask.exchange.send(response_head(200, [("content-length", str(len(body)))]))
    _drop(ask.exchange, body, float(ask.detail or 1))


def _drop(exchange: Exchange, rest: bytes, pause_s: float) -> None:
    exchange.send(rest[:1])
    if len(rest) > 1:
        exchange.later(pause_s, partial(_drop, exchange, rest[1:], pause_s))
    else:
        exchange.end()


def slow_headers(ask: Ask) -> None:
    """Send one header a second for ever."""
    ask.exchange.send(b"HTTP/1.1 200 OK\r\n")
    _more(ask.exchange, b"x-wait: 1\r\n", 1.0)


def endless(ask: Ask) -> None:
    """Send a body without an end as fast as the caller reads."""
    head = response_head(200, [("transfer-encoding", "chunked")])
    ask.exchange.send(head)
    _more(ask.exchange, b"10000\r\n" + b" " * 65_536 + b"\r\n", 0.0005)


def endless_headers(ask: Ask) -> None:
    """Send headers without an end."""
    ask.exchange.send(b"HTTP/1.1 200 OK\r\n")
    _more(ask.exchange, b"x-flood: " + b"a" * 1_000 + b"\r\n", 0.0005)


def _more(exchange: Exchange, data: bytes, pause_s: float) -> None:
    if not exchange.congested():
        exchange.send(data)
    if not exchange.done:
        exchange.later(pause_s, partial(_more, exchange, data, pause_s))


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    piece = b" " * 10_000_000
    return gzip.compress(piece, 1) * (BOMB_BYTES // len(piece))


def bomb(ask: Ask) -> None:
    """Send 400 MB of spaces as 2 MB of gzip."""
    ask.send_bytes(_bomb(), headers=[("content-encoding", "gzip")])


def gzipped(ask: Ask) -> None:
    """Send a good answer compressed although nobody asked for that."""
    body = gzip.compress(json.dumps(completion(ask.model, ask.text, ask.question)).encode())
    ask.send_bytes(body, headers=[("content-encoding", "gzip")])


def big(ask: Ask) -> None:
    """Send a good answer of `detail` bytes (3 MB unless told), announced honestly."""
    ask.answer("x" * int(ask.detail or 3_000_000))


def redirect(ask: Ask) -> None:
    """Point elsewhere."""
    place = ask.detail or "http://169.254.169.254/latest/meta-data/"
    ask.send_bytes(b"", 302, headers=[("location", place)])


def short_body(ask: Ask) -> None:
    """Announce more than is sent, then hang up."""
    ask.exchange.send(response_head(200, [("content-length", "1000")]) + b'{"id": 1')
    ask.exchange.close()


def not_http(ask: Ask) -> None:
    """Speak another protocol."""
    ask.exchange.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    ask.exchange.close()


def no_usage(ask: Ask) -> None:
    """Answer without saying what it cost."""
    body = completion(ask.model, ask.text, ask.question)
    del body["usage"]
    ask.send_json(body)


def bad_usage(ask: Ask) -> None:
    """Answer with nonsense in the usage block."""
    usage = {"prompt_tokens": -5, "completion_tokens": "many", "prompt_tokens_details": []}
    ask.send_json(completion(ask.model, ask.text, ask.question) | {"usage": usage})


def cached(ask: Ask) -> None:
    """Answer with part of the prompt counted as cached."""
    usage: dict[str, Any] = {"prompt_tokens": 1000, "completion_tokens": 100}
    usage["prompt_tokens_details"] = {"cached_tokens": 800}
    ask.send_json(completion(ask.model, ask.text, ask.question) | {"usage": usage})


def needs_max_completion_tokens(ask: Ask) -> None:
    """Refuse `max_tokens`, as reasoning models do."""
    if "max_tokens" in ask.body:
        ask.send_bytes(error_body("max-tokens"), 400)
    else:
        ok(ask)


def no_schema(ask: Ask) -> None:
    """Refuse `response_format`, as many compatible servers do."""
    if "response_format" in ask.body:
        ask.send_bytes(error_body("response-format"), 400)
    else:
        ask.answer(ask.text)


def echo_key(ask: Ask) -> None:
    """Repeat the caller's secret and prompt in an error, as careless proxies do."""
    secret = ask.exchange.request.headers.get("authorization", "")
    message = f"Refused {secret} for the prompt {ask.question}"
    ask.send_json({"error": {"message": message, "type": "x", "code": None}}, 400)


def choices(value: Any, ask: Ask) -> None:
    """Answer with any value for `choices`."""
    ask.send_json(completion(ask.model, ask.text, ask.question) | {"choices": value})


def changed(ask: Ask, **changes: Any) -> None:
    """Answer with the choice's fields changed."""
    ask.answer(**changes)


def content(value: Any, ask: Ask) -> None:
    """Answer with any value as the message's content."""
    ask.send_json(completion(ask.model, None, ask.question, message={"content": value}))


def error_in_200(ask: Ask) -> None:
    """Report an error under status 200; the detail is the status it should have had."""
    error = {"message": "Upstream said no.", "code": int(ask.detail) if ask.detail else None}
    ask.send_json({"error": error})


def raw(body: bytes, ask: Ask) -> None:
    """Answer 200 with these bytes."""
    ask.send_bytes(body)


def _html(ask: Ask) -> None:
    ask.send_bytes(b"<html><body>It works!</body></html>", content_type="text/html")


def _half(ask: Ask) -> None:
    body = json.dumps(completion(ask.model, ask.text, ask.question)).encode()
    ask.send_bytes(body[: len(body) // 2])


_TOOL = {"id": "c1", "type": "function", "function": {"name": "run", "arguments": "{}"}}

BEHAVIOURS: dict[str, Behaviour] = {
    "ok": ok,
    "fail": fail,
    "slow": slow,
    "hang": nothing,
    "drip": drip,
    "slow-headers": slow_headers,
    "endless": endless,
    "endless-headers": endless_headers,
    "bomb": bomb,
    "gzip": gzipped,
    "big": big,
    "redirect": redirect,
    "reset": lambda ask: ask.exchange.reset(),
    "close": lambda ask: ask.exchange.close(),
    "short-body": short_body,
    "not-http": not_http,
    "html": _html,
    "half-json": _half,
    "empty": partial(raw, b""),
    "null": partial(raw, b"null"),
    "list": partial(raw, b"[]"),
    "string": partial(raw, b'"hello"'),
    "number": partial(raw, b"42"),
    "nan": partial(raw, b'{"choices": NaN}'),
    "bad-utf8": partial(raw, b'{"id": "\xff\xfe", "choices": []}'),
    "deep-json": partial(raw, b"[" * DEEP + b"]" * DEEP),
    "huge-int": partial(raw, b'{"id": ' + b"9" * 5_000 + b"}"),
    "error-200": error_in_200,
    "no-choices": partial(choices, []),
    "choices-null": partial(choices, None),
    "choices-object": partial(choices, {}),
    "choice-null": partial(choices, [None]),
    "message-null": partial(choices, [{"index": 0, "message": None, "finish_reason": "stop"}]),
    "content-null": partial(content, None),
    "content-empty": partial(content, ""),
    "content-blank": partial(content, " \n\t "),
    "content-invisible": partial(content, "\u200b\u2060\ufeff"),
    "content-number": partial(content, 7),
    "content-list": partial(content, [{"type": "text", "text": "in parts"}]),
    "nul": partial(content, "before\x00after \ud800 end"),
    "length": partial(changed, finish_reason="length"),
    "content-filter": partial(changed, finish_reason="content_filter"),
    "finish-unknown": partial(changed, finish_reason="because"),
    "finish-null": partial(changed, finish_reason=None),
    "finish-eos": partial(changed, finish_reason="eos_token"),
    "tool-calls": partial(changed, finish_reason="tool_calls", message={"tool_calls": [_TOOL]}),
    "function-call": partial(changed, finish_reason="function_call"),
    "refusal": partial(changed, message={"content": None, "refusal": "I cannot help with that."}),
    "no-usage": no_usage,
    "bad-usage": bad_usage,
    "cached": cached,
    "needs-max-completion-tokens": needs_max_completion_tokens,
    "echo-key": echo_key,
    "no-schema": no_schema,
    "error-word": partial(raw, b'{"error": "rate limited, or so"}'),
    "choices-word": partial(choices, "none"),
    "choice-list": partial(choices, [[]]),
    "message-list": partial(choices, [{"index": 0, "message": [], "finish_reason": "stop"}]),
    "content-object": partial(content, {"text": "in an object"}),
    "finish-number": partial(changed, finish_reason=7),
    "empty-object": partial(raw, b"{}"),
    **BREACHES,
}


def find(model: str) -> tuple[Behaviour, str]:
    """Return the behaviour a model's name asks for, and the detail after the colon."""
    name, _, detail = model.partition(":")
    if re.fullmatch(r"[2-5]\d\d", name):
        return partial(status, int(name)), detail
    return BEHAVIOURS.get(name, ok), detail

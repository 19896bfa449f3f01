"""The fake provider's routes: chat completions, a destination, and the controls."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.provider.behaviours import Ask, find
from tests.provider.bodies import DEFAULT_ANSWER, error_body, instance_of
from tests.provider.wire import Connection, Exchange, Request, Traffic

REMEMBERED = 500
BURST_S = 3.0


@dataclass(slots=True)
class Script:
    """What the provider was told to do."""

    answer: str = DEFAULT_ANSWER
    answers: list[str] = field(default_factory=list)  # taken first, one per call
    behaviours: list[str] = field(default_factory=list)  # taken first, one per call
    latency_ms: float = 0.0
    key: str = ""  # refuse callers without it
    refuse_above: int = 0  # 429 when more calls than this are in flight; 0: never
    per_minute: float = 0  # 429 when a bucket of three seconds' worth is empty; 0: never


@dataclass(slots=True)
class Seen:
    """What the provider has seen."""

    calls: int = 0
    refused: int = 0  # with 429, for being too many
    in_flight: int = 0
    max_in_flight: int = 0
    by_model: Counter[str] = field(default_factory=Counter)
    by_question: Counter[str] = field(default_factory=Counter)
    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    attempts: Counter[str] = field(default_factory=Counter)  # deliveries received, per key
    deliveries: Counter[str] = field(default_factory=Counter)  # deliveries that took effect
    parcels: deque[Request] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def call_ended(self) -> None:
        """Count one call out."""
        self.in_flight -= 1


class Provider:
    """Routes requests; lives in one event loop."""

    def __init__(self, *, latency_ms: float = 0.0) -> None:
        self.script = Script(latency_ms=latency_ms)
        self.seen = Seen()
        self.traffic = Traffic()
        self._bucket, self._filled_at = 0.0, 0.0
        self._controls = 0  # each control request comes on a connection of its own

    async def listen(self, port: int, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        """Open the server on 127.0.0.1; port 0 takes a free one."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: Connection(self.handle, self.traffic), "127.0.0.1", port, ssl=tls, backlog=1024
        )

    def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        path = exchange.request.path.partition("?")[0]
        if path.endswith("/chat/completions"):
            self._complete(exchange)
        elif path.startswith("/deliver/"):
            self._deliver(exchange, path.removeprefix("/deliver/"))
        elif path.endswith("/models"):
            exchange.reply(200, b'{"object": "list", "data": [{"id": "ok"}]}')
        elif path.startswith("/_"):
            self._control(exchange, path)
        else:
            exchange.reply(404, b'{"detail": "Not Found"}')

    # Model calls

    def _complete(self, exchange: Exchange) -> None:
        try:
            body = json.loads(exchange.request.body)
            question = str(body["messages"][-1]["content"])
        except (ValueError, LookupError, TypeError):
            exchange.reply(400, error_body("param"))
            return
        self._count_call(exchange)
        if self.script.key and not self._knows(exchange.request):
            exchange.reply(401, error_body("plain"))
        elif 0 < self.script.refuse_above < self.seen.in_flight:
            self._refuse(exchange, 1)
        elif self.script.per_minute and (wait_s := self._wait_for_token()):
            self._refuse(exchange, wait_s)
        else:
            self._answer(self._ask(exchange, body, question))

    def _refuse(self, exchange: Exchange, after_s: float) -> None:
        self.seen.refused += 1
        headers = [("retry-after", f"{after_s:.3f}")]
        exchange.reply(429, error_body("plain"), headers=headers)

    def _wait_for_token(self) -> float:
        """Take a token; return 0, or the seconds until there is one."""
        now, per_s = asyncio.get_running_loop().time(), self.script.per_minute / 60
        self._bucket = min(per_s * BURST_S, self._bucket + (now - self._filled_at) * per_s)
        self._filled_at = now
        if self._bucket < 1:
            return (1 - self._bucket) / per_s
        self._bucket -= 1
        return 0.0

    def _count_call(self, exchange: Exchange) -> None:
        seen = self.seen
        seen.calls += 1
        seen.in_flight += 1
        seen.max_in_flight = max(seen.max_in_flight, seen.in_flight)
        seen.requests.append(exchange.request)
        exchange.on_end(seen.call_ended)

    def _knows(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self.script.key}"

    def _ask(self, exchange: Exchange, body: dict[str, Any], question: str) -> Ask:
        asked = str(body.get("model"))
        self.seen.by_model[asked] += 1
        key = exchange.request.headers.get("idempotency-key", f"{asked}\n{question}")
        self.seen.by_question[key] += 1
        return Ask(
            exchange=exchange,
            body=body,
            model=self.script.behaviours.pop(0) if self.script.behaviours else asked,
            detail="",
            question=question,
            text=self._text_for(body),
            request_id=f"req_{self.seen.calls}",
            count=self.seen.by_question[key],
        )

    def _text_for(self, body: dict[str, Any]) -> str:
        if self.script.answers:
            return self.script.answers.pop(0)
        form = body.get("response_format") or {}
        if form.get("type") == "json_schema" and self.script.answer is DEFAULT_ANSWER:
            return json.dumps(instance_of(form["json_schema"]["schema"]))
        return self.script.answer

    def _answer(self, ask: Ask) -> None:
        ask.exchange.later(self.script.latency_ms / 1000, partial(_behave, ask))

    # Deliveries

    def _deliver(self, exchange: Exchange, place: str) -> None:
        request = exchange.request
        key = request.headers.get("idempotency-key", "")
        kind, _, detail = place.partition("/")
        self.seen.parcels.append(request)
        self.seen.attempts[key] += 1
        if kind == "reset":
            exchange.reset()
        elif kind == "status" and self._refuses(detail, key):
            exchange.reply(int(detail[:3]), b'{"error": "told to"}', headers=[("retry-after", "1")])
        else:
            self._take_effect(key, kind)
            exchange.later(self._delay(kind, detail), partial(self._receipt, exchange, key))

    def _take_effect(self, key: str, kind: str) -> None:
        if kind != "keyed" or not key or not self.seen.deliveries[key]:
            self.seen.deliveries[key] += 1

    def _delay(self, kind: str, detail: str) -> float:
        if kind == "hang":
            return 86_400  # it took effect and nobody will ever be told
        return float(detail) if kind == "slow" else 0

    def _receipt(self, exchange: Exchange, key: str) -> None:
        body = {"id": f"post-{key}", "times": self.seen.deliveries[key]}
        exchange.reply(200, json.dumps(body).encode())

    def _refuses(self, detail: str, key: str) -> bool:
        """`503` always refuses, `503x2` refuses the first two under each key."""
        times = detail.partition("x")[2]
        return not times or self.seen.attempts[key] <= int(times)

    # Controls

    def _control(self, exchange: Exchange, path: str) -> None:
        self._controls += 1
        if path == "/_script":
            self._rescript(exchange)
        else:
            exchange.reply(200, json.dumps(self.report()).encode())

    def report(self) -> dict[str, Any]:
        """Return everything seen so far, ready for JSON."""
        seen = self.seen
        return {
            "calls": seen.calls,
            "refused": seen.refused,
            "in_flight": seen.in_flight,
            "max_in_flight": seen.max_in_flight,
            "by_model": seen.by_model,
            "requests": [_described(request) for request in seen.requests],
            "attempts": seen.attempts,
            "deliveries": seen.deliveries,
            "parcels": [_described(request) for request in seen.parcels],
            "connections": self.traffic.connections - self._controls,
            "hung_up_on": self.traffic.hung_up_on,
        }

    def _rescript(self, exchange: Exchange) -> None:
        wishes = json.loads(exchange.request.body)
        if wishes.pop("reset", False):
            self.script, self.seen = Script(latency_ms=self.script.latency_ms), Seen()
        unknown = set(wishes) - set(Script.__dataclass_fields__)
        for name in set(wishes) - unknown:
            setattr(self.script, name, wishes[name])
        exchange.reply(400 if unknown else 200, json.dumps({"unknown": sorted(unknown)}).encode())


def _behave(ask: Ask) -> None:
    behaviour, ask.detail = find(ask.model)
    try:
        behaviour(ask)
    except Exception as error:  # noqa: BLE001 - a broken test must say so, not hang
        ask.send_json({"detail": f"the fake provider broke on {ask.model}: {error!r}"}, 501)


def _described(request: Request) -> dict[str, Any]:
    text = request.body.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    return {"path": request.path, "headers": request.headers, "text": text, "json": body}

"""The drill's faulty endpoint: a server on loopback that lives for one call and misbehaves.

The call itself takes the same way as every other: adapter, time limit, retry policy, ledger. Only
what it teaches is thrown away, so that no drill pauses a provider or opens its circuit.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog

from automations import drilling
from automations.engine.bench import Bench
from automations.engine.called import Called
from automations.engine.calling import ask
from automations.engine.held import Held
from automations.engine.llm import Client, Endpoint
from automations.engine.outputs import make_output
from automations.engine.recipes import Recipe
from automations.engine.samples import sample_answer
from automations.subjects import input_text

log = structlog.get_logger(__name__)

LABEL = "the drill's faulty endpoint"
MOST_BYTES = 8 * 1024 * 1024
WRONG_ANSWERS = (".", "This is no answer. " * 20_000, "[]")


@dataclass(slots=True)
class _AtTheDrill:
    """The bench of a drill's call: everything as ever, but another client."""

    bench: Bench
    drilled: Client

    async def client(self, _recipe: Recipe) -> Client:
        return self.drilled

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bench, name)


async def ask_in_drill(
    run: Held, recipe: Recipe, rendered: list[dict[str, str]], bench: Bench
) -> Called:
    """Make one call of a drill's run, against its fault instead of the provider.

    Raises:
        Problem: the run's deadline has passed before the call.
    """
    behaviour = drilling.behaviour_at(run.fault, run.calls, recipe_of(recipe))
    text = _text_for(behaviour, recipe, input_text(run.input_data))
    hasty = replace(recipe, call_timeout_s=min(recipe.call_timeout_s, drilling.TIMEOUT_S))
    async with faulty_endpoint(behaviour, text) as endpoint, Client(endpoint) as client:
        stand: Any = _AtTheDrill(bench, client)
        called = await ask(run, hasty, rendered, stand)
    called.news = None
    return called


def recipe_of(recipe: Recipe) -> drilling.Recipe:
    """Return what of the recipe decides how often a call is made."""
    return drilling.Recipe(recipe.max_attempts, len(recipe.models), recipe.max_repairs)


def _text_for(behaviour: str, recipe: Recipe, given: str) -> str:
    if behaviour != drilling.BAD_ANSWER:
        return sample_answer(recipe, given)
    # Checks differ: the first that this version refuses; else one that any good check would.
    refused = (a for a in WRONG_ANSWERS if make_output(a, recipe, input_text=given, turn=0).failed)
    return next(refused, WRONG_ANSWERS[0])


@asynccontextmanager
async def faulty_endpoint(behaviour: str, text: str) -> AsyncIterator[Endpoint]:
    """Serve one behaviour on a free port of this machine to who knows a random token."""
    token = secrets.token_urlsafe(24)
    server = await asyncio.start_server(
        partial(_serve, token=token, answer=_BEHAVIOURS[behaviour], text=text), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    try:
        yield Endpoint(
            base_url=f"http://127.0.0.1:{port}/{token}/v1",
            api_key=token,
            model="sample answer",
            trusted=True,
            label=LABEL,
            embedded=True,  # it costs nothing
        )
    finally:
        server.close()


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, token: str,
    answer: Callable[[str], bytes], text: str,
) -> None:  # fmt: skip
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_length(head))
        knows = f"/{token}/".encode() in head.split(b"\r\n", 1)[0] and token.encode() in head
        reply = answer(text) if knows else _response(404, {"error": {"message": "Not here."}})
        if reply:
            writer.write(reply)
            await writer.drain()
        else:
            await reader.read()  # silence, until the caller hangs up
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
        # The caller is gone or talks no HTTP: nobody is left to be told.
        log.debug("drill_caller_gone", exc_info=True)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return min(int(value), MOST_BYTES)
    return 0


def _response(status: int, body: Any, *headers: str) -> bytes:
    data = json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} Drill", "Content-Type: application/json", "Connection: close",
        f"Content-Length: {len(data)}", *headers,
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode() + data


def _error(status: int, kind: str, *headers: str) -> bytes:
    error = {"message": "Injected by a reliability drill.", "type": kind, "code": kind}
    return _response(status, {"error": error}, *headers)


def _completion(text: str) -> bytes:
    choice = {
        "index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text},
    }  # fmt: skip
    used = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    head = {"id": "drill", "object": "chat.completion", "created": 0, "model": "sample answer"}
    return _response(200, {**head, "choices": [choice], "usage": used})


def _truncated(text: str) -> bytes:
    """Return a body that ends in the middle of its JSON, and says that this is all."""
    body = _completion(text).split(b"\r\n\r\n", 1)[1]
    cut = body[: len(body) // 2]
    head = f"HTTP/1.1 200 Drill\r\nContent-Type: application/json\r\nContent-Length: {len(cut)}"
    return f"{head}\r\nConnection: close\r\n\r\n".encode() + cut


_BEHAVIOURS: dict[str, Callable[[str], bytes]] = {
    drilling.ANSWER: _completion,
    drilling.BAD_ANSWER: _completion,
    drilling.RATE_LIMIT: lambda _: _error(
        429, "rate_limit_exceeded", f"Retry-After: {drilling.RETRY_AFTER_S}"
    ),
    drilling.ERROR: lambda _: _error(500, "server_error"),
    drilling.SILENCE: lambda _: b"",
    drilling.TRUNCATED: _truncated,
    drilling.EMPTY: lambda _: _completion(""),
    drilling.REFUSED: lambda _: _error(401, "invalid_api_key"),
}

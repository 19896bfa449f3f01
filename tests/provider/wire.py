"""HTTP/1.1 on a bare asyncio protocol, so that a response may break any rule it likes."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

Headers = Iterable[tuple[str, str]]
MAX_HEAD_BYTES = 64_000


@dataclass(slots=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def response_head(status: int, headers: Headers) -> bytes:
    """Return status line and headers as bytes, blank line included."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unassigned"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Exchange:
    """One request and the many ways of answering it."""

    __slots__ = ("_at_end", "_timers", "_transport", "done", "request")

    def __init__(
        self, request: Request, transport: asyncio.Transport, on_done: Callable[[], None]
    ) -> None:
        self.request = request
        self.done = False
        self._transport = transport
        self._at_end = [on_done]
        self._timers: list[asyncio.TimerHandle] = []

    def reply(
        self,
        status: int,
        body: bytes = b"",
        *,
        content_type: str = "application/json",
        headers: Headers = (),
    ) -> None:
        """Send a whole, well-formed response."""
        own = [("content-type", content_type), ("content-length", str(len(body)))]
        self.send(response_head(status, [*own, *headers]) + body)
        self.end()

    def send(self, data: bytes) -> None:
        """Write raw bytes, unless the caller has gone."""
        if not self.done:
            self._transport.write(data)

    def later(self, seconds: float, step: Callable[[], None]) -> None:
        """Run a step after a delay, or never if the caller goes first."""
        if seconds <= 0:
            step()
            return
        self._timers.append(asyncio.get_running_loop().call_later(seconds, step))

    def end(self) -> None:
        """Say that the response is complete; the connection stays open."""
        if self.done:
            return
        self.done = True
        for timer in self._timers:
            timer.cancel()
        for step in self._at_end:
            step()

    def on_end(self, step: Callable[[], None]) -> None:
        """Run a step once the exchange is over, however it ends."""
        self._at_end.append(step)

    def close(self) -> None:
        """Hang up politely once everything written has gone out."""
        self.end()
        self._transport.close()

    def reset(self) -> None:
        """Hang up with a TCP reset."""
        raw: socket.socket | None = self._transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.end()
        self._transport.abort()

    def congested(self) -> bool:
        """Tell whether the caller reads more slowly than we write."""
        return self._transport.get_write_buffer_size() > 1_000_000


Handler = Callable[[Exchange], None]


@dataclass(slots=True)
class Traffic:
    """What the server's sockets have seen; `hung_up_on`: callers gone before their answer."""

    connections: int = 0
    open_connections: int = 0
    hung_up_on: int = 0


class Connection(asyncio.Protocol):
    """Reads requests one after another and hands each to the handler."""

    def __init__(self, handler: Handler, traffic: Traffic) -> None:
        self._handler = handler
        self._traffic = traffic
        self._buffer = bytearray()
        self._exchange: Exchange | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._traffic.connections += 1
        self._traffic.open_connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._traffic.open_connections -= 1
        if self._exchange is None:
            return
        self._traffic.hung_up_on += 1
        self._exchange.end()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._serve_next()

    def _serve_next(self) -> None:
        if self._exchange is not None:
            return
        request = self._take_request()
        if request is None:
            return
        self._exchange = Exchange(request, self._transport, self._finished)
        self._handler(self._exchange)

    def _finished(self) -> None:
        self._exchange = None
        if self._buffer:
            asyncio.get_running_loop().call_soon(self._serve_next)

    def _take_request(self) -> Request | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                self._transport.abort()
            return None
        method, path, headers = parse_head(bytes(self._buffer[:end]))
        stop = end + 4 + int(headers.get("content-length", "0"))
        if len(self._buffer) < stop:
            return None
        body = bytes(self._buffer[end + 4 : stop])
        del self._buffer[:stop]
        return Request(method, path, headers, body)


def parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Split a request head into method, path and lower-case headers."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.split(":", 1) for line in lines)
    return method, path, {name.lower(): value.strip() for name, value in pairs}

"""Ways of breaking HTTP and JSON themselves: what no well-meant library would send."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from tests.provider.bodies import completion
from tests.provider.wire import response_head

if TYPE_CHECKING:
    from tests.provider.behaviours import Ask

Breach = Callable[["Ask"], None]
EXPANDED_BYTES = 200_000_000
MOMENT_S = 0.05


def _good(ask: Ask, *, ascii_only: bool = True) -> bytes:
    body = completion(ask.model, ask.text, ask.question)
    return json.dumps(body, ensure_ascii=ascii_only).encode()


def _head(*headers: tuple[str, str], code: int = 200) -> bytes:
    return response_head(code, [("content-type", "application/json"), *headers])


def _sized(body: bytes) -> bytes:
    return _head(("content-length", str(len(body)))) + body


def _send(ask: Ask, data: bytes, *, then: str = "close") -> None:
    ask.exchange.send(data)
    end = {"close": ask.exchange.close, "reset": ask.exchange.reset, "end": ask.exchange.end}[then]
    # A moment later: a reset overtakes what has not been read yet.
    ask.exchange.later(MOMENT_S, end)


# --- cut off at every stage ----------------------------------------------------------------


def cut(stage: str, how: str, ask: Ask) -> None:
    """Hang up in the middle of the head, of the body, or after a whole answer."""
    whole = _sized(_good(ask))
    head = whole.index(b"\r\n\r\n") + 4
    stop = {"head": head // 2, "headers": head, "body": (head + len(whole)) // 2, "end": None}
    _send(ask, whole[: stop[stage]], then=how)


def no_length(ask: Ask) -> None:
    """Answer in the old way: the body ends where the connection does."""
    _send(ask, _head(("connection", "close")) + _good(ask))


# --- lengths and chunks --------------------------------------------------------------------


def too_short_a_length(ask: Ask) -> None:
    """Announce fewer bytes than are sent."""
    body = _good(ask)
    _send(ask, _head(("content-length", str(len(body) // 2))) + body)


def two_lengths(ask: Ask) -> None:
    """Announce two different lengths, as smugglers do."""
    body = _good(ask)
    lengths = [("content-length", str(len(body))), ("content-length", "5")]
    _send(ask, _head(*lengths) + body)


def bad_length(value: str, ask: Ask) -> None:
    """Announce a length that is no number."""
    _send(ask, _head(("content-length", value)) + _good(ask))


def chunks(body: bytes, ask: Ask) -> None:
    """Send any bytes where chunks belong."""
    _send(ask, _head(("transfer-encoding", "chunked")) + body)


def good_chunks(ask: Ask) -> None:
    """Send a proper answer in chunks of ten bytes."""
    body = _good(ask)
    pieces = [body[n : n + 10] for n in range(0, len(body), 10)]
    sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    _send(ask, _head(("transfer-encoding", "chunked")) + sent + b"0\r\n\r\n", then="end")


# --- heads ---------------------------------------------------------------------------------


def raw_head(head: bytes, ask: Ask) -> None:
    """Send any bytes where the head belongs, then a good body."""
    body = _good(ask)
    _send(ask, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def no_head(ask: Ask) -> None:
    """Answer as HTTP/0.9 did: with the body alone."""
    _send(ask, _good(ask) + b"\r\n\r\n")


def many_headers(ask: Ask) -> None:
    """Send thousands of headers, and an answer after them."""
    flood = [(f"x-{n}", "a" * 100) for n in range(20_000)]
    body = _good(ask)
    _send(ask, _head(*flood, ("content-length", str(len(body)))) + body)


def interim(ask: Ask) -> None:
    """Say 103 first, as a server may."""
    _send(ask, b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n" + _sized(_good(ask)), then="end")


def interim_for_ever(ask: Ask) -> None:
    """Say 100 without an end."""
    ask.exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 20)
    if not ask.exchange.done:
        ask.exchange.later(0.002, partial(interim_for_ever, ask))


# --- after the answer ----------------------------------------------------------------------


def rubbish_after(ask: Ask) -> None:
    """Send a good answer and some rubbish behind it."""
    _send(ask, _sized(_good(ask)) + b"\x00\xffrubbish", then="end")


def second_answer(ask: Ask) -> None:
    """Send a good answer and, unasked, another one behind it."""
    forged = json.dumps(completion("forged", "A forged answer. " * 9, "")).encode()
    _send(ask, _sized(_good(ask)) + _sized(forged), then="end")


# --- compressed ----------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _deflated() -> bytes:
    packer = zlib.compressobj(1)
    piece = b" " * 1_000_000
    packed = [packer.compress(piece) for _ in range(EXPANDED_BYTES // len(piece))]
    return b"".join(packed) + packer.flush()


def deflate_bomb(ask: Ask) -> None:
    """Send 200 MB of spaces as 1 MB."""
    ask.send_bytes(_deflated(), headers=[("content-encoding", "deflate")])


def brotli_bomb(ask: Ask) -> None:
    """Claim to be brotli, with a window of 16 MB and nothing sensible in it."""
    ask.send_bytes(b"\x5b" + struct.pack("<I", 0xFFFFFF) * 9, headers=[("content-encoding", "br")])


def packed_transfer(ask: Ask) -> None:
    """Compress the transfer instead of the content."""
    _send(ask, _head(("transfer-encoding", "gzip, chunked")) + b"5\r\nabcde\r\n0\r\n\r\n")


# --- bodies --------------------------------------------------------------------------------


def body(make: Callable[[bytes], bytes], ask: Ask) -> None:
    """Send a good body, changed as a whole."""
    ask.send_bytes(make(_good(ask, ascii_only=False)))


def events(ask: Ask) -> None:
    """Stream the answer, which nobody asked for."""
    part = b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\n'
    ask.send_bytes(part * 3 + b"data: [DONE]\n\n", content_type="text/event-stream")


def loop(ask: Ask) -> None:
    """Point back to where the caller comes from."""
    here = ask.exchange.request.path
    ask.send_bytes(b"", 302, headers=[("location", here)])


def moved(ask: Ask) -> None:
    """Answer `moved:301` with that redirect, to a place inside the network."""
    ask.send_bytes(b"", int(ask.detail or 301), headers=[("location", "http://10.0.0.1/v1")])


BREACHES: dict[str, Breach] = {
    "reset-in-head": partial(cut, "head", "reset"),
    "reset-after-head": partial(cut, "headers", "reset"),
    "reset-in-body": partial(cut, "body", "reset"),
    "reset-after-body": partial(cut, "end", "reset"),
    "close-in-head": partial(cut, "head", "close"),
    "close-in-body": partial(cut, "body", "close"),
    "no-length": no_length,
    "too-short-a-length": too_short_a_length,
    "two-lengths": two_lengths,
    "length-negative": partial(bad_length, "-5"),
    "length-word": partial(bad_length, "many"),
    "chunks": good_chunks,
    "chunk-garbage": partial(chunks, b"zz\r\nhello\r\n0\r\n\r\n"),
    "chunk-huge": partial(chunks, b"FFFFFFFFFFFFFFFFFF\r\n{"),
    "chunk-cut": partial(chunks, b"a0\r\n{"),
    "http-0.9": no_head,
    "http-9": partial(raw_head, b"HTTP/9.9 200 OK\r\n"),
    "status-word": partial(raw_head, b"HTTP/1.1 fine OK\r\n"),
    "status-huge": partial(raw_head, b"HTTP/1.1 99999 OK\r\n"),
    "header-nul": partial(raw_head, b"HTTP/1.1 200 OK\r\nx-a: b\x00c\r\n"),
    "header-no-colon": partial(raw_head, b"HTTP/1.1 200 OK\r\nno colon here\r\n"),
    "header-long": partial(raw_head, b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 200_000 + b"\r\n"),
    "many-headers": many_headers,
    "interim": interim,
    "interim-for-ever": interim_for_ever,
    "rubbish-after": rubbish_after,
    "second-answer": second_answer,
    "deflate-bomb": deflate_bomb,
    "brotli-bomb": brotli_bomb,
    "packed-transfer": packed_transfer,
    "bom": partial(body, lambda good: b"\xef\xbb\xbf" + good),
    "utf-16": partial(body, lambda good: good.decode().encode("utf-16")),
    "utf-32": partial(body, lambda good: good.decode().encode("utf-32")),
    "twice": partial(body, lambda good: good + good),
    "trailing-words": partial(body, lambda good: good + b" and more"),
    "duplicate-keys": partial(body, lambda good: b'{"choices": [],' + good[1:]),
    "infinity": partial(body, lambda good: good[:-1] + b', "x": Infinity}'),
    "single-quotes": partial(body, lambda good: good.replace(b'"', b"'")),
    "control-characters": partial(body, lambda good: good.replace(b"This", b"Th\x00\x01is")),
    "events": events,
    "redirect-loop": loop,
    "moved": moved,
}

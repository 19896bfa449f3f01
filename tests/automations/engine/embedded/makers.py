"""Small stand-ins for weights: files, wheels, and a hub that can misbehave."""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from automations.engine.embedded.catalogue import Model

CONTENT = b"GGUF" + bytes(range(256)) * 1_000
DIGEST = sha256(CONTENT).hexdigest()


def make_model(**changes: Any) -> Model:
    """Return a model whose file is CONTENT, which no package carries."""
    facts: dict[str, Any] = {
        "key": "0.0b",
        "title": "Toy-0.0B Q0",
        "file_name": "toy.gguf",
        "size_bytes": len(CONTENT),
        "sha256": DIGEST,
        "memory_bytes": 1,
        "hub_path": "toys/toy.gguf",
        "pins": os.devnull,
    }
    return Model(**facts | changes)


def make_wheels(folder: Path, contents: Sequence[bytes], trap: Path) -> Path:
    """Make one wheel per part, whose code touches `trap` when it runs; return the pins file."""
    folder.mkdir(parents=True, exist_ok=True)
    pins = [_make_wheel(folder, f"toy-part{n}", part, trap) for n, part in enumerate(contents)]
    path = folder / "pins.txt"
    path.write_text("# made for a test\n\n" + "\n".join(pins) + "\n")
    return path


def _make_wheel(folder: Path, name: str, content: bytes, trap: Path) -> str:
    package = name.replace("-", "_")
    info = f"{package}-1.0.dist-info"
    wheel = folder / f"{package}-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w", ZIP_DEFLATED) as archive:
        archive.writestr(f"{package}/__init__.py", f"open({str(trap)!r}, 'w')")
        archive.writestr(f"{package}/part.bin", content)
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: no-such-thing\n",
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"{name}==1.0 --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}"


@dataclass
class Hub:
    """A model hub on loopback.

    `files` maps paths to contents. `break_after` holds, for each coming answer, after how many
    bytes the connection breaks (None: not at all). `status` refuses everything.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    break_after: list[int | None] = field(default_factory=list)
    status: int = 0
    ranges: list[str] = field(default_factory=list)
    takes_ranges: str = "yes"
    trailing: bytes = b""
    url: str = ""

    def start(self) -> ThreadingHTTPServer:
        """Serve from now on; the caller shuts the returned server down."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": self}))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        return server


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub = self.hub
        hub.ranges.append(self.headers.get("Range", ""))
        content = hub.files.get(self.path)
        if hub.status or content is None:
            self._refuse(hub.status or 404)
            return
        offset = int(hub.ranges[-1].removeprefix("bytes=").removesuffix("-"))
        if hub.takes_ranges == "no":
            offset = 0
        if offset < len(content):
            self._give(content, offset)
        else:
            self._refuse(416)

    def _give(self, content: bytes, offset: int) -> None:
        body = content[offset:] + self.hub.trailing
        self.send_response(206 if self.hub.takes_ranges == "yes" else 200)
        self.send_header("Content-Length", str(len(body)))
        if self.hub.takes_ranges == "yes":
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {offset}-{last}/{len(content)}")
        self.end_headers()
        limit = self.hub.break_after.pop(0) if self.hub.break_after else None
        self.wfile.write(body[:limit])
        self.close_connection = True

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@dataclass
class Bars:
    """A progress that remembers its bars: title, total and what was done at the start and end."""

    opened: list["RecordedBar"] = field(default_factory=list)

    def __call__(self, title: str, total_bytes: int, done_bytes: int) -> "RecordedBar":
        bar = RecordedBar(title, total_bytes, done_bytes, done_bytes)
        self.opened.append(bar)
        return bar


@dataclass
class RecordedBar:
    """One bar and how far it came."""

    title: str
    total: int
    started_at: int
    done: int
    closed: bool = False

    def update(self, n: int) -> None:
        """Count what was done."""
        self.done += n

    def close(self) -> None:
        """Note that the step is over."""
        self.closed = True

"""Two ways of running the fake provider, in a thread or in a process, behind one handle."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

from tests.provider.server import Provider

ROOT = Path(__file__).resolve().parents[2]


class Handle:
    """A running provider: its address, what it saw, and what it shall do."""

    url = ""

    @property
    def base_url(self) -> str:
        """The address to give to a client of the chat completions API."""
        return f"{self.url}/v1"

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self.url.rsplit(":", 1)[1])

    def seen(self) -> dict[str, Any]:
        """Return counts of calls and deliveries and the last requests (see `Provider.report`)."""
        seen: dict[str, Any] = _control(f"{self.url}/_seen")
        return seen

    def script(self, **wishes: Any) -> None:
        """Change fields of the `Script`; `reset=True` forgets everything first."""
        _control(f"{self.url}/_script", wishes)

    def wait_until(self, wanted: Callable[[dict[str, Any]], bool], timeout_s: float = 10) -> None:
        """Wait until what the provider has seen satisfies a condition."""
        end = time.monotonic() + timeout_s
        while not wanted(self.seen()):
            assert time.monotonic() < end, f"the provider never saw it: {self.seen()}"
            time.sleep(0.01)

    def stop(self) -> None:
        """Close the server."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _control(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data=data), timeout=10) as response:
        return json.load(response)


class FakeProvider(Handle):
    """The provider in a thread of this process; ready when constructed.

    With a TLS context its own controls cannot reach it, because nobody trusts its certificate:
    `seen()` works, `script()` does not.
    """

    def __init__(self, *, latency_ms: float = 0.0, tls: ssl.SSLContext | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._provider = Provider(latency_ms=latency_ms)
        self._server = self._loop.run_until_complete(self._provider.listen(0, tls))
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{port}"
        self._thread = threading.Thread(target=self._loop.run_forever, name="provider", daemon=True)
        self._thread.start()

    def seen(self) -> dict[str, Any]:
        """Return what was seen, without a connection of its own."""
        return asyncio.run_coroutine_threadsafe(self._report(), self._loop).result(10)

    async def _report(self) -> dict[str, Any]:
        seen: dict[str, Any] = json.loads(json.dumps(self._provider.report()))
        return seen

    def stop(self) -> None:
        """Close the server and end its thread."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class ProviderProcess(Handle):
    """The provider in a process of its own, for benchmarks and for tests that kill workers."""

    def __init__(self, *, latency_ms: float = 0.0) -> None:
        command = [sys.executable, "-m", "tests.provider", "--latency-ms", str(latency_ms)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url, "the provider did not start"

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def stop(self) -> None:
        """End the process."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)
        if self._process.stdout:
            self._process.stdout.close()

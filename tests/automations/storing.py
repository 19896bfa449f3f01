"""A real S3-speaking server in a process of its own, on a free port of loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from botocore.session import get_session

START_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class S3Server:
    """The server's port, and what tests ask it beside S3."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Forget every bucket and object."""
        with urlopen(Request(f"{self.url}/moto-api/reset", method="POST"), timeout=10):
            pass

    def make_bucket(self, name: str) -> None:
        with urlopen(Request(f"{self.url}/{name}", method="PUT"), timeout=10):
            pass

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self._client().put_object(Bucket=bucket, Key=key, Body=data)

    def get(self, bucket: str, key: str) -> bytes:
        data: bytes = self._client().get_object(Bucket=bucket, Key=key)["Body"].read()
        return data

    def content_type(self, bucket: str, key: str) -> str:
        return str(self._client().head_object(Bucket=bucket, Key=key)["ContentType"])

    def _client(self) -> Any:
        """Return another client than ours, so that the two cannot be wrong together."""
        return get_session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def check_keys(self, *, after: int) -> None:
        """Make the server judge signatures and rights after so many more calls."""
        request = Request(
            f"{self.url}/moto-api/reset-auth",
            data=str(after).encode(),
            headers={"Content-Type": "text/plain"},
            method="POST",
        )
        with urlopen(request, timeout=10):
            pass


@cache
def _client_of(url: str) -> Any:
    """Return another client than ours, so that the two cannot be wrong together."""
    return get_session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@contextmanager
def s3_server() -> Iterator[S3Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command,
        # Pages of three keys, so that seven objects show whether pages are followed.
        env={**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": "3"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = S3Server(port)
    try:
        _wait_for(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(server: S3Server, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        assert process.poll() is None, "the S3 server ended by itself"
        try:
            with urlopen(f"{server.url}/moto-api/", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the S3 server does not answer")

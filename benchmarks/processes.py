"""Processes of the benchmark: each gets one JSON wish and answers with one JSON line."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STOPS_WITHIN_S = 50
LOG = "benchmark.log"


class ProcessFailed(Exception):
    """A process of the benchmark did not do what it should; the message has its last words."""


class Talker:
    """A module of ours in its own process: says JSON lines, and begins when told."""

    def __init__(self, module: str, wish: Mapping[str, Any], *, environment: dict[str, str]):
        self._log = _log_of(environment)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.inside", module, json.dumps(wish)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def hear(self) -> Any:
        """Wait for the next line and return it.

        Raises:
            ProcessFailed: the process ended instead.
        """
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise ProcessFailed(_last_words(self._process, self._log))
        return json.loads(line)

    def go(self) -> None:
        """Tell it to begin."""
        assert self._process.stdin
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Wait for its end, and end it if it does not come."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()


@contextlib.contextmanager
def talker(
    module: str, wish: Mapping[str, Any], *, environment: dict[str, str]
) -> Iterator[Talker]:
    """Start a module in its own process; it has ended when the block has."""
    process = Talker(module, wish, environment=environment)
    try:
        yield process
    finally:
        process.end()


def ask(module: str, wish: Mapping[str, Any], *, environment: dict[str, str]) -> Any:
    """Run a module in its own process and return the one line it says."""
    with talker(module, wish, environment=environment) as process:
        return process.hear()


def run(arguments: list[str], *, environment: dict[str, str]) -> None:
    """Run a Python command to its end.

    Raises:
        ProcessFailed: it failed.
    """
    with _log_of(environment).open("ab") as log:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT, env=environment, stdout=log, stderr=log, check=False,
        )  # fmt: skip
    if done.returncode:
        raise ProcessFailed(_last_words(done, _log_of(environment)))


@contextlib.contextmanager
def service(arguments: list[str], *, environment: dict[str, str]) -> Iterator[int]:
    """Run a Python command until the block ends, then stop it with SIGTERM; yield its pid."""
    with _log_of(environment).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _log_of(environment: Mapping[str, str]) -> Path:
    return Path(environment["BENCHMARK_SCRATCH"]) / LOG


def _last_words(process: Any, log: Path) -> str:
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
    return f"{' '.join(map(str, process.args))[:200]} ended before its time:\n{tail}"

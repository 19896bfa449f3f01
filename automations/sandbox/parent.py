"""The parent's side: start a child, hand it the work, kill it when it takes too much."""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from automations.errors import Problem
from automations.sandbox.jobs import JOBS, Job

MAX_RESULT_BYTES = 32 * 1024 * 1024
MB = 1024 * 1024

logger = logging.getLogger(__name__)

_HOME = Path(__file__).resolve().parents[2]
_CHUNK = 65_536
# Whoever floods a worker with documents waits here instead of filling the machine's memory.
_places = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))


class SandboxProblem(Problem):
    """The child did not finish its work; the subclass says why."""


class TimedOut(SandboxProblem):
    """It took longer than its wall clock or its processor time."""


class OutOfMemory(SandboxProblem):
    """It asked for more memory than it was given."""


class Crashed(SandboxProblem):
    """It broke off: an error of the library, a signal, an answer that is none."""


def run(
    job: str,
    payload: Mapping[str, Any],
    *,
    data: bytes = b"",
    wall_s: float = 20.0,
    memory_mb: int = 512,
    cpu_s: int = 10,
    network: bool = False,
) -> Any:
    """Run a job of `jobs.JOBS` in a child process and return its JSON result (blocking).

    `payload` is JSON, `data` the untrusted bytes beside it. Memory is address space in MB, times
    are in seconds. With `network`, every connection of the child is held to the outbound rules of
    the job's purpose; without it there is none.

    Raises:
        Problem: the job itself says what is wrong.
        TimedOut, OutOfMemory, Crashed: it did not come that far.
    """
    known = JOBS[job]
    order = {
        "job": job,
        "payload": dict(payload),
        "size": len(data),
        "memory_bytes": memory_mb * MB,
        "cpu_s": cpu_s,
        "parent": os.getpid(),
        "allow": _allowed(known) if network else None,
    }
    request = json.dumps(order).encode() + b"\n" + data
    with _places:
        answer, code = _in_child(request, wall_s)
    if answer is None:
        raise _stopped(known, TimedOut, f"took longer than {wall_s:g} s and was stopped")
    return _result(known, answer, code, memory_mb=memory_mb, cpu_s=cpu_s)


def _allowed(job: Job) -> list[str]:
    from django.conf import settings  # noqa: PLC0415  the child imports this package too

    if not job.purpose:
        raise ValueError(f"The job {job.function} has no purpose to use the network for.")
    return list(settings.OUTBOUND_ALLOW.get(job.purpose, []))


def _in_child(request: bytes, wall_s: float) -> tuple[bytes | None, int]:
    """Return what the child wrote (None when time ran out) and its exit code."""
    child = subprocess.Popen(
        [sys.executable, "-E", "-s", "-m", "automations.sandbox.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_HOME,
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": "/nonexistent"},
        start_new_session=True,
        bufsize=0,
    )
    with child:
        try:
            answer = _exchange(child, request, time.monotonic() + wall_s)
        finally:
            # Whatever became of it, nothing of the child's group stays behind.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    return answer, child.returncode


def _exchange(child: subprocess.Popen[bytes], request: bytes, deadline: float) -> bytes | None:
    """Write the request and read the answer at the same time; None when the deadline comes."""
    assert child.stdin is not None  # noqa: S101  for the type checker, like the next line
    assert child.stdout is not None  # noqa: S101
    os.set_blocking(child.stdin.fileno(), False)
    waiting, answer = memoryview(request), bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(child.stdin, selectors.EVENT_WRITE)
        ready.register(child.stdout, selectors.EVENT_READ)
        while len(answer) <= MAX_RESULT_BYTES:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            for key, _ in ready.select(left):
                if key.fileobj is child.stdin:
                    waiting = waiting[_written(child.stdin.fileno(), waiting) :]
                    if not waiting:
                        ready.unregister(child.stdin)
                        child.stdin.close()
                elif piece := os.read(child.stdout.fileno(), _CHUNK):
                    answer += piece
                else:
                    _end(child, deadline)
                    return bytes(answer)
    return bytes(answer)


def _written(pipe: int, waiting: memoryview) -> int:
    try:
        return os.write(pipe, waiting[:_CHUNK])
    except BrokenPipeError:
        return len(waiting)  # the child reads no more; what it says or its exit code tells why


def _end(child: subprocess.Popen[bytes], deadline: float) -> None:
    """Let a child that has said everything go by itself, so that its exit code is its own.

    It is not reaped yet: its id must stay its own until its group has been killed.
    """
    until = min(deadline, time.monotonic() + 1.0)
    what = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while time.monotonic() < until and os.waitid(os.P_PID, child.pid, what) is None:
        time.sleep(0.002)


def _result(job: Job, answer: bytes, code: int, *, memory_mb: int, cpu_s: int) -> Any:
    if code == -signal.SIGXCPU:
        raise _stopped(job, TimedOut, f"took more than {cpu_s} s of processor time")
    if len(answer) > MAX_RESULT_BYTES:
        raise _stopped(job, Crashed, f"gave more than {MAX_RESULT_BYTES // MB} MB")
    said = _parsed(answer)
    if said is None or said.get("out_of_memory"):
        if said or code == -signal.SIGKILL:
            raise _stopped(job, OutOfMemory, f"needed more than {memory_mb} MB of memory")
        raise _stopped(job, Crashed, f"broke off ({_exit_in_words(code)})")
    if "problem" in said:
        raise Problem(**said["problem"])
    if "broke" in said:
        logger.warning("sandbox job broke: %s", said.get("trace", ""))
        raise _stopped(job, Crashed, f"broke off ({said['broke']})")
    return said["result"]


def _parsed(answer: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _exit_in_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name


def _stopped(job: Job, kind: type[SandboxProblem], what: str) -> SandboxProblem:
    codes = {TimedOut: "too_slow", OutOfMemory: "too_much_memory"}
    code = codes.get(kind, "reader_broke")
    return kind(f"{job.doing} {what}; {job.advice}.", category=job.category, code=code)

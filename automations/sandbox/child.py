"""The child's side: give up what is not needed, do one job, write one JSON answer.

Run as `python -m automations.sandbox.child`; no Django set-up, no database, no secrets.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from automations.errors import Problem
from automations.sandbox.jobs import JOBS

MAX_OPEN_FILES = 64
# Enough for Python to keep compiled modules; a parser has nothing to write.
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_ORDER_BYTES = 4 * 1024 * 1024
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

JobFunction = Callable[[dict[str, Any], bytes], Any]


def main() -> None:
    """Read the order from standard input, do it, answer on what was standard output."""
    order = json.loads(sys.stdin.buffer.readline(MAX_ORDER_BYTES))
    answering = _private_output()
    _die_with_parent(order["parent"])
    _limit(order["memory_bytes"], order["cpu_s"])
    answer = _answer(order)
    with os.fdopen(answering, "wb") as out:
        out.write(answer)
    # Libraries may have left threads or exit hooks behind; nothing here needs them.
    os._exit(0)


def _private_output() -> int:
    """Keep the way to the parent for ourselves: what a library prints goes nowhere."""
    answering = os.dup(1)
    os.dup2(2, 1)
    return answering


def _die_with_parent(parent: int) -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _limit(memory_bytes: int, cpu_s: int) -> None:
    for what, amount in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
    ):
        resource.setrlimit(what, (amount, amount))
    # The soft limit's signal says what happened; the hard limit would only kill.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))


def _answer(order: dict[str, Any]) -> bytes:
    """Do the job; every way in which it can end becomes JSON."""
    try:
        said = _said(order)
        return json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except MemoryError:
        return b'{"out_of_memory": true}'


def _said(order: dict[str, Any]) -> dict[str, Any]:
    from automations.sandbox.guard import Guard  # noqa: PLC0415  after the limits

    job = JOBS[order["job"]]
    guard = Guard(job.purpose, order["allow"])
    try:
        data = sys.stdin.buffer.read(order["size"])
        result = _function(job.function)(order["payload"], data)
    except MemoryError:
        raise
    except Problem as problem:
        return _problem(guard.refusal or problem)
    except BaseException as error:  # a broken library is an answer as well
        if _is_for_want_of_memory(error):
            raise MemoryError from error
        if guard.refusal is None:
            return {"broke": type(error).__name__, "trace": traceback.format_exc()[-4_000:]}
    return _problem(guard.refusal) if guard.refusal else {"result": result}


def _is_for_want_of_memory(error: BaseException | None) -> bool:
    """Tell whether an error was raised in place of, or because of, a `MemoryError`."""
    for _ in range(20):
        if error is None:
            return False
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _problem(problem: Problem) -> dict[str, Any]:
    named = {"message": problem.message, "category": problem.category, "code": problem.code}
    return {"problem": named}


def _function(path: str) -> JobFunction:
    module, _, name = path.partition(":")
    function: JobFunction = getattr(importlib.import_module(module), name)
    return function


if __name__ == "__main__":
    main()

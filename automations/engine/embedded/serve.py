"""The child process that serves one model on loopback and ends with its parent.

It holds its seat's lock while it lives and exits when its standard input closes. Signals that a
terminal or a service manager sends to the whole group are left to the parent, which may still be
finishing calls.
"""

import argparse
import ctypes
import json
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

import xllamacpp

from automations.engine.embedded.locks import take
from automations.engine.embedded.seat import Record, Seat

PR_SET_PDEATHSIG = 1
CONTEXT_TOKENS = 4096
PROMPT_CACHE_MIB = 128
SEAT_PATIENCE_S = 5.0
LOADING_PATIENCE_S = 300


def main(arguments: list[str]) -> None:
    """Load the model, tell the parent over standard output, and serve until it goes away."""
    order = _parse(arguments)
    _end_with(order.parent)
    answer = _own_standard_output()
    seat = Seat(order.folder, order.seat)
    if take(seat.lock, patience_s=SEAT_PATIENCE_S) is None:
        _tell(answer, "seat_taken", "another server holds the lock")
        sys.exit(1)
    seat.clear()
    # Unhandled, it ends even a process that hangs inside the engine.
    signal.alarm(LOADING_PATIENCE_S)
    try:
        # The name keeps the server alive.
        record, _server = _serve(order)
    except (RuntimeError, OSError) as error:
        _tell(answer, "not_loaded", str(error))
        sys.exit(1)
    signal.alarm(0)
    seat.write(record)
    _tell(answer, "ready", "")
    sys.stdin.buffer.read()
    seat.clear()
    # Not sys.exit: taking the engine down may wait for an answer that nobody reads any more.
    os._exit(0)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seat", required=True)
    parser.add_argument("--path", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--label", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--lean", action="store_true")
    return parser.parse_args(arguments)


def _end_with(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the line above took effect.
    if os.getppid() != parent:
        sys.exit(1)


def _own_standard_output() -> TextIO:
    """Keep standard output for the one line to the parent; the engine prints to the log."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answer


def _tell(answer: TextIO, outcome: str, detail: str) -> None:
    with answer:
        json.dump({"outcome": outcome, "detail": detail}, answer)


def _serve(order: argparse.Namespace) -> tuple[Record, Any]:
    key = secrets.token_urlsafe(32)
    server = xllamacpp.Server(_parameters(xllamacpp.CommonParams(), order, key))
    address = urlsplit(server.listening_address)
    record = Record(
        host=address.hostname or "127.0.0.1",
        port=address.port or 0,
        key=key,
        pid=os.getpid(),
        model=order.name,
        label=order.label,
    )
    return record, server


def _parameters(params: Any, order: argparse.Namespace, key: str) -> Any:
    params.model.path = str(order.path)
    params.model_alias = {order.name}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = order.threads
    params.no_extra_bufts = order.lean
    # The default keeps up to 8 GiB of old prompts.
    params.cache_ram_mib = 0 if order.lean else PROMPT_CACHE_MIB
    params.offline = True
    params.endpoint_slots = params.ui = False
    params.verbosity = -1
    return params


if __name__ == "__main__":
    main(sys.argv[1:])

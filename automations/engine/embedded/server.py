"""The embedded model's server: one per machine and model, started by whoever needs it first."""

import contextlib
import http.client
import importlib.util
import json
import logging
import os
import platform
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from automations.engine.embedded import locks
from automations.engine.embedded.catalogue import Model, OwnFile, choose
from automations.engine.embedded.errors import EmbeddedUnavailable
from automations.engine.embedded.machine import available_memory_bytes, thread_count
from automations.engine.embedded.progress import Progress, terminal_bar
from automations.engine.embedded.seat import Record, Seat
from automations.engine.embedded.weights import Weights, ensure

ROOT = Path(__file__).resolve().parents[3]
HEALTH_PATIENCE_S = 3.0
FROZEN_PATIENCE_S = 10.0
VACATING_PATIENCE_S = 10.0
MEMORY_TO_SPARE = 500_000_000
# The provider's key and the like are no business of the child.
ENVIRONMENT_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
# Spinning threads starve the others on busy cores (a call took 26-68 s instead of 9-12 s). The
# library reads these when it is loaded.
PASSIVE_THREADS = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers: an OpenAI-compatible endpoint and the plain name of its model."""

    base_url: str
    api_key: str
    model: str
    label: str


@dataclass(frozen=True, slots=True)
class _Ending:
    """How starting the child ended: its own word, or the exit code of a silent one."""

    outcome: str
    detail: str


def ensure_server(
    folder: Path | None = None,
    *,
    choice: Model | OwnFile | None = None,
    progress: Progress = terminal_bar,
) -> Served:
    """Return a server that answers now: the one running on this machine, else a new one.

    Blocks while weights are fetched and loaded; when a server runs, a call costs milliseconds.
    A server started here ends with this process. Raises `EmbeddedUnavailable`.
    """
    wanted = choice or choose()
    seat = seat_for(folder or default_folder(), wanted)
    if served := _running(seat, HEALTH_PATIENCE_S):
        return served
    with locks.exclusive(seat.starting, on_wait=_say_waiting):
        if served := _running(seat, FROZEN_PATIENCE_S):
            return served
        _require_engine()
        weights = ensure(wanted, progress=progress)
        _vacate(seat)
        return _start(seat, weights)


def default_folder() -> Path:
    """Return the folder for the server's files: the setting EMBEDDED_DIR, else var/embedded."""
    try:
        configured = getattr(settings, "EMBEDDED_DIR", None)
    except ImproperlyConfigured:
        configured = None
    return Path(configured or ROOT / "var" / "embedded")


def stop_server(folder: Path | None = None, *, choice: Model | OwnFile | None = None) -> None:
    """End the server of this machine for the choice, whoever started it, and wait until it has."""
    _vacate(seat_for(folder or default_folder(), choice or choose()))


def seat_for(folder: Path, choice: Model | OwnFile) -> Seat:
    """Return the seat of this machine's server for the choice, making the folder if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise EmbeddedUnavailable(
            f"The embedded model keeps its files in {folder}, which cannot be made "
            f"({error.strerror}); make its parent writable or set EMBEDDED_DIR.",
            code="embedded_folder",
        ) from error
    # Containers may share the folder but not the loopback interface: hence the machine's name.
    return Seat(folder.absolute(), f"{platform.node()}-{choice.key}")


def _running(seat: Seat, patience_s: float) -> Served | None:
    record = seat.read() if locks.is_held(seat.lock) else None
    if record is None or not _answers(record, patience_s):
        return None
    base_url = f"http://{record.host}:{record.port}/v1"
    return Served(base_url, record.key, record.model, record.label)


def _answers(record: Record, patience_s: float) -> bool:
    # Not /health, which answers whoever asks: this one needs the key.
    connection = http.client.HTTPConnection(record.host, record.port, timeout=patience_s)
    try:
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {record.key}"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException) as error:
        log.warning("The embedded model's server does not answer: %r", error)
        return False
    finally:
        connection.close()


def _vacate(seat: Seat) -> None:
    """End a server that holds the seat; without a record it is one whose starter died."""
    record = seat.read() if locks.is_held(seat.lock) else None
    if record:
        # Safe by pid: the lock is held, and the record is its holder's.
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGKILL)
    if not locks.wait_until_free(seat.lock, patience_s=VACATING_PATIENCE_S):
        raise EmbeddedUnavailable(
            f"A process that does not answer holds {seat.lock}; end it and try again.",
            code="embedded_stuck",
        )


def _require_engine() -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        raise EmbeddedUnavailable(
            "The embedded model's engine is not installed; run `make up` or `pip install -r "
            "requirements/local-model.txt`, or set OPENAI_API_KEY to use a provider.",
            code="engine_missing",
        )


def _start(seat: Seat, weights: Weights) -> Served:
    told: queue.SimpleQueue[_Ending] = queue.SimpleQueue()
    command = child_command(seat, weights, available_memory_bytes())
    arguments = (command, seat.log, told)
    threading.Thread(target=_keep, args=arguments, name="embedded-model", daemon=True).start()
    ending = told.get()
    served = _running(seat, FROZEN_PATIENCE_S) if ending.outcome == "ready" else None
    if served is None:
        raise EmbeddedUnavailable(_why(ending, seat, weights), code="embedded_not_started")
    return served


def child_command(seat: Seat, weights: Weights, available_bytes: int) -> list[str]:
    """Return the command line of the serving child, a lean one if memory is short."""
    lean = available_bytes < weights.memory_bytes + MEMORY_TO_SPARE
    return [
        *(sys.executable, "-m", "automations.engine.embedded.serve"),
        *("--folder", str(seat.folder), "--seat", seat.name),
        *("--path", str(weights.path), "--name", weights.name, "--label", weights.label),
        *("--threads", str(thread_count()), "--parent", str(os.getpid())),
        *(["--lean"] if lean else []),
    ]


def _keep(command: list[str], log_path: Path, told: queue.SimpleQueue[_Ending]) -> None:
    """Run the child and stay with it: Linux ends it with the thread that started it."""
    try:
        child = _popen(command, log_path)
    except OSError as error:
        told.put(_Ending("not_run", str(error)))
        return
    with child:
        said = child.stdout.read() if child.stdout else b""
        told.put(_Ending(**json.loads(said)) if said else _Ending(str(child.wait()), ""))
        child.wait()


def _popen(command: list[str], log_path: Path) -> subprocess.Popen[bytes]:
    passed_on = {name: os.environ[name] for name in ENVIRONMENT_PASSED_ON if name in os.environ}
    with log_path.open("wb") as log_file:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=passed_on | PASSIVE_THREADS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
        )


def _why(ending: _Ending, seat: Seat, weights: Weights) -> str:
    reasons = {
        "not_loaded": f"the engine refuses {weights.path}, which is damaged, no chat model, or too "
        "large for the free memory; fetch it again or set LOCAL_MODEL=0.5b",
        "seat_taken": f"another process holds {seat.lock}; try again",
        "not_run": f"the process could not be started ({ending.detail})",
        str(-signal.SIGKILL): "the system ended it, most likely for lack of memory; free some or "
        "set LOCAL_MODEL=0.5b",
        str(-signal.SIGALRM): "loading took too long; try again or set LOCAL_MODEL=0.5b",
        str(-signal.SIGILL): "this processor lacks instructions it needs (AVX2); set "
        "OPENAI_API_KEY to use a provider",
    }
    reason = reasons.get(ending.outcome, f"it ended while starting; {seat.log} may say why")
    return f"{weights.label} could not be served: {reason}."


def _say_waiting() -> None:
    log.warning("Another process is starting the embedded model; waiting for it.")

"""Start a peer, wait until every run has ended, and say how fast and at what price."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.arithmetic import ideal_rate, rate_overall, rate_steady
from benchmarks.inside.text import TEXT
from benchmarks.processes import ROOT, ProcessFailed
from benchmarks.scratch import Place
from tests.provider.handles import ProviderProcess

LATENCY_S = 0.5
THREADS = 64
PATIENCE_S = 420.0
STOPS_WITHIN_S = 20.0
NO_REPORTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",
}


@dataclass(slots=True)
class Peer:
    """Processes of one peer, watched for CPU and memory while they work."""

    python: Path
    environment: dict[str, str]
    log: Path
    processes: list[psutil.Popen] = field(default_factory=list)
    cpu_s: dict[int, float] = field(default_factory=dict)
    max_rss_mb: float = 0
    _done: threading.Event = field(default_factory=threading.Event)

    def start(self, *arguments: str) -> psutil.Popen:
        """Start a Python program of the peer's own environment."""
        with self.log.open("ab") as log:
            process = psutil.Popen(
                [str(self.python), *arguments],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def run(self, *arguments: str) -> None:
        """Run a program to its end, outside what is counted.

        Raises:
            ProcessFailed: it failed.
        """
        with self.log.open("ab") as log:
            command = [str(self.python), *arguments]
            done = subprocess.run(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, check=False
            )
        if done.returncode:
            raise ProcessFailed(f"{arguments[-2:]} failed:\n{self.last_words()}")

    def last_words(self) -> str:
        """Return the end of what the peer wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def watch(self) -> None:
        """Sample CPU and memory of everything that was started, until `stop`."""
        while not self._done.wait(0.25):
            self.sample()

    def sample(self) -> None:
        """Look once at the CPU and the memory of every process, children included."""
        rss = 0.0
        for parent in self.processes:
            for process in _tree(parent):
                with contextlib.suppress(psutil.Error):
                    times = process.cpu_times()
                    self.cpu_s[process.pid] = times.user + times.system
                    rss += process.memory_info().rss
        self.max_rss_mb = max(self.max_rss_mb, rss / 1024**2)

    def stop(self) -> None:
        """End every process that was started, by its own group."""
        self.sample()
        self._done.set()
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGTERM)
        _, left = psutil.wait_procs(self.processes, timeout=STOPS_WITHIN_S)
        for stubborn in left:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(stubborn.pid, signal.SIGKILL)


def _tree(parent: psutil.Popen) -> list[psutil.Process]:
    try:
        return [psutil.Process(parent.pid), *parent.children(recursive=True)]
    except psutil.Error:
        return []


def measure_celery(place: Place, python: Path, runs: int) -> dict[str, Any]:
    """One Celery worker with a pool of 64 threads on a Redis of its own."""
    with _redis(place) as url, _peer(place, python, runs, PEER_REDIS=url) as peer:
        peer.run("-m", "benchmarks.peers.celery_app", str(runs))
        peer.start(
            "-m", "celery", "-A", "benchmarks.peers.celery_app", "worker",
            "--pool", "threads", "--concurrency", str(THREADS), "--loglevel", "ERROR",
        )  # fmt: skip
        return _outcome(place, peer, runs)


def measure_prefect(place: Place, python: Path, runs: int) -> dict[str, Any]:
    """One Prefect flow over 64 threads, with its server beside it on loopback."""
    port = free_port()
    home = place.directory / "prefect"
    said = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        **NO_REPORTS,
    }
    with _peer(place, python, runs, **said) as peer:
        peer.start("-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
        _wait_for(port, peer)
        peer.start("-m", "benchmarks.peers.prefect_flow", str(runs), str(THREADS))
        return _outcome(place, peer, runs)


@contextlib.contextmanager
def _peer(place: Place, python: Path, runs: int, **environment: str) -> Iterator[Peer]:
    _seed(place, runs)
    with ProviderProcess(latency_ms=LATENCY_S * 1000) as provider:
        known = {
            "PATH": os.environ["PATH"],
            "HOME": str(place.directory),
            "PYTHONPATH": str(ROOT),
            "PEER_PROVIDER": provider.url,
            "PEER_DATABASE": place.environment["DATABASE_URL"].replace(
                "postgres://", "postgresql://"
            ),
        }
        peer = Peer(python, {**known, **environment}, place.directory / "peer.log")
        watcher = threading.Thread(target=peer.watch, daemon=True)
        watcher.start()
        try:
            yield peer
            seen = provider.seen()
        finally:
            peer.stop()
            watcher.join()
    if (seen["calls"], sum(seen["deliveries"].values())) != (runs, runs):
        raise ProcessFailed(f"Of {runs} runs the provider saw {seen}")


def _seed(place: Place, runs: int) -> None:
    with _connect(place) as connection:
        connection.execute("DROP TABLE IF EXISTS peer_runs")
        connection.execute(
            "CREATE TABLE peer_runs (id integer PRIMARY KEY, status text, input text, output text,"
            " started_at timestamptz, completed_at timestamptz)"
        )
        connection.execute(
            "INSERT INTO peer_runs (id, status, input)"
            " SELECT n, 'queued', %s FROM generate_series(1, %s) AS n",
            (TEXT, runs),
        )


def _outcome(place: Place, peer: Peer, runs: int) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while (done := _ended(place)) < runs:
        if time.monotonic() > deadline:
            raise ProcessFailed(f"{done} of {runs} ended in time:\n{peer.last_words()}")
        if all(process.poll() is not None for process in peer.processes):
            raise ProcessFailed(f"It ended after {done} of {runs}:\n{peer.last_words()}")
        time.sleep(0.5)
    peer.sample()
    return {**_figures(_ends(place)), **_price(peer, runs)}


def _price(peer: Peer, runs: int) -> dict[str, Any]:
    return {
        "cpu_ms_per_run": round(sum(peer.cpu_s.values()) / runs * 1000, 2),
        "max_rss_mb": round(peer.max_rss_mb),
    }


def _figures(completed_s: Sequence[float]) -> dict[str, Any]:
    ideal = ideal_rate(concurrency=THREADS, latency_s=LATENCY_S)
    steady = rate_steady(list(completed_s), wave=THREADS)
    overall = rate_overall(list(completed_s))
    return {
        "runs": len(completed_s),
        "in_flight": THREADS,
        "runs_per_s_steady": round(steady, 1),
        "runs_per_s_overall": round(overall, 1),
        "ratio_steady": round(steady / ideal, 4),
        "ratio_overall": round(overall / ideal, 4),
    }


def _ended(place: Place) -> int:
    with _connect(place) as connection:
        row = connection.execute("SELECT count(*) FROM peer_runs WHERE status = 'success'")
        return int((row.fetchone() or (0,))[0])


def _ends(place: Place) -> list[float]:
    with _connect(place) as connection:
        first = "(SELECT min(started_at) FROM peer_runs)"
        rows = connection.execute(
            f"SELECT extract(epoch FROM completed_at - {first}) FROM peer_runs ORDER BY 1"
        )
        return [float(row[0]) for row in rows]


def _connect(place: Place) -> psycopg.Connection[Any]:
    return psycopg.connect(place.environment["DATABASE_URL"], autocommit=True)


@contextlib.contextmanager
def _redis(place: Place) -> Iterator[str]:
    """Run a Redis of our own.

    Raises:
        ProcessFailed: there is no redis-server on this machine.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise ProcessFailed("There is no redis-server here; Celery needs a broker.")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([program, *options], cwd=place.directory, stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(STOPS_WITHIN_S)


def free_port() -> int:
    """Return a port on loopback that nobody uses now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_for(port: int, peer: Peer) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise ProcessFailed(f"Prefect's server did not come up:\n{peer.last_words()}")

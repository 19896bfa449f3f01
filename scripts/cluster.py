"""A PostgreSQL cluster on loopback that lives as long as a `with` block."""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BINARIES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/local/pgsql/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
)
# Nothing in it outlives the block, so nothing waits for the disk.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}
STARTS_WITHIN_S = 60


class NoPostgres(Exception):
    """No usable server; the message says why and how to get one."""


@contextlib.contextmanager
def throw_away() -> Iterator[tuple[int, str]]:
    """Start a new cluster; yield its port and the password of its user `postgres`.

    Raises NoPostgres when the programs are missing or do not start.
    """
    binaries = _find_binaries()
    account = _account()
    with tempfile.TemporaryDirectory(prefix="lifecycle-pg-", ignore_cleanup_errors=True) as name:
        if account:
            os.chown(name, account.pw_uid, account.pw_gid)
        cluster = _Cluster(binaries, Path(name), account, secrets.token_hex(16), _free_port())
        process = cluster.start()
        try:
            cluster.wait_for(process)
            yield cluster.port, cluster.password
        finally:
            _stop(process)


@dataclass(frozen=True, slots=True)
class _Cluster:
    binaries: Path
    directory: Path
    account: pwd.struct_passwd | None
    password: str
    port: int

    def start(self) -> subprocess.Popen[bytes]:
        """Make the data directory and start the server on it."""
        self._make()
        options = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [self.binaries / "postgres", "-D", self._data, f"-cport={self.port}", *options],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C must reach the tests first, and only them
                **self._as_account(),
            )

    def wait_for(self, process: subprocess.Popen[bytes]) -> None:
        """Return when the server accepts connections; raises NoPostgres if it never does."""
        deadline = time.monotonic() + STARTS_WITHIN_S
        while process.poll() is None and time.monotonic() < deadline:
            asked = subprocess.run(
                [self.binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                check=False,
            )
            if asked.returncode == 0:
                return
            time.sleep(0.1)
        last = "".join(self._log.read_text(errors="replace").splitlines(keepends=True)[-5:])
        raise NoPostgres(f"PostgreSQL from {self.binaries} did not start:\n{last}")

    def _make(self) -> None:
        password = self.directory / "password"
        password.write_text(self.password)
        password.chmod(0o644)  # the directory itself is closed to others
        access = ("--username=postgres", "--auth=scram-sha-256", f"--pwfile={password}")
        form = ("--encoding=UTF8", "--locale=C", "--no-sync")
        made = subprocess.run(
            [self.binaries / "initdb", "--pgdata", self._data, *access, *form],
            capture_output=True,
            text=True,
            check=False,
            **self._as_account(),
        )
        if made.returncode:
            raise NoPostgres(f"initdb from {self.binaries} failed: {made.stderr.strip()}")
        self._log.touch()

    def _as_account(self) -> dict[str, Any]:
        if self.account is None:
            return {"cwd": self.directory}
        return {
            "cwd": self.directory,
            "user": self.account.pw_uid,
            "group": self.account.pw_gid,
            "extra_groups": [],
        }

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _log(self) -> Path:
        return self.directory / "server.log"


def _find_binaries() -> Path:
    """Return the directory of the newest server programs on this machine."""
    found = [path for pattern in BINARIES for path in Path("/").glob(pattern)]
    found.sort(key=lambda path: [int(part) for part in re.findall(r"\d+", str(path))])
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).resolve().parent)
    for directory in reversed(found):
        if all((directory / name).exists() for name in ("initdb", "postgres", "pg_isready")):
            return directory
    raise NoPostgres(
        "No PostgreSQL server answers on this machine and none is installed: install one "
        "(Debian, Ubuntu: apt-get install postgresql) or set TEST_POSTGRES_URL."
    )


def _account() -> pwd.struct_passwd | None:
    """Return whom the server runs as; None for ourselves (it refuses to run as root)."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise NoPostgres("PostgreSQL refuses to run as root, and there is no user postgres or nobody.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # fast shutdown: connections are closed, not waited for
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

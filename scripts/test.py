"""Runs the suite on SQLite and on PostgreSQL and says what ran; this is `make test`."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import types
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from scripts.cluster import NoPostgres
from scripts.postgres import server

WIDTH = 96
NOTHING_COLLECTED = 5
STOPS_WITHIN_S = 60
# What these check does not depend on the database, and they are slow: SQLite's half runs them.
ONCE = ("-m", "not browser and not model and not once")


@dataclass(frozen=True, slots=True)
class Half:
    """What the suite did on one database."""

    database: str
    exit_code: int
    passed: int
    failed: int
    skipped: int
    seconds: float

    def __str__(self) -> str:
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
        return f"{self.database + ':':28} {counts} in {self.seconds:.0f} s"


def main(arguments: list[str]) -> int:
    """Run both halves, with the arguments handed to pytest; return 0 only if all passed."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with tempfile.TemporaryDirectory(prefix="lifecycle-test-") as name:
            halves, missing = _run_both(Path(name), arguments)
    except KeyboardInterrupt:
        print("\nStopped before the end: this run says nothing about the tests.", file=sys.stderr)
        return 130
    _report(halves, missing)
    passed = all(_passed(half, arguments) for half in halves)
    ran = any(half.passed for half in halves)
    return 0 if passed and ran and not (missing and _is_required()) else 1


def _run_both(scratch: Path, arguments: list[str]) -> tuple[list[Half], str]:
    """Return what was run, and the reason why PostgreSQL was not (empty if it was)."""
    halves = [_run_half("SQLite", f"sqlite:///{scratch}/lifecycle.sqlite3", scratch, arguments)]
    try:
        with server() as found:
            name = f"lifecycle_{os.getpid()}"
            database = f"PostgreSQL {found.version}"
            _title(f"PostgreSQL server: {found.origin}")
            url = found.database_url(name)
            try:
                halves.append(_run_half(database, url, scratch, [*ONCE, *arguments]))
            finally:
                found.drop(f"test_{name}")
    except NoPostgres as reason:
        return halves, str(reason)
    return halves, ""


def _run_half(database: str, url: str, scratch: Path, arguments: list[str]) -> Half:
    _title(f"The suite on {database}")
    report = scratch / "report.xml"
    report.unlink(missing_ok=True)
    started = time.monotonic()
    exit_code = _run_pytest([f"--junit-xml={report}", *arguments], url)
    seconds = time.monotonic() - started
    return Half(database, exit_code, *_counts(report), seconds)


def _run_pytest(arguments: list[str], url: str) -> int:
    """Run pytest and wait for it, also when interrupted: it has a database to put away."""
    command = [sys.executable, "-m", "pytest", *arguments]
    pytest = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})
    try:
        return pytest.wait()
    except KeyboardInterrupt:  # the terminal has sent it to pytest as well
        pytest.wait(timeout=STOPS_WITHIN_S)
        raise
    except SystemExit:
        pytest.send_signal(signal.SIGINT)
        pytest.wait(timeout=STOPS_WITHIN_S)
        raise


def _counts(report: Path) -> tuple[int, int, int]:
    """Return passed, failed and skipped from a JUnit report; zeros if pytest wrote none."""
    if not report.exists():
        return 0, 0, 0
    suites = ElementTree.parse(report).getroot().iter("testsuite")  # noqa: S314 - our own file
    total = failed = skipped = 0
    for suite in suites:
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return total - failed - skipped, failed, skipped


def _passed(half: Half, arguments: list[str]) -> bool:
    """Tell whether the half is fine; a selection may leave one half without tests."""
    return half.exit_code == 0 or (half.exit_code == NOTHING_COLLECTED and bool(arguments))


def _report(halves: list[Half], missing: str) -> None:
    _title("Summary")
    for half in halves:
        print(half)
    if missing:
        print("PostgreSQL:                  DID NOT RUN. Half of the suite is missing.")
        print(f"  {missing}")
    passed = sum(half.passed for half in halves)
    failed = sum(half.failed for half in halves)
    skipped = sum(half.skipped for half in halves)
    print(f"\nTotal: {passed} passed, {failed} failed, {skipped} skipped", flush=True)


def _is_required() -> bool:
    off = ("", "0", "false", "no")
    return any(os.environ.get(name, "").lower() not in off for name in ("CI", "REQUIRE_POSTGRES"))


def _title(text: str) -> None:
    print(f"\n{'#' * WIDTH}\n#  {text}\n{'#' * WIDTH}", flush=True)


def _terminate(number: int, frame: types.FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

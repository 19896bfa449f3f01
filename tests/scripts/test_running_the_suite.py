"""`make test` on a suite of three lines: what it says, and what it returns."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "postgres://postgres@127.0.0.1:1"
ON_BOTH = """
import os

def test_a_database_is_named():
    assert os.environ["DATABASE_URL"].split("://")[0] in ("sqlite", "postgres")
"""
FAILING = "def test_fails():\n    assert False\n"
WAITING = """
import pathlib, threading

def test_waits():
    pathlib.Path("begun").touch()
    threading.Event().wait(60)
"""
MARKED = """
import pytest

def test_plain(): pass

@pytest.mark.browser
def test_of_a_browser(): pass

@pytest.mark.model
def test_of_the_model(): pass
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Return a directory with an empty suite that knows our markers and nothing of Django."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  browser\n  model\n  once\n")
    return tmp_path


def start(suite: Path, content: str, **environment: str) -> subprocess.Popen[str]:
    """Start `make test`'s script on a suite of one file."""
    (suite / "test_it.py").write_text(content)
    inherited = {k: v for k, v in os.environ.items() if k not in ("CI", "REQUIRE_POSTGRES")}
    inherited.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.test"],
        cwd=suite,
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(suite: Path, content: str, **environment: str) -> tuple[int, str]:
    """Return the exit code and everything printed."""
    process = start(suite, content, **environment)
    output, _ = process.communicate(timeout=100)
    return process.returncode, output


def test_both_halves_run_and_the_last_line_adds_them_up(suite: Path) -> None:
    code, output = run(suite, ON_BOTH)
    assert code == 0, output
    assert "The suite on SQLite" in output
    assert re.search(r"The suite on PostgreSQL \d", output)
    assert len(re.findall(r"^=+ 1 passed in .*=+$", output, re.MULTILINE)) == 2
    assert output.splitlines()[-1] == "Total: 2 passed, 0 failed, 0 skipped"


def test_browser_and_model_are_tested_once(suite: Path) -> None:
    code, output = run(suite, MARKED)
    assert code == 0, output
    assert re.search(r"^SQLite: +3 passed", output, re.MULTILINE)
    assert re.search(r"^PostgreSQL [\d.]+: +1 passed", output, re.MULTILINE)


def test_a_failure_is_an_exit_code(suite: Path) -> None:
    code, output = run(suite, FAILING, TEST_POSTGRES_URL=NOWHERE)
    assert code == 1
    assert output.splitlines()[-1] == "Total: 0 passed, 1 failed, 0 skipped"


def test_no_tests_at_all_are_a_failure(suite: Path) -> None:
    code, _ = run(suite, "", TEST_POSTGRES_URL=NOWHERE)
    assert code == 1


def test_a_missing_postgresql_is_said_loudly_and_forgiven(suite: Path) -> None:
    code, output = run(suite, ON_BOTH, TEST_POSTGRES_URL=NOWHERE)
    assert code == 0
    assert "DID NOT RUN. Half of the suite is missing." in output
    assert "TEST_POSTGRES_URL cannot be used" in output


@pytest.mark.parametrize("name", ["CI", "REQUIRE_POSTGRES"])
def test_a_missing_postgresql_is_not_forgiven_where_it_is_required(suite: Path, name: str) -> None:
    code, output = run(suite, ON_BOTH, TEST_POSTGRES_URL=NOWHERE, **{name: "true"})
    assert code == 1
    assert output.splitlines()[-1] == "Total: 1 passed, 0 failed, 0 skipped"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopping_it_stops_the_suite(suite: Path, number: signal.Signals, code: int) -> None:
    process = start(suite, WAITING)
    deadline = time.monotonic() + 60
    while not (suite / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    # A terminal interrupts the whole group; whoever terminates it means this process alone.
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Total:" not in output
    assert "KeyboardInterrupt" in output

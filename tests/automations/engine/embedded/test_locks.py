"""Locks between processes: real ones, some of them killed."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automations.engine.embedded.locks import exclusive, is_held, take, wait_until_free

HOLDER = (
    "import sys; from pathlib import Path; from automations.engine.embedded.locks import take;"
    "print(take(Path(sys.argv[1]), patience_s=0) is not None, flush=True); sys.stdin.read()"
)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "a.lock"


@pytest.fixture
def hold(lock: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Return a function that starts a process which takes the lock and keeps it."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(lock)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        return holder

    yield start
    for holder in started:
        holder.kill()
        holder.communicate()


def test_a_lock_is_held_until_its_holder_is_killed(
    lock: Path, hold: Callable[[], subprocess.Popen[str]]
) -> None:
    assert not is_held(lock)
    holder = hold()
    assert is_held(lock)
    assert take(lock, patience_s=0) is None
    assert not wait_until_free(lock, patience_s=0.1)
    holder.kill()
    assert wait_until_free(lock, patience_s=30)
    descriptor = take(lock, patience_s=0)
    assert descriptor is not None
    os.close(descriptor)


def test_whoever_waits_says_so_and_gets_the_lock_in_the_end(
    lock: Path, hold: Callable[[], subprocess.Popen[str]]
) -> None:
    holder = hold()
    with exclusive(lock, on_wait=holder.kill):
        assert holder.wait() == -9
        assert is_held(lock)
    assert not is_held(lock)


def test_a_free_lock_is_taken_without_a_word(lock: Path) -> None:
    def surprised() -> None:
        raise AssertionError("nobody holds the lock")

    with exclusive(lock, on_wait=surprised):
        assert is_held(lock)


def test_two_threads_of_one_process_exclude_each_other(lock: Path) -> None:
    waiting = threading.Event()
    entered: list[str] = []

    def enter() -> None:
        with exclusive(lock, on_wait=waiting.set):
            entered.append("second")

    with exclusive(lock, on_wait=waiting.set):
        second = threading.Thread(target=enter)
        second.start()
        assert waiting.wait(30)
        entered.append("first")
    second.join(30)
    assert entered == ["first", "second"]


def test_a_child_forked_meanwhile_does_not_keep_the_lock(lock: Path) -> None:
    reading, writing = os.pipe()
    with exclusive(lock, on_wait=lambda: None):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    try:
        assert not is_held(lock)
    finally:
        os.close(writing)
        os.close(reading)
        os.waitpid(child, 0)

"""Locks between processes, which the kernel frees when their holder dies."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_S = 0.05


@contextmanager
def exclusive(path: Path, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock at `path`; call `on_wait` once if somebody else has it, then wait."""
    descriptor = _open(path)
    try:
        if not _try(descriptor, fcntl.LOCK_EX):
            on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        # A child forked meanwhile shares this lock: closing our copy alone would not free it.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def take(path: Path, *, patience_s: float) -> int | None:
    """Take the lock for the life of this process; return its descriptor, None if it stays held."""
    descriptor = _open(path)
    deadline = time.monotonic() + patience_s
    while not _try(descriptor, fcntl.LOCK_EX):
        if time.monotonic() >= deadline:
            os.close(descriptor)
            return None
        time.sleep(POLL_S)
    return descriptor


def is_held(path: Path) -> bool:
    """Return whether a living process holds the lock; a shared probe, so probes do not clash."""
    if not path.exists():
        return False
    descriptor = _open(path)
    try:
        return not _try(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def wait_until_free(path: Path, *, patience_s: float) -> bool:
    """Wait for the holder to let go; return whether it did in time."""
    deadline = time.monotonic() + patience_s
    while is_held(path):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""A child's side of the conversation: JSON lines out, one word in."""

from __future__ import annotations

import json
import resource
import sys
from typing import Any


def say(answer: Any) -> None:
    """Send one line to the benchmark."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def wait_for_go() -> None:
    """Wait until the benchmark says that it begins."""
    sys.stdin.readline()


def cpu_s() -> float:
    """Return the CPU seconds, user and system, that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

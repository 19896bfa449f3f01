"""The machine a benchmark ran on, in general terms: no names of hosts."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

CALM = 0.1
PACKAGES = ("Django", "django-q2", "openai", "aiohttp", "httpx2", "psycopg")


def describe() -> dict[str, Any]:
    """Return processor, cores, memory, operating system and the versions that matter."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def load_average() -> list[float]:
    """Return the load averages over 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def wait_for_calm(*, patience_s: float) -> float:
    """Wait until the machine has next to nothing else to do; return the busy share, 0 to 1.

    After `patience_s` seconds the measurement begins all the same, and the share tells.
    """
    deadline = time.monotonic() + patience_s
    while True:
        busy = psutil.cpu_percent(interval=1.0) / 100
        if busy < CALM or time.monotonic() > deadline:
            return round(busy, 2)


def in_words(machine: dict[str, Any]) -> str:
    """Return the machine as the README names it."""
    cores = "1 core" if machine["cores"] == 1 else f"{machine['cores']} cores"
    return f"{cores} of {machine['cpu']}, {machine['memory_gb']} GB, Python {machine['python']}"


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

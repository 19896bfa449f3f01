"""What this machine can offer a model: memory, cores, disk, and whether it is a CI runner."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")
MOST_USEFUL_THREADS = 8


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts that decide which model fits."""

    memory_bytes: int
    free_disk_bytes: int
    is_ci: bool


def survey(folder: Path, environ: Mapping[str, str]) -> Machine:
    """Return the facts of this machine; the disk is the one that holds `folder`."""
    return Machine(
        memory_bytes=total_memory_bytes(),
        free_disk_bytes=free_disk_bytes(folder),
        is_ci=environ.get("CI", "").lower() not in ("", "0", "false"),
    )


def total_memory_bytes(cgroup: Path = CGROUP) -> int:
    """Return the memory this process may use: the machine's, or its container's if less."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(physical, _number(cgroup / "memory.max", absent=physical))


def available_memory_bytes(cgroup: Path = CGROUP) -> int:
    """Return the memory that is free right now, file cache included."""
    total = total_memory_bytes(cgroup)
    in_use = _number(cgroup / "memory.current", absent=0)
    return min(_meminfo_available(absent=total), max(total - in_use, 0))


def thread_count(cgroup: Path = CGROUP) -> int:
    """Return how many threads a model should use: the cores granted, at most eight."""
    pinned = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    cores = len(pinned) or os.cpu_count() or 1
    return max(1, min(cores, _quota(cgroup / "cpu.max", absent=cores), MOST_USEFUL_THREADS))


def free_disk_bytes(folder: Path) -> int:
    """Return the free bytes on the disk that holds `folder`, which need not exist yet."""
    existing = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    return disk_usage(existing).free


def _number(path: Path, *, absent: int) -> int:
    text = path.read_text().strip() if path.is_file() else ""
    return int(text) if text.isdecimal() else absent


def _quota(path: Path, *, absent: int) -> int:
    words = path.read_text().split() if path.is_file() else []
    if len(words) != 2 or not words[0].isdecimal():
        return absent
    return round(int(words[0]) / int(words[1]))


def _meminfo_available(*, absent: int) -> int:
    lines = MEMINFO.read_text().splitlines() if MEMINFO.is_file() else []
    found = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return int(found.split()[1]) * 1024 if found else absent

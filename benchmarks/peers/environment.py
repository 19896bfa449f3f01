"""A throwaway environment with the peers in it; gone when the measurement is."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.processes import ProcessFailed

# Prefect's server does not start on the newest FastAPI (it passes an argument that is gone).
PACKAGES = (
    "celery>=5.5,<6",
    "redis",
    "prefect>=3.4,<4",
    "fastapi<0.129",
    "openai>=3.54,<4",
    "psycopg[binary,pool]",
)
SHOWN = ("celery", "prefect", "openai")
INSTALLS_WITHIN_S = 600


@contextlib.contextmanager
def peers() -> Iterator[Path]:
    """Install the peers into a new directory and yield its Python.

    Raises:
        ProcessFailed: they could not be installed.
    """
    with tempfile.TemporaryDirectory(prefix="lifecycle-peers-") as name:
        home = Path(name) / "environment"
        _uv("venv", "--quiet", "--python", sys.executable, str(home))
        python = home / "bin" / "python"
        _uv("pip", "install", "--quiet", "--python", str(python), *PACKAGES)
        yield python


def versions(python: Path) -> dict[str, str]:
    """Return which versions are compared."""
    asked = "import json, importlib.metadata as m, sys\n"
    asked += "print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    said = subprocess.run([python, "-c", asked, *SHOWN], capture_output=True, check=True, text=True)
    found: dict[str, str] = json.loads(said.stdout)
    return found


def _uv(*arguments: str) -> None:
    command = [sys.executable, "-m", "uv", *arguments]
    done = subprocess.run(
        command, capture_output=True, check=False, text=True, timeout=INSTALLS_WITHIN_S
    )
    if done.returncode:
        raise ProcessFailed(f"The peers could not be installed:\n{done.stderr[-1500:]}")

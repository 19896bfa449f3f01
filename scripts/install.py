"""Builds .venv from a lock file with hashes, and never trusts a half-done one."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "install.log"
# There while pip works: an environment that has it was interrupted and is built anew.
UNFINISHED = VENV / ".unfinished"
# How pip begins the line about the next package.
TAKEN_UP = r"(?:Collecting|Processing|Ignoring|Requirement already satisfied:) ([^\s:]+)"
# Each lock file with the larger ones that contain it at the same versions (a test says so).
CONTAINED_IN = {
    "base": ("base", "local-model", "production", "dev"),
    "local-model": ("local-model", "dev"),
    "production": ("production",),
    "dev": ("dev",),
}


def main(arguments: list[str]) -> int:
    """Install the named lock file unless it is installed; return the exit code."""
    name = arguments[0] if len(arguments) == 1 else ""
    if name not in CONTAINED_IN:
        print(f"usage: install.py {'|'.join(CONTAINED_IN)}", file=sys.stderr)
        return 2
    try:
        with _alone():
            return 0 if _is_installed(name) else _install(name)
    except KeyboardInterrupt:
        print("\nStopped. The next run builds the environment anew.", file=sys.stderr)
        return 130
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"The environment in {VENV} could not be built: {error}.", file=sys.stderr)
        return 1


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold the checkout, so that two commands started together do not build one environment."""
    handle = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_installed(name: str) -> bool:
    version = _version()
    if not version or UNFINISHED.exists():
        return False
    return any(_read(_stamp(lock)) == _digest(lock, version) for lock in CONTAINED_IN[name])


def _install(name: str) -> int:
    if not _version() or UNFINISHED.exists():
        _create()
    UNFINISHED.touch()
    for lock in CONTAINED_IN:
        _stamp(lock).unlink(missing_ok=True)
    if not _run_pip(ROOT / "requirements" / f"{name}.txt"):
        return 1
    _write(_stamp(name), _digest(name, _version()))
    UNFINISHED.unlink()
    return 0


def _create() -> None:
    version = ".".join(str(part) for part in sys.version_info[:3])
    print(f"Creating .venv with Python {version} ...", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    UNFINISHED.touch()
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)


def _run_pip(lock: Path) -> bool:
    shown = lock.relative_to(ROOT)
    total = len(re.findall(r"^\S+==", lock.read_text(), re.MULTILINE))
    print(f"Installing {total} packages from {shown} ...", flush=True)
    started = time.monotonic()
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    options = ["--require-hashes", "--progress-bar", "off", "--requirement", str(lock)]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        tail = _follow(pip, total)
    if pip.returncode:
        print("".join(tail), file=sys.stderr)
        print(
            f"pip could not install {shown}: the lines above say why, .venv/install.log says all.",
            file=sys.stderr,
        )
        return False
    print(f"Installed in {time.monotonic() - started:.0f} s.", flush=True)
    return True


def _follow(pip: subprocess.Popen[str], total: int) -> deque[str]:
    """Show how far pip is and keep its output in the log; return its last lines."""
    tail: deque[str] = deque(maxlen=15)
    seen = 0
    with LOG.open("w") as log:
        for line in pip.stdout or ():
            log.write(line)
            tail.append(line)
            if match := re.match(TAKEN_UP, line):
                seen += 1
                _show(f"  {seen}/{total} {Path(match[1]).name}", every=seen % 20 == 0)
            elif line.startswith("Installing collected"):
                _show("  all fetched, unpacking", every=True)
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)
    return tail


def _show(text: str, *, every: bool) -> None:
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)
    elif every:
        print(text, flush=True)


def _version() -> str:
    """Return what the environment's Python says of itself; empty if the environment is no good."""
    if not PYTHON.exists() or not _is_at_home():
        return ""
    asked = subprocess.run(
        [PYTHON, "-c", "import sys; print(sys.version, sys.version_info >= (3, 11))"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout if asked.stdout.endswith("True\n") else ""


def _is_at_home() -> bool:
    """Tell whether pip's script starts the Python beside it: those of a moved checkout do not."""
    script = VENV / "bin" / "pip"
    return script.exists() and str(VENV).encode() in script.read_bytes()[:500]


def _digest(lock: str, version: str) -> str:
    """Return what a stamp must say: this lock, installed for this Python."""
    content = (ROOT / "requirements" / f"{lock}.txt").read_bytes()
    return hashlib.sha256(content + version.encode()).hexdigest()


def _stamp(lock: str) -> Path:
    return VENV / f".installed-{lock}"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.rename(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

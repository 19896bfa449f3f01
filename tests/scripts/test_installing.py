"""The environment that `make` builds: finished ones are kept, half-done ones are not trusted."""

import base64
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import environ
import pytest

ROOT = Path(__file__).resolve().parents[2]
MARK = ".unfinished"
pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout with the installer alone."""
    path = tmp_path_factory.mktemp("checkout")
    (path / "requirements").mkdir()
    (path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "install.py", path / "scripts")
    return path


@pytest.fixture
def checkout(place: Path) -> Path:
    """Return the checkout with empty lock files, installed; it is built where a test broke it."""
    for name in ("base", "local-model", "production", "dev"):
        (place / "requirements" / f"{name}.txt").write_text(f"# {name}: nothing\n")
    assert install(place, "dev").returncode == 0
    return place


def install(checkout: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run the installer in a checkout."""
    return subprocess.run(
        [sys.executable, "scripts/install.py", name],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script that looks for a Python."""
    return subprocess.run(
        ["/bin/sh", "scripts/python.sh", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_finished_environment_is_left_alone(checkout: Path) -> None:
    again = install(checkout, "dev")
    assert (again.returncode, again.stdout) == (0, "")


def test_a_larger_set_contains_a_smaller_one(checkout: Path) -> None:
    assert install(checkout, "local-model").stdout == ""


def test_a_changed_lock_is_installed(checkout: Path) -> None:
    with (checkout / "requirements" / "dev.txt").open("a") as lock:
        lock.write("# changed\n")
    assert "Installing" in install(checkout, "dev").stdout
    assert install(checkout, "dev").stdout == ""


def test_an_interrupted_environment_is_built_anew(checkout: Path) -> None:
    leftover = checkout / ".venv" / "leftover"
    leftover.touch()
    (checkout / ".venv" / MARK).touch()
    assert "Creating .venv" in install(checkout, "dev").stdout
    assert not leftover.exists()
    assert not (checkout / ".venv" / MARK).exists()


def test_an_environment_without_its_python_is_built_anew(checkout: Path) -> None:
    (checkout / ".venv" / "bin" / "python").unlink()
    assert "Creating .venv" in install(checkout, "dev").stdout
    assert install(checkout, "dev").stdout == ""


def test_what_cannot_be_installed_is_said_and_not_trusted(checkout: Path) -> None:
    lock = checkout / "requirements" / "production.txt"
    lock.write_text("no-such-package-of-ours==1 --hash=sha256:" + "0" * 64 + "\n")
    failed = subprocess.run(
        [sys.executable, "scripts/install.py", "production"],
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin", "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert "pip could not install requirements/production.txt" in failed.stderr
    assert (checkout / ".venv" / MARK).exists()


def test_an_old_python_is_refused_in_a_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    refused = python("-c", "print()", PATH=str(tmp_path))
    assert refused.returncode == 1
    assert refused.stderr.startswith("Lifecycle needs Python 3.11 or newer, and none was found")


def test_a_python_without_venv_is_refused_in_a_sentence(tmp_path: Path) -> None:
    bare = tmp_path / "python3"
    bare.write_text(
        f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n'
    )
    bare.chmod(0o755)
    refused = python("-c", "print()", PATH=str(tmp_path))
    assert refused.returncode == 1
    assert "without its venv module: install it" in refused.stderr


def test_a_named_python_is_used() -> None:
    named = python("-c", "import sys; print(sys.executable)", PATH="", PYTHON=sys.executable)
    assert named.stdout.strip() == sys.executable


def test_a_new_env_file_has_fresh_keys_and_is_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "environment.py", tmp_path / "scripts")
    shutil.copy(ROOT / ".env.example", tmp_path)
    command = [sys.executable, "scripts/environment.py"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    written = (tmp_path / ".env").read_text()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / ".env").read_text() == written
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600

    found: dict[str, str] = {}

    class Reader(environ.Env):  # type: ignore[misc]
        ENVIRON = found

    Reader.read_env(str(tmp_path / ".env"))
    assert set(found) == {"SECRET_KEY", "FIELD_ENCRYPTION_KEY"}
    assert len(found["SECRET_KEY"]) >= 50
    assert len(base64.urlsafe_b64decode(found["FIELD_ENCRYPTION_KEY"])) == 32

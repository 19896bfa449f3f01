"""SHA-256 of large files, remembered beside them so that an unchanged file is read once."""

import hashlib
import json
import logging
import os
from contextlib import closing
from pathlib import Path

from automations.engine.embedded.progress import Progress

CHUNK_BYTES = 1 << 20

log = logging.getLogger(__name__)


def sha256_of(path: Path, progress: Progress) -> str:
    """Read the whole file and return its SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file, closing(progress("verifying", path.stat().st_size, 0)) as bar:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            bar.update(len(chunk))
    return digest.hexdigest()


def known_sha256(path: Path, marker: Path, progress: Progress) -> str:
    """Return the file's SHA-256: from the marker if the file is unchanged, else read and noted."""
    identity = _identity(path)
    remembered = _read(marker)
    if {**remembered, **identity} == remembered and "sha256" in remembered:
        return str(remembered["sha256"])
    digest = sha256_of(path, progress)
    _note(marker, {**identity, "sha256": digest})
    return digest


def note_sha256(path: Path, marker: Path, digest: str) -> None:
    """Remember a digest that was worked out while the file was written."""
    _note(marker, {**_identity(path), "sha256": digest})


def _identity(path: Path) -> dict[str, object]:
    stat = path.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "inode": stat.st_ino}


def _read(marker: Path) -> dict[str, object]:
    try:
        content = json.loads(marker.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _note(marker: Path, content: dict[str, object]) -> None:
    temporary = marker.with_name(f"{marker.name}.{os.getpid()}")
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content))
        temporary.replace(marker)
    except OSError as error:
        # A cache baked into a read-only image still works; it is only read again at each start.
        log.warning("Cannot remember the checksum in %s: %s", marker, error.strerror)

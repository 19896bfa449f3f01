"""Where the one embedded server of a machine sits: its lock, and the record of how to reach it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Record:
    """How to reach the server: written by itself, true only while it holds the seat's lock."""

    host: str
    port: int
    key: str
    pid: int
    model: str
    label: str


@dataclass(frozen=True, slots=True)
class Seat:
    """The files of one server, all named after the machine and the model chosen."""

    folder: Path
    name: str

    @property
    def lock(self) -> Path:
        """Held by the server as long as it lives."""
        return self.folder / f"{self.name}.lock"

    @property
    def starting(self) -> Path:
        """Held by whoever is about to start the server."""
        return self.folder / f"{self.name}.starting"

    @property
    def log(self) -> Path:
        """What the server of the last start had to say."""
        return self.folder / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """The record, readable by its owner only: it holds the key."""
        return self.folder / f"{self.name}.json"

    def read(self) -> Record | None:
        """Return the record, or None if there is none that can be read."""
        try:
            return Record(**json.loads(self.record.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, record: Record) -> None:
        """Replace the record in one step."""
        temporary = self.record.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(record), file)
        temporary.replace(self.record)

    def clear(self) -> None:
        """Remove the record."""
        self.record.unlink(missing_ok=True)

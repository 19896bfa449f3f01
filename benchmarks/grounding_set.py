"""The labelled set of the grounding check, read from its text file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "data" / "grounding.txt"
HELD_OUT_EVERY = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """A source with one output; `kind` and `planted` are empty when the output is clean."""

    name: str
    source: str
    output: str
    kind: str
    planted: str
    held_out: bool


def pairs() -> list[Pair]:
    """Return the whole set, in the order of the file."""
    found: list[Pair] = []
    for place, block in enumerate(_blocks(), start=1):
        name, source, *outputs = block
        held_out = place % HELD_OUT_EVERY == 0
        found += [_pair(name.split()[0], source, line, held_out=held_out) for line in outputs]
    return found


def _blocks() -> list[list[str]]:
    text = FILE.read_text(encoding="utf-8").partition("\n## ")[2]
    return [[line for line in block.splitlines() if line] for block in text.split("\n## ")]


def _pair(name: str, source: str, line: str, *, held_out: bool) -> Pair:
    kind, planted = "", ""
    output = line[2:]
    if line.startswith("- "):
        kind, planted, output = output.split(" | ", 2)
    return Pair(name, source, output.replace("\\n", "\n"), kind, planted, held_out)

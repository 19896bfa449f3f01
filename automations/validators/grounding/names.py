"""Capitalised names that the source has not: worth a look, no better than chance as a verdict."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_CAPITALISED = re.compile(r"(?<=[a-z,;] )[A-Z][^\W\d_]{2,}(?:['-][^\W\d_]+)*")
MAX_SHOWN = 20


def known_words(text: str) -> frozenset[str]:
    """Return every word of a text without regard to case."""
    return frozenset(_WORD.findall(text.casefold()))


def unknown_names(text: str, known: frozenset[str]) -> list[str]:
    """Return capitalised words in the middle of sentences that are not among the known ones."""
    found: dict[str, None] = {}
    for match in _CAPITALISED.finditer(text):
        word = match[0].casefold()
        if not known & {word, word.removesuffix("'s"), word.removesuffix("s")}:
            found.setdefault(match[0])
        if len(found) == MAX_SHOWN:
            break
    return list(found)

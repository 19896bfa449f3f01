"""Quotations: words between paired marks must stand in the source, but for small changes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

MIN_WORDS = 4
ENOUGH = 90.0  # partial ratio in percent
CHUNK = 60  # words compared at once: long quotations cost no more per word than short ones
PLACES = 12  # per pair of words; "of the" stands everywhere and tells nothing
CANDIDATES = 4

# What opens never stands inside, so that unpaired marks cost no second look at the same text.
_INSIDE = "{1,3000}"
_PAIRS = re.compile(
    "|".join(
        f"{opens}([^{opening}{closing}\n]{_INSIDE}){closes}"
        for opens, opening, closing, closes in (
            ('"', "", '"', '"'),
            ("[“„‟]", "“„‟", '”"', '[”“"]'),
            ("”", "“„", '”"', "”"),
            ("«", "«", "»", "»"),
            ("»", "»", "«", "«"),
            ("‹", "‹", "›", "›"),
            ("「", "「", "」", "」"),
            ("『", "『", "』", "』"),
            (r"(?<!\w)[‘‚]", "‘‚", "’", r"[’‘](?!\w)"),
        )
    )
)
_ELLIPSIS = re.compile(r"\.{3,}|…|\[[^\]\n]{0,80}\]")
_WORD = re.compile(r"\w+(?:'\w+)*")


def quotations_in(text: str) -> list[str]:
    """Return what stands between paired quotation marks."""
    return [next(filter(None, match.groups())) for match in _PAIRS.finditer(text)]


def words_of(text: str) -> list[str]:
    """Return the words, without regard to case, punctuation and kinds of apostrophe."""
    return _WORD.findall(text.casefold().replace("’", "'"))


@dataclass(slots=True)
class Wording:
    """The words of a source with the places of every two in a row; made once, in linear time."""

    words: list[str]
    places: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> Wording:
        """Index a text."""
        wording = cls(words_of(text))
        for place, pair in enumerate(pairwise(wording.words)):
            found = wording.places.setdefault(pair, [])
            if len(found) < PLACES:
                found.append(place)
        return wording

    def has(self, quotation: str) -> bool:
        """Say whether the source says this; parts around an ellipsis count each by itself."""
        parts = [words_of(part) for part in _ELLIPSIS.split(quotation)]
        long_enough = [part for part in parts if len(part) >= MIN_WORDS]
        return all(self._has_all(part) for part in long_enough)

    def _has_all(self, words: list[str]) -> bool:
        chunks = [words[start : start + CHUNK] for start in range(0, len(words), CHUNK)]
        return all(self._has_chunk(chunk) for chunk in chunks if len(chunk) >= MIN_WORDS)

    def _has_chunk(self, words: list[str]) -> bool:
        from rapidfuzz.fuzz import partial_ratio  # noqa: PLC0415 - a worker's library

        sought = " ".join(words)
        return any(
            partial_ratio(sought, self._window(start, len(words)), score_cutoff=ENOUGH) >= ENOUGH
            for start in self._starts(words)
        )

    def _starts(self, words: list[str]) -> list[int]:
        """Return where the quotation may begin: where most of its pairs of words fall in line."""
        votes = Counter(
            place - offset
            for offset, pair in enumerate(pairwise(words))
            for place in self.places.get(pair, ())
        )
        return [start for start, _ in votes.most_common(CANDIDATES)]

    def _window(self, start: int, length: int) -> str:
        return " ".join(self.words[max(0, start - 2) : max(0, start) + length + 4])


def unsupported_quotations(text: str, source: Wording) -> list[str]:
    """Return quotations of at least four words that the source does not have."""
    return [
        quotation.strip()
        for quotation in quotations_in(text)
        if len(words_of(quotation)) >= MIN_WORDS and not source.has(quotation)
    ]

"""Numbers in words: forty-two, zweiundvierzig, cuarenta y dos."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from automations.validators.grounding.plain import lowered
from automations.validators.grounding.tables import FUSED, NUMBERS, ORDINALS

_ONES = frozenset("one ein eins un une uno um uma een".split())
_WORD = re.compile(r"[^\W\d_]+")
_JOINED = re.compile(r"(?: (?:(?:et|y|e) )?|-(?:et-)?)[^\W\d_]+")
_HUNDRED = re.compile(r" hundred(?:(?:,| and)? ([^\W\d_]+(?:-[^\W\d_]+)?))?")


def worded_numbers(text: str, language: str) -> Iterator[tuple[int, int, float]]:
    """Yield start, end and value of every number in words above one, in a language we know."""
    low, values, done = lowered(text), _values(language), 0
    for match in _WORD.finditer(low):
        value = values.get(match[0])
        if match.start() < done or (value is None and match[0] != "a"):
            continue
        end, value = _longest(low, match, value, values)
        if (value > 1 and match[0] not in _ONES) or value >= 100:
            yield match.start(), end, float(value)
            done = end


def _longest(
    low: str, match: re.Match[str], value: int | None, values: dict[str, int]
) -> tuple[int, int]:
    """Take in what belongs to a number's first word: forty two, a hundred and forty."""
    hundred = _HUNDRED.match(low, match.end()) if "twelve" in values else None
    if hundred:
        below = values.get(hundred[1] or "", 0)
        end = hundred.end() if below else match.end() + len(" hundred")
        return end, (value or 1) * 100 + below
    if value and value % 10 == 0 and 20 <= value < 100:
        joined = _JOINED.match(low, match.end())
        whole = values.get(low[match.start() : joined.end()]) if joined else None
        if joined and whole:
            return joined.end(), whole
    return match.end(), value or 0


def ordinals_in(text: str) -> frozenset[float]:
    """Return what a text counts by first, second, third."""
    return frozenset(
        float(ORDINALS[word]) for word in _WORD.findall(text.lower()) if word in ORDINALS
    )


@lru_cache(maxsize=8)
def _values(language: str) -> dict[str, int]:
    """Return every word for a number below a hundred, joined ones included."""
    simple = NUMBERS[language]
    tens = {word: n for word, n in simple.items() if 20 <= n < 100 and n % 10 == 0}
    units = {word: n for word, n in simple.items() if n < 10}
    if language in FUSED:
        fused = (FUSED[language], "ën") if language == "nl" else (FUSED[language],)
        return simple | {
            f"{u}{joint}{t}": n + m
            for joint in fused
            for u, n in units.items()
            for t, m in tens.items()
        }
    joints = {"en": ("-", " "), "fr": ("-", " et ", "-et-"), "es": (" y ",), "pt": (" e ",)}
    return simple | {
        f"{t}{joint}{u}": m + n
        for joint in joints.get(language, ("",))
        for t, m in tens.items()
        for u, n in units.items()
    }

"""Text made comparable before the grounding rules read it."""

from __future__ import annotations

import re
import unicodedata

from automations.text import clean_text
from automations.validators.grounding.tables import COMMON

# Footnote marks and powers: `m²` is a unit and no number.
_RAISED = dict.fromkeys(map(ord, "⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉"))
_GONE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u2060\ufeff"))
_DASHES = {ord("–"): "-", ord("−"): "-", ord("‐"): "-", ord("—"): " - ", ord("’"): "'"}
_FRACTION = re.compile("[¼-¾⅐-⅞]")
_OTHER_DIGIT = re.compile(r"[^\W0-9\D]")
_WORD = re.compile(r"[^\W\d_]+")
_COMMON: dict[str, list[str]] = {}
for _language, _words in COMMON.items():
    for _word in _words.split():
        _COMMON.setdefault(_word, []).append(_language)
READ_FOR_LANGUAGE = 4_000


def plain(text: str) -> str:
    """Return the text in NFKC with ASCII digits, hyphens and apostrophes of one kind."""
    if text.isascii():
        return clean_text(text).text
    text = clean_text(text).text.translate(_RAISED | _GONE)
    text = _FRACTION.sub(lambda found: f" {unicodedata.normalize('NFKC', found[0])}", text)
    text = unicodedata.normalize("NFKC", text).translate(_DASHES).replace("⁄", "/")
    return _OTHER_DIGIT.sub(lambda found: str(unicodedata.digit(found[0], 0)), text)


def lowered(text: str) -> str:
    """Return the text in lower case with every character in its place."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c.lower()[:1] or c for c in text)


def language_of(text: str) -> str:
    """Return the language whose frequent words the text uses most, English when none."""
    counts = dict.fromkeys(COMMON, 0)
    for word in _WORD.findall(text[:READ_FOR_LANGUAGE].lower()):
        for language in _COMMON.get(word, ()):
            counts[language] += 1
    best = max(counts, key=lambda code: counts[code])
    return best if counts[best] > counts["en"] else "en"

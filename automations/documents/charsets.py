"""Bytes to text when nobody has said how: marks first, UTF-8 next, then only what is certain.

A wrong guess would silently change words, so that a file which may be one of several is refused.
"""

from __future__ import annotations

import codecs
import re

from automations.errors import Problem
from automations.text import decode_text

SAMPLE_BYTES = 100_000
MAX_WESTERN_SHARE = 0.2
MIN_HINTS = 8
MIN_COHERENCE = 0.2
MAX_CHAOS = 0.1
# What charset-normalizer may answer; Western European text is told by a rule of our own.
OTHERS = (
    "cp1250", "cp1251", "koi8_r", "cp1253", "cp1255", "cp1256",
    "cp932", "euc_jp", "gb18030", "big5", "euc_kr",
)  # fmt: skip

_WESTERN = frozenset(
    "àáâãäåæçèéêëìíîïñòóôõöøùúûüœßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜŒ"
    "\u2018\u2019\u201a\u201c\u201d\u201e\u2013\u2014\u2026\u2022\u2039\u203a\u2122€£§©®°«»·¿¡\xa0"
)
# An accented capital inside a word, or a question mark upside down inside it: another alphabet.
_OUT_OF_PLACE = re.compile("[a-zà-öø-ü][À-ÖØ-ÜŒ]|[a-zà-öø-ü][¿¡]|[©®°§£·][a-zà-ü]")
_META = re.compile(rb"<meta[^>]{0,200}charset=[\"']?([A-Za-z0-9_-]{1,40})", re.IGNORECASE)


def declared_in_html(data: bytes) -> str:
    """Return the encoding that a page names in its first bytes; empty when it names none."""
    match = _META.search(data[:2_048])
    return match[1].decode("ascii") if match else ""


def decode(name: str, data: bytes, declared: str = "") -> str:
    """Return the text; `declared` is used where it is known and fits.

    Raises `Problem` (source_error, not_text) when it is not certain how to read the bytes.
    """
    try:
        return decode_text(data, name=name)
    except Problem as problem:
        text = _declared(data, declared) or _undeclared(data)
        if text is None:
            raise problem from None
        return text


def _declared(data: bytes, declared: str) -> str | None:
    try:
        codec = codecs.lookup(declared)
        # A web page that says latin-1 means Windows-1252, as browsers know.
        known = "cp1252" if codec.name in ("iso8859-1", "ascii") else codec.name
        return data.decode(known) if known != "utf-8" else data.decode(known, "replace")
    except (LookupError, UnicodeDecodeError, ValueError):
        return None


def _undeclared(data: bytes) -> str | None:
    """Return the text where only one reading makes sense.

    Czech bytes, say, make a fair Western text as well, but one with very many accents.
    """
    hints = sum(byte > 0x7F for byte in data[:SAMPLE_BYTES])
    western = _western(data)
    if western is None:
        return _guessed(data) if hints >= MIN_HINTS else None
    letters = sum(char.isalpha() for char in western[:SAMPLE_BYTES])
    return western if hints <= MAX_WESTERN_SHARE * letters else None


def _western(data: bytes) -> str | None:
    """Return the text as Windows-1252 if nothing but a Western European text looks like that."""
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    high = [char for char in text if char > "\x7f"]
    hungarian = "õ" in high and "ã" not in high  # its ő, in another alphabet
    fair = set(high) <= _WESTERN and not hungarian and not _OUT_OF_PLACE.search(text)
    return text if fair and "\x00" not in text else None


def _guessed(data: bytes) -> str | None:
    from charset_normalizer import from_bytes  # noqa: PLC0415  rarely needed

    best = from_bytes(data[:SAMPLE_BYTES], cp_isolation=list(OTHERS)).best()
    if best is None or best.coherence < MIN_COHERENCE or best.chaos > MAX_CHAOS:
        return None
    try:
        return data.decode(best.encoding)
    except UnicodeDecodeError:
        return None

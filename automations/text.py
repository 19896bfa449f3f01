"""Text at the boundary: cleaned for the database, decoded from files, made fit for messages."""

import codecs
import json
import math
import re
from dataclasses import dataclass

from automations.errors import Problem

REPLACEMENT = "\ufffd"
MAX_DEPTH = 64
BYTE_ORDER_MARK = "\ufeff"

# PostgreSQL stores neither NUL nor half a surrogate pair; Django's validation lets both through.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# UTF-32 first: its little-endian mark begins with the one of UTF-16. UTF-8 needs no entry,
# its mark decodes to the character that `clean_text` drops.
_MARKED_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class NotFinite(ValueError):
    """Data holds NaN or Infinity, which are not JSON and which no database stores as such."""

    def __init__(self, _found: str = "") -> None:
        super().__init__("Write numbers, not NaN or Infinity.")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text that every database stores, and how many characters had to be replaced for that."""

    text: str
    replaced: int


def clean_text(value: str) -> Cleaned:
    """Replace NUL and lone surrogates by U+FFFD and drop one leading byte order mark."""
    text, replaced = _UNSTORABLE.subn(REPLACEMENT, value.removeprefix(BYTE_ORDER_MARK))
    return Cleaned(text, replaced)


def load_json(text: str) -> object:
    """Parse JSON strictly and clean it with `clean_data`.

    Raises:
        ValueError: not JSON; `NotFinite` for NaN, Infinity and numbers too large for a float.
        RecursionError: nested deeper than Python can parse.
        Problem: nested more than 64 levels deep (validation_error, too_deep).
    """
    return clean_data(json.loads(text, parse_constant=_refuse_constant))


def _refuse_constant(name: str) -> object:
    raise NotFinite(name)


def clean_data(value: object) -> object:
    """Return parsed JSON with every string and key in it cleaned.

    `json.loads` makes NUL and lone surrogates out of clean text (`"\\u0000"`), so the parsed
    value needs its own pass. Raises `Problem` (validation_error, too_deep) beyond 64 levels and
    `NotFinite` for NaN and Infinity.
    """
    return _clean_level(value, MAX_DEPTH)


def _clean_level(value: object, levels_left: int) -> object:
    if isinstance(value, str):
        return _UNSTORABLE.sub(REPLACEMENT, value)
    if isinstance(value, float) and not math.isfinite(value):
        raise NotFinite
    if not isinstance(value, (list, dict)):
        return value
    if levels_left == 0:
        raise Problem(
            f"The data is nested more than {MAX_DEPTH} levels deep; make it flatter.",
            category="validation_error",
            code="too_deep",
        )
    if isinstance(value, list):
        return [_clean_level(item, levels_left - 1) for item in value]
    return {
        _clean_level(key, levels_left - 1): _clean_level(item, levels_left - 1)
        for key, item in value.items()
    }


def decode_text(data: bytes, *, name: str) -> str:
    """Decode a file's bytes (UTF-8, or UTF-16 and UTF-32 with a byte order mark), cleaned.

    Raises `Problem` (source_error, not_text) naming the first byte that is not text.
    """
    encoding = next((enc for mark, enc in _MARKED_ENCODINGS if data.startswith(mark)), "utf-8")
    try:
        return clean_text(data.decode(encoding)).text
    except UnicodeDecodeError as error:
        raise Problem(
            f"{one_line(name)} is not {encoding.upper()} text: byte "
            f"0x{data[error.start]:02x} at position {error.start} does not belong there; "
            "save it as UTF-8 text and try again.",
            category="source_error",
            code="not_text",
        ) from error


def human_size(size: int) -> str:
    """Say a number of bytes with one decimal, in steps of 1024: `50.0 MB`."""
    if size < 1024:
        return f"{size} bytes" if size != 1 else "1 byte"
    amount, unit = size / 1024, "KB"
    for larger in ("MB", "GB", "TB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.1f} {unit}"


def one_line(text: str, *, limit: int = 120) -> str:
    """Make a text from outside fit for a sentence: one line, nothing invisible, at most `limit`."""
    line = " ".join(_INVISIBLE.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"

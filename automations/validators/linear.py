"""Patterns by users, on an engine whose time grows with the text and never explodes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError

from automations.text import clean_text, one_line

if TYPE_CHECKING:
    from re2 import _Regexp as Pattern

# A pattern that does not fit falls back to a slower search; 8 MB keeps most on the fast one.
MAX_MEMORY_BYTES = 8 * 1024 * 1024
# At worst a search costs program size x text: measured 4 s per million characters at this size.
MAX_PROGRAM = 1_000
NOT_SUPPORTED = "patterns run in linear time, so look-around and back-references are not supported"


@lru_cache(maxsize=512)
def compiled(pattern: str, *, ignore_case: bool = False) -> Pattern:
    """Return the compiled pattern.

    Raises `ValidationError` with one sentence if it is wrong, not supported, or too large.
    """
    import re2  # noqa: PLC0415 - a worker's library; pages that check nothing do without

    options = re2.Options()
    options.max_mem = MAX_MEMORY_BYTES
    options.log_errors = False
    options.never_capture = True  # nobody asks for groups, and they rule out the fast search
    options.case_sensitive = not ignore_case
    try:
        made = re2.compile(clean_text(pattern).text, options)
    except re2.error as error:
        raise ValidationError(_complaint(pattern, error)) from error
    if made.programsize > MAX_PROGRAM:
        raise ValidationError(
            f"{_named(pattern)} is too large ({made.programsize:,} steps; at most {MAX_PROGRAM:,} "
            "allowed); use fewer or smaller repetitions."
        )
    return made


def _complaint(pattern: str, error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return f"{_named(pattern)} is no usable pattern ({one_line(text)}); {NOT_SUPPORTED}."


def _named(pattern: str) -> str:
    return f"“{one_line(pattern, limit=60)}”"

"""The parent's side of reading a document: sizes first, then the right reader."""

from __future__ import annotations

import codecs
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings

from automations import sandbox
from automations.documents.kinds import Kind, kind_of
from automations.errors import Problem
from automations.text import clean_text, decode_text, human_size, one_line

WALL_S = 20.0
CPU_S = 15
MEMORY_MB = 512
# A stray empty byte is replaced; this many, and every tenth of all, are no plain text.
MIN_EMPTY_BYTES = 8
# Formats whose bytes are mostly not text: layout, fonts, pictures.
WRAPPED = frozenset({Kind.PDF, Kind.DOCX})

_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def text_of(
    name: str, data: bytes, *, kind: Kind | None = None, charset: str = "",
    otherwise: Kind | None = None,
) -> str:  # fmt: skip
    """Return the text of a document (blocking).

    `kind` and `charset` are what somebody has said about it, else its ending and its bytes tell;
    `otherwise` is the format of endings that nobody knows. Text that is not UTF-8 is decoded as
    what it can only be.

    Raises `Problem` (source_error): not_accepted, mismatch, too_large, not_text, no_text,
    password_protected, has_macros, broken_file, suspicious_file, too_slow, too_much_memory.
    """
    shown = one_line(PurePosixPath(name.replace("\\", "/")).name)
    kind = kind or kind_of(shown, data, otherwise=otherwise)
    require_size(shown, len(data), kind)
    _require_no_wide_text(shown, data, kind)
    if kind is Kind.TEXT and not charset:
        with suppress(Problem):  # the child knows more encodings, and the same refusal
            return decode_text(data, name=shown)
    return _from_child(shown, data, kind, charset)


def _require_no_wide_text(name: str, data: bytes, kind: Kind) -> None:
    """Refuse UTF-16 without its mark, and binary files that pass for text."""
    empty = 0 if kind in WRAPPED or data.startswith(_MARKS) else data.count(0)
    if empty < MIN_EMPTY_BYTES or empty * 10 <= len(data):
        return
    raise Problem(
        f"{name} is not plain text: every few bytes there is an empty one; save it as UTF-8 text "
        "and try again.",
        category="source_error",
        code="not_text",
    )


def _from_child(name: str, data: bytes, kind: Kind, charset: str) -> str:
    facts: dict[str, Any] = {
        "name": name,
        "kind": kind.value,
        "charset": charset,
        "max_bytes": settings.MAX_INPUT_BYTES,
    }
    try:
        text = sandbox.run(
            "document", facts, data=data, wall_s=WALL_S, memory_mb=MEMORY_MB, cpu_s=CPU_S
        )
    except sandbox.SandboxProblem as problem:
        message = problem.message.replace("the file", name, 1)
        raise Problem(message, category=problem.category, code=problem.code) from problem
    return clean_text(str(text)).text


def limit_of(kind: Kind) -> int:
    """Return how many bytes of a format are read; the text in it is held to MAX_INPUT_BYTES."""
    return settings.MAX_UPLOAD_BYTES if kind in WRAPPED else settings.MAX_INPUT_BYTES


def require_size(name: str, size: int, kind: Kind) -> None:
    """Refuse a file that is larger than its format may be. Raises `Problem` (too_large)."""
    if size > (limit := limit_of(kind)):
        raise Problem(
            f"{one_line(name)} has {human_size(size)}; at most {human_size(limit)} are read, "
            "so split it.",
            category="source_error",
            code="too_large",
        )

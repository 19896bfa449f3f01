"""What a file is: told by its ending, its first bytes and its content, which have to agree."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath

from automations.errors import Problem
from automations.text import one_line

HEAD_BYTES = 4_096


class Kind(StrEnum):
    """The formats that are turned into text."""

    TEXT = "text"
    HTML = "html"
    PDF = "pdf"
    DOCX = "docx"
    CSV = "csv"
    JSONL = "jsonl"


BY_ENDING = {
    ".txt": Kind.TEXT,
    ".md": Kind.TEXT,
    ".markdown": Kind.TEXT,
    ".html": Kind.HTML,
    ".htm": Kind.HTML,
    ".pdf": Kind.PDF,
    ".docx": Kind.DOCX,
    ".csv": Kind.CSV,
    ".jsonl": Kind.JSONL,
}
ENDINGS = tuple(BY_ENDING)
ENDINGS_IN_WORDS = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
# Browsers on telephones offer files by type, those on desks by ending.
ACCEPT = ",".join(
    (
        *ENDINGS,
        "text/plain",
        "text/markdown",
        "text/html",
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "text/csv",
        "application/jsonl",
    )
)
WHAT_TO_DO = {
    ".doc": "save it in Word as .docx",
    ".docm": "save it in Word as .docx, which holds no macros",
    ".dotm": "save it in Word as .docx, which holds no macros",
    ".rtf": "save it as .docx or .txt",
    ".odt": "save it as .docx or .pdf",
    ".pages": "export it as .docx or .pdf",
    ".xls": "save the sheet as .csv",
    ".xlsx": "save the sheet as .csv",
    ".xlsm": "save the sheet as .csv",
    ".ods": "save the sheet as .csv",
    ".ppt": "save it as .pdf",
    ".pptx": "save it as .pdf",
    ".zip": "unpack it and give one of its files",
    ".gz": "unpack it and give the file in it",
}

_PDF, _ZIP, _OLE = "PDF", "ZIP", "OLE"
# What the first bytes say, and what people call it.
_MAGIC = (
    (b"PK\x03\x04", _ZIP, "a ZIP archive"),
    (b"PK\x05\x06", _ZIP, "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLE, "an old Office file or one with a password"),
    (b"{\\rtf", "RTF", "an RTF document"),
    (b"\x89PNG", "image", "a PNG picture"),
    (b"\xff\xd8\xff", "image", "a JPEG picture"),
    (b"GIF8", "image", "a GIF picture"),
    (b"\x1f\x8b", "archive", "a gzip archive"),
    (b"BZh", "archive", "a bzip2 archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "archive", "a RAR archive"),
    (b"\xfd7zXZ\x00", "archive", "an XZ archive"),
    (b"\x7fELF", "program", "a program"),
    (b"MZ\x90", "program", "a Windows program"),
    (b"OggS", "media", "an audio file"),
    (b"ID3", "media", "an audio file"),
)
EXPECTED = {Kind.PDF: _PDF, Kind.DOCX: _ZIP}
_CALLED = {Kind.PDF: "a PDF document", Kind.DOCX: "a Word document"}


def likely_kind(name: str) -> Kind:
    """Return the format that a file's ending promises; text where it promises none."""
    return BY_ENDING.get(_ending(name), Kind.TEXT)


def kind_of(name: str, data: bytes, *, otherwise: Kind | None = None) -> Kind:
    """Return the format of a file, by its ending; its first bytes have to agree.

    `otherwise` is the format of endings that nobody knows, like `.log`.

    Raises `Problem` (source_error): not_accepted by its ending, mismatch with its content,
    password_protected.
    """
    ending = _ending(name)
    kind = BY_ENDING.get(ending, None if ending in WHAT_TO_DO else otherwise)
    if kind is None:
        raise _not_accepted(name)
    found, called = looks_like(data)
    if found != EXPECTED.get(kind, ""):
        raise _mismatch(name, kind, found, called)
    return kind


def looks_like(data: bytes) -> tuple[str, str]:
    """Return what the first bytes of a file tell, and how to call it; two empty words for text."""
    head = data[:HEAD_BYTES]
    if b"%PDF-" in head[:1_024]:
        return _PDF, "a PDF document"
    return next(((what, name) for mark, what, name in _MAGIC if head.startswith(mark)), ("", ""))


def _ending(name: str) -> str:
    return PurePosixPath(name.lower()).suffix


def _not_accepted(name: str) -> Problem:
    shown, ending = one_line(name), _ending(name)
    advice = WHAT_TO_DO.get(ending, f"give a file that ends in {ENDINGS_IN_WORDS}")
    return Problem(
        f"{shown or 'This file'} is not accepted; {advice}.",
        category="source_error",
        code="not_accepted",
    )


def _mismatch(name: str, kind: Kind, found: str, called: str) -> Problem:
    shown = one_line(name)
    if kind is Kind.DOCX and found == _OLE:
        return Problem(
            f"{shown} has a password or is an old .doc file; save it in Word as .docx without a "
            "password.",
            category="source_error",
            code="password_protected",
        )
    ending, what = _ending(name), called or "not " + _CALLED.get(kind, "text")
    return Problem(
        f"{shown} ends in {ending}, but its content is {what}; give it the ending that it should "
        f"have, or save it as {ending} again.",
        category="source_error",
        code="mismatch",
    )

"""DOCX to text: paragraphs and tables in their order, tracked insertions in, deletions out."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from automations.documents import problems
from automations.errors import Problem

MAX_ENTRIES = 1_000
MAX_UNPACKED_BYTES = 50 * 1024 * 1024
MAX_RATIO = 100
SMALL_BYTES = 1024 * 1024
MAIN_PART = "word/document.xml"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"

# Text that is not there any more, and boxes' second copies for old programs.
_LEFT_OUT = frozenset({f"{W}moveFrom", f"{W}del", f"{W}pPr", f"{W}rPr", FALLBACK})
_SIGNS = {
    f"{W}tab": "\t",
    f"{W}br": "\n",
    f"{W}cr": "\n",
    f"{W}noBreakHyphen": "\u2011",
}
_WRAPPERS = frozenset({f"{W}sdt", f"{W}sdtContent", f"{W}customXml", f"{W}ins", f"{W}moveTo"})


def text_of_docx(name: str, data: bytes) -> str:
    """Return the text of a Word document, a line per paragraph and ` | ` between cells.

    Raises `Problem` (source_error): broken_file, suspicious_file, has_macros,
    password_protected, no_text.
    """
    _check_archive(name, data)
    from docx import Document  # noqa: PLC0415  each format loads its own library

    try:
        document = Document(BytesIO(data))
        lines = list(_lines(document.element.body))
    except (Problem, MemoryError):
        raise
    # A document of the wild can break its reader in any of these ways.
    except (ValueError, LookupError, TypeError, AttributeError, OSError, SyntaxError,
            RecursionError, AssertionError, zipfile.BadZipFile,
            NotImplementedError) as error:  # fmt: skip
        raise problems.broken(name, "Word (.docx)") from error
    text = "\n".join(lines).strip()
    if not text:
        raise problems.without_text(name, "holds no text; give a document that does")
    return text


def _check_archive(name: str, data: bytes) -> None:
    """Look at the table of contents before anything is unpacked."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            _require_sane(name, entries)
            _require_no_entities(name, archive, entries)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
        raise problems.broken(name, "Word (.docx)") from error
    except zipfile.zlib.error as error:  # type: ignore[attr-defined]
        raise problems.broken(name, "Word (.docx)", "its compression") from error


def _require_sane(name: str, entries: list[zipfile.ZipInfo]) -> None:
    names = {entry.filename for entry in entries}
    if any(entry.flag_bits & 1 for entry in entries):
        raise problems.locked(name)
    if any(known.lower().endswith("vbaproject.bin") for known in names):
        message = f"{name} holds macros; save it in Word as .docx, which holds none."
        raise Problem(message, category="source_error", code="has_macros")
    if len(entries) > MAX_ENTRIES or len(names) < len(entries):
        raise problems.suspicious(name, f"has {len(entries):,} parts")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES or any(
        map(_is_bomb, entries)
    ):
        raise problems.suspicious(name, "unpacks to far more than it holds, as harmful files do")
    if MAIN_PART not in names:
        raise problems.broken(name, "Word (.docx)", "it is another kind of archive")


def _is_bomb(entry: zipfile.ZipInfo) -> bool:
    ratio = entry.file_size / max(1, entry.compress_size)
    return entry.file_size > SMALL_BYTES and ratio > MAX_RATIO


def _require_no_entities(
    name: str, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]
) -> None:
    """Refuse document type declarations: Word writes none, and entities are made of them."""
    for entry in entries:
        if not entry.filename.lower().endswith((".xml", ".rels")):
            continue
        content = archive.read(entry)
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise problems.suspicious(name, "declares entities of its own")


def _lines(container: Any) -> Iterator[str]:
    """Yield a line per paragraph and per row of a table, wherever it is wrapped."""
    for child in container:
        if child.tag == f"{W}p":
            yield _paragraph(child)
        elif child.tag == f"{W}tbl":
            yield from _rows(child)
        elif child.tag in _WRAPPERS:
            yield from _lines(child)


def _rows(table: Any) -> Iterator[str]:
    for row in table.iter(f"{W}tr"):
        if next(row.iterancestors(f"{W}tbl")) is table:
            cells = [_cell(cell) for cell in row.iterchildren(f"{W}tc", f"{W}sdt")]
            yield " | ".join(cells).rstrip()


def _cell(cell: Any) -> str:
    return " / ".join(line for line in _lines(_content_of(cell)) if line.strip())


def _content_of(cell: Any) -> Any:
    inner = next(cell.iter(f"{W}tc"), None)
    return cell if inner is None else inner


def _paragraph(paragraph: Any) -> str:
    return "".join(_pieces(paragraph))


def _pieces(node: Any) -> Iterator[str]:
    for child in node:
        if child.tag in _LEFT_OUT:
            continue
        if child.tag == f"{W}t":
            yield child.text or ""
        elif child.tag in _SIGNS:
            yield _SIGNS[child.tag]
        else:
            yield from _pieces(child)
            if child.tag == f"{W}p":  # a paragraph of a text box
                yield "\n"

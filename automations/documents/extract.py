"""The document job of the sandbox: one format after the other, each by a well-kept library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from automations.documents import charsets, pages, problems, tables, word
from automations.documents.markup import text_of_html
from automations.text import human_size

Reader = Callable[[str, bytes, str], str]


def _text(name: str, data: bytes, charset: str) -> str:
    return charsets.decode(name, data, charset)


def _html(name: str, data: bytes, charset: str) -> str:
    text = charsets.decode(name, data, charset or charsets.declared_in_html(data))
    return text_of_html(name, text)


def _csv(name: str, data: bytes, charset: str) -> str:
    return tables.text_of_csv(name, charsets.decode(name, data, charset))


def _jsonl(name: str, data: bytes, charset: str) -> str:
    return tables.text_of_jsonl(name, charsets.decode(name, data, charset))


def _pdf(name: str, data: bytes, _charset: str) -> str:
    return pages.text_of_pdf(name, data)


def _docx(name: str, data: bytes, _charset: str) -> str:
    return word.text_of_docx(name, data)


READERS: Mapping[str, Reader] = {
    "text": _text,
    "html": _html,
    "csv": _csv,
    "jsonl": _jsonl,
    "pdf": _pdf,
    "docx": _docx,
}


def extract(payload: dict[str, Any], data: bytes) -> str:
    """Return the text of a document: `{"name", "kind", "charset", "max_bytes"}` and its bytes.

    Raises `Problem` (source_error) with a sentence that says what to do about the file.
    """
    name, limit = payload["name"], payload["max_bytes"]
    text = READERS[payload["kind"]](name, data, payload["charset"])
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > limit:
        what = f"holds {human_size(size)} of text; at most {human_size(limit)} are taken"
        raise problems.too_large(name, what)
    return text

"""Files built to harm: one sentence each, within the time, and the parent stays small."""

from __future__ import annotations

import resource
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO

import pytest

from automations.documents import reading, text_of
from automations.errors import Problem
from tests.automations.documents.making import BODY, docx_with, make_docx, make_pdf

pytestmark = pytest.mark.once

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BILLION_LAUGHS = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'
MB = 1024 * 1024


def zip_of_zips() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.zip", make_docx("x"))
    return out.getvalue()


def liar() -> bytes:
    """Make a document whose table of contents says that a large part is small."""
    data = docx_with({"word/document.xml": BODY % ("<w:p/>" * 5_000_000)})
    with zipfile.ZipFile(BytesIO(data)) as archive:
        size = archive.getinfo("word/document.xml").file_size
    return data.replace(struct.pack("<L", size), struct.pack("<L", 1_000))


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a part of 60 MB in 60 KB": (
        "a.docx", lambda: docx_with({"word/document.xml": b" " * 60_000_000})),
    "a ratio of 1,000": ("a.docx", lambda: docx_with({"word/media/i.bin": bytes(40_000_000)})),
    "2,000 parts": ("a.docx", lambda: docx_with({f"p{n}.xml": b"" for n in range(2_000)})),
    "a zip that lies about its sizes": ("a.docx", liar),
    "a zip in a zip": ("a.docx", zip_of_zips),
    "a billion laughs": (
        "a.docx", lambda: docx_with({"word/document.xml": BILLION_LAUGHS + BODY % "&l9;"})),
    "an external entity": (
        "a.docx",
        lambda: docx_with({"word/document.xml":
            '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + BODY % "&f;"})),
    "XML nested 100,000 deep": (
        "a.docx", lambda: docx_with({"word/document.xml": BODY % ("<w:sdt>" * 100_000)})),
    "a PDF stream of 300 MB": (
        "a.pdf",
        lambda: make_pdf(stream=zlib.compress(bytes(300 * MB)), more="/Filter/FlateDecode")),
    "a PDF stream compressed twice": (
        "a.pdf",
        lambda: make_pdf(
            stream=zlib.compress(zlib.compress(bytes(300 * MB))),
            more="/Filter[/FlateDecode/FlateDecode]")),
    "a PDF page tree that holds itself": (
        "a.pdf", lambda: make_pdf().replace(b"/Kids[3 0 R]", b"/Kids[2 0 R]")),
    "100,000 columns": ("a.csv", lambda: b",".join([b"x"] * 100_000) + b"\n1\n"),
    "a cell of 4 MB": ("a.csv", lambda: b'a,b\n"' + b"x" * 4_000_000 + b'",1\n'),
    "JSON nested 100,000 deep": ("a.jsonl", lambda: b"[" * 100_000 + b"\n"),
    "a number of 100,000 digits": ("a.jsonl", lambda: b"1" * 100_000 + b"\n"),
    "HTML nested 200,000 deep": ("a.html", lambda: b"<div>" * 200_000 + b"x"),
    "50,000 nested tables": ("a.html", lambda: b"<table><tr><td>" * 50_000 + b"x"),
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_file_built_to_harm_is_one_sentence(bomb: str) -> None:
    name, make = BOMBS[bomb]
    data = make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with pytest.raises(Problem) as caught:
        text_of(name, data)
    assert time.monotonic() - began < reading.WALL_S + 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KB
    assert caught.value.category == "source_error"
    assert caught.value.message.count("\n") == 0
    assert caught.value.message.endswith(".")
    assert len(caught.value.message) < 300
    assert caught.value.code in {
        "broken_file", "suspicious_file", "too_large", "too_much_memory", "too_slow", "no_text",
        "reader_broke",
    }  # fmt: skip

"""Documents made by hand, whole ones and harmful ones."""

from __future__ import annotations

import zipfile
from io import BytesIO

from docx import Document
from pypdf import PdfReader, PdfWriter

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
BODY = f'<w:document xmlns:w="{WORD}"><w:body>%s</w:body></w:document>'


def make_pdf(
    text: str = "Hello from a PDF", *, stream: bytes | None = None, more: str = ""
) -> bytes:
    """Make a PDF of one page; `stream` is its content instead of a text, `more` describes it."""
    shown = f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET" if text else ""
    content = shown.encode("latin-1") if stream is None else stream
    page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"{page}<</Font<</F1 5 0 R>>>>>>".encode(),
        f"<<{more}/Length {len(content)}>>stream\n".encode() + content + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    return _assembled(objects)


def _assembled(objects: list[bytes]) -> bytes:
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    tail = f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(out)}\n%%EOF"
    return out + (head + tail).encode()


def lock_pdf(data: bytes, *, password: str, owner: str | None = None) -> bytes:
    """Encrypt a PDF; an empty password with an owner's only forbids printing."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(data)))
    writer.encrypt(password, owner_password=owner, algorithm="AES-256")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def make_docx(*paragraphs: str, table: list[list[str]] | None = None, after: str = "") -> bytes:
    """Make a Word document of paragraphs, then a table, then one more paragraph."""
    document = Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    if table:
        made = document.add_table(len(table), len(table[0]))
        for row, texts in zip(made.rows, table, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
    if after:
        document.add_paragraph(after)
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def docx_with(parts: dict[str, bytes | str]) -> bytes:
    """Make a Word document with parts replaced or added."""
    out = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(make_docx("Hello"))) as plain,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as changed,
    ):
        for entry in plain.infolist():
            if entry.filename not in parts:
                changed.writestr(entry.filename, plain.read(entry))
        for name, content in parts.items():
            changed.writestr(name, content)
    return out.getvalue()

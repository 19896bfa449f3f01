"""Text out of whole documents."""

from __future__ import annotations

from typing import Any

import pytest

from automations import documents
from automations.documents import Kind, text_of
from automations.errors import Problem
from tests.automations.documents.making import (
    BODY,
    docx_with,
    lock_pdf,
    make_docx,
    make_pdf,
)

pytestmark = pytest.mark.once

GERMAN = "Die Größe der Bäume überrascht uns. Schöne Grüße aus Köln, sagte der Bürgermeister."
FRENCH = "Les élèves étaient déjà à l\u2019école, où ils apprenaient le français avec leur maître."
SPANISH = "¿Dónde está el niño? Comió una manzana en el jardín mientras su mamá leía."
RUSSIAN = "Это обычный русский текст, в котором несколько предложений. Он достаточно длинный."
POLISH = "Zażółć gęślą jaźń, powiedział król i poszedł spać do zamku nad rzeką."
CZECH = "Příliš žlutoučký kůň úpěl ďábelské ódy a všichni ho obdivovali, protože byl hlasitý."


def refusal(name: str, data: bytes, **options: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        text_of(name, data, **options)
    assert caught.value.category == "source_error"
    assert caught.value.message.endswith(".")
    return caught.value


# --- whole files ----------------------------------------------------------------------------


def test_a_pdf_gives_its_text_layer() -> None:
    assert text_of("a.pdf", make_pdf("Forty-two clinics")) == "Forty-two clinics"


def test_a_pdf_that_only_forbids_printing_is_read() -> None:
    data = lock_pdf(make_pdf("Open to read"), password="", owner="secret")
    assert text_of("a.pdf", data) == "Open to read"


def test_a_word_document_gives_paragraphs_and_tables_in_their_order() -> None:
    data = make_docx("Größe 👋", table=[["City", "People"], ["Köln", "1,085,664"]], after="The end")
    assert text_of("a.docx", data) == "Größe 👋\nCity | People\nKöln | 1,085,664\nThe end"


def test_a_word_document_keeps_insertions_and_leaves_deletions_out() -> None:
    paragraph = (
        "<w:p><w:r><w:t>The price is </w:t></w:r>"
        "<w:del><w:r><w:delText>10</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>12</w:t></w:r></w:ins><w:r><w:tab/><w:t>euros</w:t><w:br/></w:r></w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>In a form field</w:t></w:r></w:p>"
        "</w:sdtContent></w:sdt>"
    )
    text = text_of("a.docx", docx_with({"word/document.xml": BODY % paragraph}))
    assert text == "The price is 12\teuros\n\nIn a form field"


def test_a_page_gives_what_its_reader_sees() -> None:
    page = (
        "<html><head><title>T</title><style>p{color:red}</style></head><body><h1>Größe</h1>"
        "<p>One &amp; two</p><ul><li>first<li>second</ul><script>alert(1)</script></body></html>"
    )
    text = text_of("a.html", page.encode())
    assert "Größe" in text
    assert "One & two" in text
    assert "* first" in text
    assert "alert" not in text
    assert "color" not in text


def test_a_page_is_read_in_the_encoding_that_it_names() -> None:
    page = f'<meta charset="windows-1251"><p>{RUSSIAN}</p>'.encode("cp1251")
    assert RUSSIAN in text_of("a.html", page)


def test_a_table_becomes_a_block_per_row() -> None:
    data = b'name;city\r\nAda;"New ""York"", NY"\r\n\r\nBob;\r\n'
    assert text_of("a.csv", data) == 'name: Ada\ncity: New "York", NY\n\nname: Bob'


def test_json_lines_become_a_block_per_line() -> None:
    data = '{"name": "Ada\u2028L", "tags": ["a", "ü"]}\n\n"plain"\n'.encode()
    assert text_of("a.jsonl", data) == 'name: Ada\u2028L\ntags: ["a", "ü"]\n\nplain'


def test_an_empty_text_file_is_left_to_the_checks() -> None:
    assert text_of("a.txt", b"") == ""


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_believed(mark: str) -> None:
    assert text_of("a.txt", GERMAN.encode(mark)) == GERMAN


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "cp1252"),
        (FRENCH, "cp1252"),
        (SPANISH, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (POLISH, "cp1250"),
        (CZECH, "cp1250"),
    ],
)
def test_an_old_encoding_is_told_where_only_one_fits(text: str, encoding: str) -> None:
    assert text_of("a.txt", text.encode(encoding)) == text


@pytest.mark.parametrize(
    "data",
    [
        b"0123456789\xff",
        "café".encode("mac-roman"),
        FRENCH.replace("\u2019", "'").encode("mac-roman"),
        bytes(range(128, 256)) * 4,
        "Az őr űzött egy szép őzet".encode("cp1250"),
    ],
)
def test_bytes_that_may_be_several_encodings_are_refused(data: bytes) -> None:
    problem = refusal("a.txt", data)
    assert problem.code == "not_text"
    assert "is not UTF-8 text: byte 0x" in problem.message


def test_what_a_server_says_about_the_encoding_is_used() -> None:
    data = "Grüße".encode("latin-1")
    assert text_of("a", data, kind=Kind.TEXT, charset="ISO-8859-1") == "Grüße"
    assert refusal("a", data, kind=Kind.TEXT, charset="no-such").code == "not_text"


def test_utf_16_without_its_mark_is_not_taken_for_text() -> None:
    problem = refusal("a.txt", "Hello, this is plain".encode("utf-16-le"))
    assert problem.code == "not_text"
    assert "save it as UTF-8" in problem.message


# --- files that cannot be read --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("report.doc", "save it in Word as .docx"),
        ("report.docm", "save it in Word as .docx, which holds no macros"),
        ("sheet.xls", "save the sheet as .csv"),
        ("sheet.xlsx", "save the sheet as .csv"),
        ("all.zip", "unpack it"),
        ("picture.png", "give a file that ends in .txt"),
        ("noending", "give a file that ends in .txt"),
        ("a.txt.exe", "give a file that ends in .txt"),
    ],
)
def test_a_file_that_is_not_accepted_says_what_to_give_instead(name: str, advice: str) -> None:
    problem = refusal(name, b"text")
    assert problem.code == "not_accepted"
    assert problem.message.startswith(f"{name} is not accepted; {advice}")


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.pdf", b"plain text", "not a PDF document"),
        ("a.pdf", b"", "not a PDF document"),
        ("a.docx", b"%PDF-1.7 ...", "a PDF document"),
        ("a.txt", b"%PDF-1.7 ...", "a PDF document"),
        ("a.md", b"PK\x03\x04....", "a ZIP archive"),
        ("a.csv", b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        ("a.html", b"\x1f\x8b\x08\x00", "a gzip archive"),
        ("a.txt", b"\x7fELF\x02", "a program"),
    ],
)
def test_an_ending_that_does_not_fit_the_content_is_refused(
    name: str, data: bytes, what: str
) -> None:
    problem = refusal(name, data)
    assert problem.code == "mismatch"
    assert f"but its content is {what};" in problem.message


@pytest.mark.parametrize(
    ("name", "data", "code", "words"),
    [
        ("a.pdf", lock_pdf(make_pdf(), password="secret"), "password_protected", "save it without"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "password_protected", "password"),
        ("a.pdf", make_pdf(""), "no_text", "has no text layer"),
        ("a.pdf", b"%PDF-1.4\nnothing more", "broken_file", "not a whole PDF file"),
        ("a.pdf", make_pdf()[:300], "broken_file", "not a whole PDF file"),
        ("a.docx", b"PK\x03\x04 and nothing more", "broken_file", "not a whole Word"),
        ("a.docx", make_docx("Hello")[:900], "broken_file", "not a whole Word"),
        ("a.docx", docx_with({"word/document.xml": "<w:document"}), "broken_file", "not a whole"),
        ("a.docx", make_docx(), "no_text", "holds no text"),
        ("a.docx", docx_with({"word/vbaProject.bin": b"x"}), "has_macros", "holds macros"),
        ("a.html", b"<html><script>x()</script></html>", "no_text", "made by a script"),
        ("a.csv", b'a,b\n"never closed', "broken_file", "line 2"),
        ("a.csv", b" \n\n", "no_text", "holds no rows"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "broken_file", "line 2 is not JSON"),
        ("a.jsonl", b'{"a": NaN}\n', "broken_file", "line 1"),
        ("a.jsonl", b"\n", "no_text", "holds no lines"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_why(name: str, data: bytes, code: str, words: str) -> None:
    problem = refusal(name, data)
    assert problem.code == code
    assert words in problem.message
    assert name in problem.message


def test_a_name_is_shown_without_its_folders_and_line_breaks() -> None:
    problem = refusal("../../etc/pass\nwd.pdf", b"text")
    assert problem.message.startswith("pass wd.pdf ends in .pdf")


def test_sizes_are_capped_before_anything_is_read(settings: Any) -> None:
    settings.MAX_INPUT_BYTES, settings.MAX_UPLOAD_BYTES = 100, 1_000
    assert refusal("a.txt", b"x" * 101).message == (
        "a.txt has 101 bytes; at most 100 bytes are read, so split it."
    )
    assert refusal("a.pdf", b"%PDF-" + b"x" * 1_000).code == "too_large"


def test_text_that_is_larger_than_its_file_is_capped_as_well(settings: Any) -> None:
    settings.MAX_INPUT_BYTES = 1_000
    data = make_docx(*["The same line again and again."] * 2_000)
    problem = refusal("a.docx", data)
    assert problem.code == "too_large"
    assert "of text; at most 1000 bytes are taken" in problem.message


def test_the_upload_field_names_every_ending() -> None:
    assert set(documents.ENDINGS) <= set(documents.ACCEPT.split(","))

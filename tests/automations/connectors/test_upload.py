"""Uploads: documents of a sane size, everything else refused in one sentence."""

import pytest

from automations.connectors.upload import UploadSource
from automations.errors import Problem
from tests.automations.documents.making import make_docx, make_pdf

SOURCE = UploadSource({})


def refusal(name: str, data: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        SOURCE.from_upload(name, data)
    assert caught.value.category == "source_error"
    return caught.value


@pytest.mark.parametrize("name", ["a.txt", "A.MD", "notes.markdown", "C:\\temp\\a.txt"])
def test_a_text_file_becomes_the_content(name: str) -> None:
    text = 'She said "no" $(id) `id` --- {{ content }} 👋 שלום\r\n'
    assert SOURCE.from_upload(name, text.encode()) == {"content": text}


def test_an_empty_file_is_read_and_left_to_the_validators() -> None:
    assert SOURCE.from_upload("a.txt", b"") == {"content": ""}


def test_nul_in_a_file_is_replaced() -> None:
    assert SOURCE.from_upload("a.txt", b"a\x00b") == {"content": "a\ufffdb"}


def test_a_document_becomes_the_content() -> None:
    assert SOURCE.from_upload("a.pdf", make_pdf("From a PDF")) == {"content": "From a PDF"}
    assert SOURCE.from_upload("a.docx", make_docx("From Word")) == {"content": "From Word"}


@pytest.mark.parametrize("name", ["a.png", "a.doc", "txt", "a.txt.exe", "a.xlsx", "", "/", "x/"])
def test_other_files_are_refused(name: str) -> None:
    assert refusal(name, b"text").code == "not_accepted"


def test_a_path_in_the_name_is_not_repeated() -> None:
    assert refusal("../../etc/pass\nwd.doc", b"").message.startswith("pass wd.doc is not accepted")


def test_a_file_that_is_not_text_is_refused_with_the_place() -> None:
    problem = refusal("a.txt", b"0123456789\xff")
    assert problem.code == "not_text"
    assert "byte 0xff at position 10" in problem.message


def test_a_50_mb_file_is_refused_naming_its_size_and_the_limit() -> None:
    problem = refusal("big.txt", bytes(50 * 1024**2))
    assert problem.code == "too_large"
    assert problem.message == "big.txt has 50.0 MB; at most 5.0 MB are read, so split it."


def test_the_size_limit_is_inclusive() -> None:
    content = SOURCE.from_upload("a.txt", b"x" * 5 * 1024**2)["content"]
    assert len(content) == 5 * 1024**2
    assert refusal("a.txt", b"x" * (5 * 1024**2 + 1)).code == "too_large"

"""Text at the boundary: what is replaced, what is decoded, how sizes are said."""

import codecs
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.errors import Problem
from automations.text import (
    NotFinite,
    clean_data,
    clean_text,
    decode_text,
    human_size,
    load_json,
    one_line,
)

ANY_TEXT = st.text(alphabet=st.characters(codec=None))


def test_nul_and_lone_surrogates_are_replaced_and_counted() -> None:
    cleaned = clean_text("a\x00b\ud800c\udfff")
    assert cleaned.text == "a\ufffdb\ufffdc\ufffd"
    assert cleaned.replaced == 3


def test_only_a_leading_byte_order_mark_is_dropped() -> None:
    assert clean_text("\ufeffa\ufeffb").text == "a\ufeffb"


@pytest.mark.parametrize(
    "text",
    [
        "She said \"no\" and 'yes' $(rm -rf /) `id` --- {{ content }} ${HOME} \\n",
        "👩‍👩‍👧‍👦 🇪🇺 ✅",
        "שלום עולם، مرحبا بالعالم",
        "line\r\nline\ttab\n\n",
    ],
)
def test_ordinary_text_passes_unchanged(text: str) -> None:
    assert clean_text(text).text == text
    assert decode_text(text.encode(), name="a.txt") == text


@given(ANY_TEXT)
def test_cleaned_text_can_be_stored_and_is_stable(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.text.encode()
    assert "\x00" not in cleaned.text
    assert clean_text("x" + cleaned.text).text == "x" + cleaned.text
    assert len(cleaned.text) == len(text.removeprefix("\ufeff"))


def test_parsed_json_is_cleaned_in_keys_and_values() -> None:
    parsed = json.loads('{"a\\u0000": ["\\ud800", {"b": "\\u0000"}], "n": 1, "t": true, "z": null}')
    cleaned = clean_data(parsed)
    assert cleaned == {"a\ufffd": ["\ufffd", {"b": "\ufffd"}], "n": 1, "t": True, "z": None}


def test_data_nested_too_deep_is_a_problem_and_not_a_crash() -> None:
    deep: object = 1
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(Problem, match="more than 64 levels deep") as caught:
        clean_data(deep)
    assert caught.value.code == "too_deep"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_no_database_stores_are_refused(number: str) -> None:
    with pytest.raises(NotFinite, match="not NaN or Infinity"):
        load_json(f'{{"a": [{number}]}}')


def test_strictly_loaded_json_is_cleaned() -> None:
    assert load_json('{"a": "\\u0000\\ud800", "b": 1e308}') == {"a": "\ufffd\ufffd", "b": 1e308}


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_marked_encodings_are_read(mark: bytes, encoding: str) -> None:
    assert decode_text(mark + "Grüße 👋".encode(encoding), name="a.txt") == "Grüße 👋"


def test_bytes_that_are_not_text_are_named_with_their_position() -> None:
    with pytest.raises(Problem) as caught:
        decode_text(b"0123456789\xff\xfe", name="notes.txt")
    assert caught.value.category == "source_error"
    assert caught.value.code == "not_text"
    assert caught.value.message == (
        "notes.txt is not UTF-8 text: byte 0xff at position 10 does not belong there; "
        "save it as UTF-8 text and try again."
    )


def test_half_a_utf_16_character_is_not_text() -> None:
    with pytest.raises(Problem, match="UTF-16"):
        decode_text(codecs.BOM_UTF16_LE + b"a\x00b", name="a.txt")


@given(st.binary())
def test_any_bytes_are_text_or_a_problem(data: bytes) -> None:
    assert outcome(data) in ("not_text", "clean")


def outcome(data: bytes) -> str:
    try:
        text = decode_text(data, name="a.txt")
    except Problem as problem:
        return problem.code
    return "clean" if clean_text(text).replaced == 0 else "dirty"


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KB"),
        (5 * 1024**2, "5.0 MB"),
        (50 * 1024**2, "50.0 MB"),
        (3 * 1024**4, "3.0 TB"),
        (9_999 * 1024**4, "9999.0 TB"),
    ],
)
def test_sizes_are_said_for_people(size: int, said: str) -> None:
    assert human_size(size) == said


def test_a_name_from_outside_fits_on_one_line_of_a_message() -> None:
    assert one_line("a\nb\x00c\u202edeb") == "a b c deb"
    assert one_line("x" * 200) == "x" * 119 + "…"

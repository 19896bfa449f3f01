"""The length validator."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from automations import validators
from automations.validators import Subject, Verdict
from automations.validators.length import Length


def verdict(text: str, direction: str = "input", **settings: Any) -> Verdict:
    cleaned = validators.clean_settings("length", settings, direction)
    return Length(cleaned).check(Subject(text=text))


def test_the_published_bounds_are_the_defaults() -> None:
    assert validators.clean_settings("length", {}, "input") == {
        "min_stripped": 100,
        "max_raw": 50_000,
    }
    assert validators.clean_settings("length", {}, "output") == {
        "min_stripped": 50,
        "max_raw": 1_300,
    }


@pytest.mark.parametrize(
    ("direction", "length", "code"),
    [
        ("input", 0, "too_short"),
        ("input", 99, "too_short"),
        ("input", 100, "ok"),
        ("input", 50_000, "ok"),
        ("input", 50_001, "too_long"),
        ("output", 49, "too_short"),
        ("output", 50, "ok"),
        ("output", 1_300, "ok"),
        ("output", 1_301, "too_long"),
    ],
)
def test_the_bounds_are_inclusive(direction: str, length: int, code: str) -> None:
    found = verdict("x" * length, direction)
    assert found.code == code
    assert found.passed == (code == "ok")


def test_the_lower_bound_counts_trimmed_characters_and_the_upper_all_of_them() -> None:
    assert verdict(" " * 500 + "x" * 99 + "\n\u2003").code == "too_short"
    assert verdict(" " * 500 + "x" * 100).passed
    assert verdict(" " * 49_900 + "x" * 100).passed
    assert verdict(" " * 49_901 + "x" * 100).code == "too_long"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 characters after trimming; needs 100"),
        ("  " + "x" * 87, "87 characters after trimming; needs 100"),
        ("x" * 50_001, "50,001 characters; at most 50,000 allowed"),
        ("x" * 612, "612 characters, between 100 and 50,000"),
    ],
)
def test_the_message_has_both_numbers(text: str, message: str) -> None:
    assert verdict(text).message == message


def test_a_failure_is_a_validation_error() -> None:
    assert verdict("").category == "validation_error"


@pytest.mark.parametrize("character", ["é", "👋", "ש", "م", "\ufffd", "`", "$", "{"])
def test_a_character_is_one_whatever_its_bytes(character: str) -> None:
    assert not verdict(character * 99).passed
    assert verdict(character * 100).passed
    assert not verdict(character * 50_001).passed


def test_bounds_can_be_changed_one_at_a_time() -> None:
    assert verdict("abc", min_stripped=3).passed
    assert verdict("abcd", min_stripped=0, max_raw=3).code == "too_long"


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"min_stripped": -1}, "At least"),
        ({"max_raw": "many"}, "At most"),
        ({"max_raw": 0}, "At most"),
        ({"min_stripped": 10, "max_raw": 9}, "no text can be both"),
        ({"minimum": 10}, "There is no setting `minimum`; known: min_stripped, max_raw."),
        ([], "JSON object"),
        (None, "JSON object"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: object, part: str) -> None:
    with pytest.raises(ValidationError) as caught:
        validators.clean_settings("length", settings, "input")
    assert part in " ".join(caught.value.messages)

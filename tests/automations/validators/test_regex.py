"""Patterns by users: clear refusals, and no pattern that hangs."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from automations import validators
from automations.validators import Subject, Verdict

pytestmark = pytest.mark.once

EVIL = [
    r"(a+)+$", r"(a|a)*b", r"(a|aa)+$", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(.*a){20}",
    r"(?:.*,){30}x", r"[ab]*a[ab]{12}c", r"(x+x+)+y", r"\s+$", r"(\w+\s?)+!", r"(?:a?){100}a{100}b",
    r".*a.{500}b", r"((a{1,100}){1,10})c", r"^(a?){50}a{50}$",
    r"([a-zA-Z0-9])(([\-.]|[_]+)?([a-z]+))*$",
]  # fmt: skip


def verdict(text: str, *patterns: str, **settings: Any) -> Verdict:
    cleaned = validators.clean_settings("regex", {"patterns": list(patterns), **settings}, "output")
    return validators.registry.get("regex")(cleaned).check(Subject(text=text))


def refusal(*patterns: str) -> str:
    with pytest.raises(ValidationError) as caught:
        verdict("", *patterns)
    return " ".join(caught.value.messages)


def test_no_forbidden_pattern_may_match() -> None:
    assert verdict("plain words", r"\d{4}").passed
    found = verdict("in 2024 and 2025", r"\d{4}", "xyz")
    assert not found.passed
    assert found.code == "pattern_found"
    assert found.message == "1 forbidden pattern found; 0 allowed: “2024”"
    assert found.found == ("2024",)


def test_each_required_pattern_must_match() -> None:
    assert verdict("#news today", r"#\w+", "today", mode="must_match").passed
    found = verdict("#news", r"#\w+", "today$", mode="must_match")
    assert found.code == "pattern_missing"
    assert found.message == "1 of 2 required patterns found; missing “today$”"


def test_case_counts_unless_it_is_ignored() -> None:
    assert verdict("SALE", "sale").passed
    assert not verdict("SALE", "sale", ignore_case=True).passed


def test_patterns_are_given_one_per_line() -> None:
    settings = {"patterns": "one\n\n  two \none", "mode": "must_match"}
    assert validators.clean_settings("regex", settings, "output")["patterns"] == ["one", "two"]


@pytest.mark.parametrize("pattern", ["(?=a)b", "(?<!a)b", r"(a)\1", "(", "[a-", "a++", "*a", "\\"])
def test_what_the_engine_cannot_do_is_said_in_one_sentence(pattern: str) -> None:
    told = refusal(pattern)
    assert f"“{pattern}” is no usable pattern" in told
    assert "linear time, so look-around and back-references are not supported." in told


@pytest.mark.parametrize("pattern", ["a*", "", "^", "(x|)", "$"])
def test_a_pattern_that_matches_nothing_at_all_is_refused(pattern: str) -> None:
    assert "matches an empty text" in refusal(pattern) or "required" in refusal(pattern)


def test_patterns_too_large_to_be_quick_are_refused() -> None:
    assert "too large" in refusal(r"(a{1,100}){1,10}b")
    assert "too large together" in refusal(*(f"[a-f]{{{n}}}x" for n in range(300, 320)))
    assert "at most 20 are allowed" in refusal(*(f"x{n}" for n in range(21)))


@pytest.mark.parametrize("pattern", EVIL)
def test_an_evil_pattern_is_refused_or_comes_to_an_end(pattern: str) -> None:
    try:
        settings = validators.clean_settings("regex", {"patterns": [pattern]}, "output")
    except ValidationError:
        return
    validator = validators.registry.get("regex")(settings)
    for subject in ("a" * 100_000 + "!", "ab" * 50_000 + "!", " " * 100_000 + "x"):
        assert validator.check(Subject(text=subject)).message

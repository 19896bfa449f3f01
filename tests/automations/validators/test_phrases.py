"""Forbidden phrases, however they are written."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from automations import validators
from automations.validators import Subject, Verdict

pytestmark = pytest.mark.once


def verdict(text: str, *phrases: str, **settings: Any) -> Verdict:
    cleaned = validators.clean_settings("phrases", {"phrases": list(phrases), **settings}, "output")
    return validators.registry.get("phrases")(cleaned).check(Subject(text=text))


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("A real GAME\n  Changer, they say.", "game changer"),
        ("Your résumé, please", "resume"),
        ("Your resume, please", "Résumé"),
        ("a ﬁne ﬁsh", "fine fish"),  # ligatures
        ("ＦＲＥＥ today", "free"),  # full width
        ("it’s only “now”", 'it\'s only "now"'),
        ("win–win", "win-win"),
        ("Straße", "STRASSE"),
        ("100% free!", "100% free!"),
        ("(c++)", "C++"),
        ("İstanbul", "istanbul"),
        ("这是免费的产品", "这是免费的产品"),
    ],
)
def test_a_phrase_is_found_however_it_is_written(text: str, phrase: str) -> None:
    assert not verdict(text, phrase).passed


def test_whole_words_only_unless_parts_count() -> None:
    assert verdict("category", "cat").passed
    assert verdict("cat_1", "cat").passed
    assert not verdict("category", "cat", whole_words=False).passed
    assert not verdict("category, cat.", "cat").passed


def test_case_and_accents_count_when_told() -> None:
    assert verdict("FREE", "free", ignore_case=False).passed
    assert verdict("resume", "résumé", ignore_accents=False).passed
    assert not verdict("re\u0301sume\u0301", "résumé", ignore_accents=False).passed


def test_the_message_has_actual_and_allowed() -> None:
    found = verdict("a guarantee, risk-free", "guarantee", "risk-free", "cheap")
    assert found.message == "2 forbidden phrases; 0 allowed: “guarantee”, “risk-free”"
    assert found.code == "forbidden_phrase"
    assert found.found == ("guarantee", "risk-free")


def test_phrases_that_say_nothing_are_refused() -> None:
    for phrases in ([], "  \n ", ["\u0301"], ["x" * 201], [f"p{n}" for n in range(501)]):
        with pytest.raises(ValidationError):
            validators.clean_settings("phrases", {"phrases": phrases}, "output")

"""Emoji are counted as a reader sees them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations import validators
from automations.validators import Subject
from automations.validators.emoji import EMOJI

pytestmark = pytest.mark.once

ONE_EACH = [
    "😀", "👋🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "#⃣", "❤️", "❤️‍🔥", "☎️", "©️", "⭐",
    "✅", "👩🏿‍🚀", "🤷🏻‍♂️", "🚀", "🫠", "⌚", "☝🏽", "🧑‍💻", "🅰️", "🌡️", "🌡", "‼️", "♻️",
]  # fmt: skip
NONE = [
    "",
    "abc",
    "→",
    "★",
    "✓",
    "©",
    "™",
    "1",
    "#",
    "•",
    "❤\ufe0e",
    "⌚\ufe0e",
    "中",
    "é",
    "\u200d",
    "\ufe0f",
]


def count(text: str) -> int:
    return len(EMOJI.findall(text))


@pytest.mark.parametrize("emoji", ONE_EACH)
def test_what_is_seen_as_one_is_one(emoji: str) -> None:
    assert count(emoji) == 1
    assert count(f"a{emoji} {emoji}b") == 2


@pytest.mark.parametrize("text", NONE)
def test_what_is_text_is_none(text: str) -> None:
    assert count(text) == 0


def test_flags_and_faces_in_a_row_count_each() -> None:
    assert count("🇩🇪🇫🇷🇮🇹") == 3
    assert count("😀😀😀") == 3
    assert count("🎉🎉 done ✅ 1️⃣2️⃣") == 5


@given(st.lists(st.sampled_from([*ONE_EACH, "a", " ", "→"]), max_size=30))
def test_counting_with_spaces_between_adds_up(parts: list[str]) -> None:
    assert count(" ".join(parts)) == sum(part in ONE_EACH for part in parts)


def test_the_message_has_actual_and_allowed() -> None:
    emoji = validators.registry.get("emoji")(validators.clean_settings("emoji", {}, "output"))
    found = emoji.check(Subject(text="🚀🚀 up 🎉"))
    assert (found.passed, found.code) == (False, "too_many_emoji")
    assert found.message == "3 emoji; at most 2 allowed"
    assert found.found == ("🚀", "🎉")
    assert emoji.check(Subject(text="🚀🚀")).passed

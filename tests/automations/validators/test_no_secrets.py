"""Keys in a text are named by kind and never shown."""

from __future__ import annotations

import pytest

from automations.validators import Subject
from automations.validators.secrets import NoSecrets

pytestmark = pytest.mark.once

KEY = "sk-" + "Abc123" * 6
CHECK = NoSecrets({})


@pytest.mark.parametrize(
    "text",
    ["", "basic understanding of the bearer of news", "ask-questions", "https://a.example/b@c"],
)
def test_ordinary_text_passes(text: str) -> None:
    assert CHECK.check(Subject(text=text)).passed


def test_a_key_fails_without_being_shown() -> None:
    found = CHECK.check(Subject(text=f"Use {KEY} and ghp_{'a1' * 15}"))
    assert (found.passed, found.code) == (False, "secret_found")
    assert found.message == (
        "2 that look like secrets; 0 allowed: API key, GitHub token; "
        "the first one begins at character 5"
    )
    assert KEY not in repr(found)


def test_several_of_a_kind_are_counted() -> None:
    assert "API key (2 times)" in CHECK.check(Subject(text=f"{KEY}\n{KEY}")).message

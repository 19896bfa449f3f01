"""What a model leaves behind: gaps, remarks, its own instructions."""

from __future__ import annotations

from typing import Any

import pytest

from automations import validators
from automations.validators import Subject, Verdict

pytestmark = pytest.mark.once

INSTRUCTIONS = (
    "You turn articles into LinkedIn posts that people want to read to the end.\n"
    "problem: what went wrong before, in one or two sentences with a number.\n"
    'If nothing fits, answer exactly "We could not find anything to say about this article today".'
)


def verdict(text: str, *, source: str = "", data: object = None, **settings: Any) -> Verdict:
    cleaned = validators.clean_settings("placeholders", settings, "output")
    subject = Subject(text=text, data=data, input_text=source, instructions=INSTRUCTIONS)
    return validators.registry.get("placeholders")(cleaned).check(subject)


@pytest.mark.parametrize(
    "text",
    [
        "Best regards, [Your Name]", "Dear [Insert client here],", "<your company>",
        "Lorem ipsum dolor", "Sales rose by XX %", "Hello {{ name }}", "TODO: numbers",
        "[Link] for more", "[Company Name] grew",
    ],
)  # fmt: skip
def test_a_gap_left_to_fill_in_fails(text: str) -> None:
    assert verdict(text).code == "placeholder"


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I do not have opinions.",
        "I'm sorry, but I can't help with that.",
        "Sure! Here is the post: phones ring.",
        "Here's a LinkedIn post about the clinic:\nPhones ring.",
        "Als KI kann ich das nicht beurteilen.",
    ],
)
def test_a_remark_of_the_model_fails(text: str) -> None:
    assert verdict(text).code == "model_remark"


@pytest.mark.parametrize(
    "text",
    [
        "What went wrong before, in one or two sentences with a number?",
        "What went wrong before, with a number?",
        "Phones rang. You turn articles into LinkedIn posts that people want to read to the end.",
    ],
)
def test_repeated_instructions_fail(text: str) -> None:
    found = verdict(text)
    assert found.code == "prompt_echo"
    assert found.message.startswith("1 passages repeat the instructions; 0 allowed: “")


@pytest.mark.parametrize(
    "text",
    [
        "", "Phones began to ring [sic] at seven.", "The AI team grew. See [1] and [2].",
        "People want to read this post.", "Two sentences with a number, no more.",
        "We could not find anything to say about this article today",
        "He todoed nothing. Maxx 5 %.",
    ],
)  # fmt: skip
def test_ordinary_text_passes(text: str) -> None:
    assert verdict(text).passed


def test_what_the_input_has_may_be_repeated() -> None:
    source = f"Template: Dear [Your Name], TODO. {INSTRUCTIONS}"
    assert verdict("Dear [Your Name]", source=source).passed
    assert verdict(
        "What went wrong before, in one or two sentences with a number?", source=source
    ).passed


def test_structured_output_is_checked_field_by_field() -> None:
    data = {"problem": "What went wrong before, in one or two sentences with a number?"}
    assert verdict("composed", data=data).code == "prompt_echo"
    assert verdict("[Your Name]", data={"problem": "fine"}).passed


def test_each_part_can_be_switched_off() -> None:
    assert verdict("[Your Name]", placeholders=False).passed
    assert verdict("As an AI model, no.", excuses=False).passed
    assert verdict("What went wrong before, with a number?", echo_words=0).passed

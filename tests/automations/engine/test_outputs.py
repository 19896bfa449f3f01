"""What becomes of an answer that is no JSON, or none that a database stores."""

from __future__ import annotations

from typing import Any

import pytest

from automations.engine.outputs import Output, make_output
from automations.engine.recipes import load
from automations.models import Automation
from automations.subjects import source_text
from automations.validators import clean_settings
from tests.makers import make_automation, make_version

pytestmark = pytest.mark.django_db
SCHEMA = {"type": "object", "properties": {"score": {}}, "required": ["score"]}


def made_of(answer: str) -> Output:
    version = make_version(rules=[], output_schema=SCHEMA)
    return make_output(answer, load(version.pk), input_text="", turn=0)


@pytest.mark.parametrize("score", ["NaN", "-Infinity", "1e999", "[" * 20_000])
def test_an_answer_that_no_database_stores_is_not_json(score: str) -> None:
    output = made_of(f'{{"score": {score}}}')
    assert output.data is None
    assert output.complaints == ["Output schema: The answer is not JSON."]


def test_an_answer_that_is_nested_too_deep_is_complained_of() -> None:
    output = made_of('{"score": ' + "[" * 70 + "]" * 70 + "}")
    assert output.data is None
    (complaint,) = output.complaints
    assert "nested more than 64 levels deep" in complaint


def test_unstorable_characters_of_an_answer_are_replaced() -> None:
    output = made_of('{"score": "a\\u0000\\ud800"}')
    assert output.data == {"score": "a\ufffd\ufffd"}
    assert output.complaints == []


GROUNDED: list[tuple[str, str, dict[str, object]]] = [
    ("output", "grounding", {}),
    ("output", "placeholders", {}),
]


def checked(text: str, **version: Any) -> Output:
    """Make an output of a text answer under grounding and echo checks with their usual settings."""
    rules = [(d, k, clean_settings(k, s, d)) for d, k, s in GROUNDED]
    automation = make_automation(f"writer-{Automation.objects.count()}")
    live = make_version(automation, rules=rules, **version)
    return make_output(text, load(live.pk), input_text="The clinic called 87 people.", turn=0)


def test_an_invented_number_is_a_hallucination_with_its_passage() -> None:
    [failed] = checked("The clinic called 78 people.").failed
    assert failed["category"] == "ai_hallucination"
    assert failed["code"] == "unsupported_number"
    assert failed["found"] == ["78"]
    assert failed["message"] == "1 number not in the input: “78”; 0 allowed"


def test_a_warning_is_kept_and_fails_nothing() -> None:
    output = checked("They called Mr Okonkwo and 86 others.", user_prompt="Name 86 others.")
    assert output.failed == []
    assert output.verdicts[0]["warning"] == "Names not in the input: “Okonkwo”."


def test_the_prompts_numbers_are_allowed_and_their_words_are_an_echo() -> None:
    told = "Write a friendly post of at most 1300 characters about: {{ content }}"
    assert checked("Not 1300 but 87 were called.", user_prompt=told).failed == []
    [failed] = checked(
        "Write a friendly post of at most 1300 characters about", user_prompt=told
    ).failed
    assert failed["code"] == "prompt_echo"


def test_what_the_output_schema_describes_is_told_to_the_model_too() -> None:
    schema = {
        "type": "object",
        "properties": {
            "problem": {"type": "string", "description": "What went wrong before, in 2 sentences."}
        },
    }
    answer = '{"problem": "What went wrong before, in 2 sentences."}'
    assert [v["code"] for v in checked(answer, output_schema=schema).failed] == ["prompt_echo"]
    assert checked('{"problem": "87 people stayed away."}', output_schema=schema).failed == []


def test_everything_an_input_says_supports_an_output() -> None:
    told = {"content": "The clinic called.", "count": 87, "more": {"days": ["12 May 2026", 3.5]}}
    assert source_text(told) == "The clinic called.\n87\n12 May 2026\n3.5"

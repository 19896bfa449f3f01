"""What becomes of an answer that is no JSON, or none that a database stores."""

from __future__ import annotations

import pytest

from automations.engine.outputs import Output, make_output
from automations.engine.recipes import load
from tests.makers import make_version

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


def test_unstorable_characters_of_an_answer_are_replaced() -> None:
    output = made_of('{"score": "a\\u0000\\ud800"}')
    assert output.data == {"score": "a\ufffd\ufffd"}
    assert output.complaints == []

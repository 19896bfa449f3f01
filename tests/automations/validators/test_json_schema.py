"""The JSON Schema validator: checked at save, sentences with places."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from automations import validators
from automations.validators import Subject, Verdict

pytestmark = pytest.mark.once

SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string", "maxLength": 5}, "score": {"type": "number"}},
    "required": ["title"],
}


def verdict(text: str = "", data: object = None, schema: Any = SCHEMA) -> Verdict:
    settings = validators.clean_settings("json_schema", {"schema": schema}, "output")
    subject = Subject(text=text, data=data)
    return validators.registry.get("json_schema")(settings).check(subject)


def test_data_and_text_that_fit_pass() -> None:
    assert verdict(data={"title": "abc"}).passed
    assert verdict('{"title": "abc", "score": 1}').passed


def test_the_message_says_where_and_how_much() -> None:
    found = verdict(data={"title": "abcdefgh", "score": "x"})
    assert (found.passed, found.code) == (False, "json_schema")
    assert found.message.startswith("2 places do not fit the schema: ")
    assert "$.title: 8 characters; at most 5 allowed." in found.message


@pytest.mark.parametrize("text", ["", "Here you are: {}", "NaN", "{", "[" * 30_000])
def test_a_text_that_is_no_json_says_so(text: str) -> None:
    assert verdict(text).code == "not_json"


@pytest.mark.parametrize(
    "schema",
    [
        [], "x", {"type": "strin"}, {"$ref": "https://a.example/s.json"}, {"pattern": "(?=a)"},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "",
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_used_is_refused_at_save(schema: object) -> None:
    with pytest.raises(ValidationError) as caught:
        validators.clean_settings("json_schema", {"schema": schema}, "output")
    assert all(message.startswith("Schema: ") for message in caught.value.messages)


def test_a_schema_may_be_typed() -> None:
    settings = validators.clean_settings("json_schema", {"schema": '{"type": "array"}'}, "input")
    assert settings == {"schema": {"type": "array"}}

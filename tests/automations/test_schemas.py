"""JSON Schemas: what is refused before use, how data is complained about, what forms come of it."""

import json
import socket
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.errors import Problem
from automations.schemas import (
    DEFAULT_INPUT_SCHEMA,
    InputField,
    check_input_schema,
    check_schema,
    errors_in,
    fields_of,
    parse_value,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
POST: dict[str, Any] = {
    "type": "object",
    "properties": {
        "hook": {"type": "string", "maxLength": 10, "minLength": 2},
        "points": {"type": "array", "items": {"type": "string"}, "minItems": 3},
        "label": {"enum": ["bug", "question"]},
    },
    "required": ["hook"],
    "additionalProperties": False,
}


def nested(levels: int) -> object:
    deep: object = 1
    for _ in range(levels):
        deep = {"a": deep}
    return deep


def doubling(levels: int) -> dict[str, Any]:
    definitions: dict[str, Any] = {
        f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)
    }
    definitions[f"a{levels}"] = {"type": "string"}
    return {"$ref": "#/$defs/a0", "$defs": definitions}


# --- schemas --------------------------------------------------------------------------------


def test_ordinary_schemas_are_accepted() -> None:
    local = {"$ref": "#/$defs/line", "$defs": {"line": {"type": "string", "pattern": "^[a-z]+$"}}}
    draft7 = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "integer"}
    named = {"properties": {"$ref": {"type": "string"}, "$id": {}, "enum": {"type": "integer"}}}
    for schema in (POST, DEFAULT_INPUT_SCHEMA, local, draft7, named, {}):
        assert check_schema(schema) == []


@pytest.mark.parametrize("schema", [None, True, [], "x", 3])
def test_a_schema_is_an_object(schema: object) -> None:
    assert check_schema(schema) == [
        'The schema must be a JSON object, for example {"type": "object"}.'
    ]


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ({"type": "objct"}, 'The schema is wrong at $.type: "objct" is not allowed there.'),
        (
            {"properties": {"a": {"minLength": -1}}},
            "The schema is wrong at $.properties.a.minLength: -1 is not allowed there.",
        ),
        (
            {"properties": {"a": {"pattern": "(?=a)b"}}},
            'The schema is wrong at $.properties.a.pattern: "(?=a)b" is not a usable pattern '
            "(no look-around, no back-references, no huge repeats).",
        ),
        ({"$ref": "#/$defs/x"}, "`$ref` to `#/$defs/x` leads nowhere; add it or correct the name."),
    ],
)
def test_a_wrong_schema_is_told_with_its_place(schema: object, sentence: str) -> None:
    assert check_schema(schema) == [sentence]


def test_a_repeat_too_large_to_compile_is_refused() -> None:
    assert "not a usable pattern" in check_schema({"pattern": "(a{1000}){1000}"})[0]


def test_a_remote_reference_is_refused_and_never_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/schema.json"
        for place in ({"$ref": url}, {"properties": {"a": {"items": {"$ref": url}}}}):
            assert "nothing is fetched" in check_schema(place)[0]
            with pytest.raises(ValueError, match="disabled"):
                errors_in({"a": [1]}, place)
        assert check_schema({"$schema": url})[0].startswith("The schema is wrong")
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_file_reference_is_refused() -> None:
    assert "nothing is fetched" in check_schema({"$ref": "file:///etc/passwd"})[0]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"x": {"$ref": "#/$defs/a"}}}}},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}},
    ],
)
def test_a_schema_that_refers_to_itself_is_refused(schema: object) -> None:
    assert "refers to itself" in check_schema(schema)[0]


@pytest.mark.parametrize("keyword", ["$anchor", "$dynamicRef", "$recursiveRef", "$id"])
def test_keywords_that_move_references_are_refused(keyword: str) -> None:
    faults = check_schema({"properties": {"a": {keyword: "elsewhere"}}})
    assert faults == [
        f"`{keyword}` is not supported inside a schema; refer by `#/$defs/name` instead."
    ]


def test_a_small_schema_that_would_keep_a_validator_busy_for_minutes_is_refused_at_once() -> None:
    began = time.monotonic()
    faults = check_schema(doubling(30))
    assert "at most 5,000 are allowed" in faults[0]
    assert time.monotonic() - began < 5


def test_a_long_chain_of_references_is_refused_and_not_a_crash() -> None:
    chain = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(900)} | {"a900": {}}
    assert "too many references" in check_schema({"$ref": "#/$defs/a0", "$defs": chain})[0]


def test_a_schema_too_deep_or_too_large_is_refused() -> None:
    assert "32 levels deep" in check_schema(nested(5_000))[0]
    assert "at most 65,536 are allowed" in check_schema({"description": "x" * 70_000})[0]


def test_a_schema_that_is_not_json_is_refused() -> None:
    assert "not JSON" in check_schema({"const": float("nan")})[0]
    assert "not JSON" in check_schema({"const": object()})[0]
    assert "cannot be read" in check_schema({"const": "\ud800"})[0]


# --- data -----------------------------------------------------------------------------------


def test_data_that_fits_has_no_complaints() -> None:
    assert errors_in({"hook": "short", "points": ["a", "b", "c"], "label": "bug"}, POST) == []


def test_every_complaint_names_its_path_and_never_quotes_the_value() -> None:
    secret = "sk-verysecret"
    found = errors_in({"points": [secret, 2], "label": secret, "extra": secret}, POST)
    assert sorted(found) == [
        '$.label: the value is not one of "bug" or "question".',
        "$.points: the value has less than 3 items.",
        '$.points[1]: the value is not of type "string".',
        '$: "hook" is missing.',
        "$: Additional properties are not allowed ('extra' was unexpected).",
    ]


def test_lengths_are_told_as_they_are_and_as_they_should_be() -> None:
    assert errors_in({"hook": "x" * 1_500}, POST) == [
        "$.hook: 1,500 characters; at most 10 allowed."
    ]
    assert errors_in({"hook": "x"}, POST) == ["$.hook: 1 characters; needs 2."]


def test_formats_are_checked_and_unknown_ones_ignored() -> None:
    assert errors_in("nobody", {"format": "email"}) == ['$: the value is not a "email".']
    assert errors_in("text", {"format": "textarea"}) == []


def test_at_most_twenty_complaints_are_made() -> None:
    assert len(errors_in([1] * 100, {"items": {"type": "string"}})) == 20


def test_a_pattern_known_to_hang_others_takes_no_time() -> None:
    began = time.monotonic()
    assert errors_in("a" * 50_000 + "!", {"pattern": "^(a+)+$"}) != []
    assert time.monotonic() - began < 5


def test_data_too_deep_or_with_half_a_character_is_a_complaint_and_not_a_crash() -> None:
    assert errors_in(nested(5_000), {}) == ["$: nested more than 64 levels deep; make it flatter."]
    assert "surrogate" in errors_in({"a": "\ud800"}, {"properties": {"a": {"pattern": "b"}}})[0]


@given(JSON)
def test_any_data_gets_sentences(instance: object) -> None:
    for sentence in errors_in(instance, POST):
        assert sentence.startswith("$")
        assert sentence.endswith(".")
        assert "\n" not in sentence


# --- inputs ---------------------------------------------------------------------------------


def inputs(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_the_default_input_is_one_text_area() -> None:
    assert check_input_schema(DEFAULT_INPUT_SCHEMA) == []
    assert fields_of(DEFAULT_INPUT_SCHEMA) == [
        InputField(name="content", title="Content", kind="textarea", required=True)
    ]


def test_fields_come_required_first_with_kind_help_default_and_choices() -> None:
    schema = inputs(
        tone={"enum": ["dry", "warm"], "default": "dry", "description": "How it sounds."},
        max_words={"type": "integer", "default": 200},
        ratio={"type": "number"},
        draft={"type": "boolean"},
        title={"type": "string", "title": "Headline"},
        content={"type": "string", "format": "textarea"},
    ) | {"required": ["content", "title"]}
    assert check_input_schema(schema) == []
    tones = ("dry", "warm")
    assert fields_of(schema) == [
        InputField(name="content", title="Content", kind="textarea", required=True),
        InputField(name="title", title="Headline", kind="text", required=True),
        InputField(
            name="tone",
            title="Tone",
            kind="choice",
            help="How it sounds.",
            default="dry",
            choices=tones,
        ),
        InputField(name="max_words", title="Max words", kind="integer", default=200),
        InputField(name="ratio", title="Ratio", kind="number"),
        InputField(name="draft", title="Draft", kind="boolean"),
    ]


@pytest.mark.parametrize(
    ("schema", "part"),
    [
        ("text", "must be a JSON object"),
        ({"type": "string"}, 'has "type": "object" and at least one entry'),
        (inputs(), "at least one entry"),
        (inputs(Bad={"type": "string"}), "`Bad` is no field name"),
        (inputs(**{"a b": {"type": "string"}}), "`a b` is no field name"),
        (inputs(a=True), "`a` needs a description"),
        (inputs(a={}), "`a` must be one of string, integer, number, boolean"),
        (inputs(a={"type": "object"}), "inputs are flat"),
        (inputs(a={"type": ["string", "null"]}), "inputs are flat"),
        (inputs(a={"type": "string", "anyOf": [{}]}), "inputs are flat"),
        (inputs(a={"enum": [["x"]]}), "choices of `a`"),
        (inputs(a={"enum": [True]}), "choices of `a`"),
        (inputs(a={"enum": []}), "choices of `a`"),
        (inputs(a={"type": "integer", "default": "x"}), "default of `a`"),
        (inputs(a={"enum": ["x"], "default": "y"}), "default of `a`"),
        (inputs(a={"type": "string"}) | {"required": ["b"]}, '"required" names `b`'),
        (inputs(**{f"f{n}": {"type": "string"} for n in range(51)}), "at most 50"),
    ],
)
def test_an_input_schema_that_makes_no_form_is_refused(schema: object, part: str) -> None:
    sentences = check_input_schema(schema)
    assert len(sentences) == 1
    assert part in sentences[0]


def field(kind: str, *choices: str | int) -> InputField:
    return InputField(name="count", title="Count", kind=kind, choices=choices)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("text", " a ", " a "),
        ("textarea", "", ""),
        ("integer", "-3", -3),
        ("number", "2.5", 2.5),
        ("boolean", "Yes", True),
        ("boolean", "0", False),
    ],
)
def test_typed_words_become_values(kind: str, raw: str, value: object) -> None:
    parsed = parse_value(field(kind), raw)
    assert parsed == value
    assert type(parsed) is type(value)


def test_a_choice_keeps_the_type_it_has_in_the_schema() -> None:
    assert parse_value(field("choice", 1, 2, "x"), "2") == 2


@pytest.mark.parametrize(
    ("kind", "raw", "wanted"),
    [
        ("integer", "3.5", "a whole number"),
        ("number", "nan", "a number"),
        ("number", "inf", "a number"),
        ("boolean", "maybe", "yes or no"),
        ("choice", "z", "one of x, y"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(kind: str, raw: str, wanted: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_value(field(kind, "x", "y"), raw)
    assert caught.value.message == f"`count` is {wanted}, not `{raw}`; correct it."
    assert caught.value.category == "validation_error"


def test_schemas_survive_a_round_trip_through_json() -> None:
    stored = json.loads(json.dumps(DEFAULT_INPUT_SCHEMA, sort_keys=True))
    assert check_input_schema(stored) == []

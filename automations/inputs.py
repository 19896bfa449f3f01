"""Input as people give it (a text, a file, key=value pairs) made into `input_data`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, BinaryIO

from automations import documents, schemas
from automations.documents import Kind
from automations.errors import Problem, WrongState
from automations.models import Automation
from automations.text import clean_text, human_size, load_json


def input_from_file(automation: Automation, file: BinaryIO, *, name: str) -> dict[str, Any]:
    """Return the input that a file makes; reads no more than the limit allows.

    Plain text is `{"content": text}`, and so is the text of a document (PDF, DOCX, HTML, CSV,
    JSON lines), told by its ending. A `.json` file, or a JSON object given to an automation that
    takes other fields than `content`, is the input itself.

    Raises:
        Problem: too large, not text, or not the JSON it should be (source_error).
    """
    kind = documents.likely_kind(name)
    limit = documents.limit_of(kind)
    data = file.read(limit + 1)
    if len(data) > limit:
        size = _size_of(file, limit)
        message = (
            f"{name} has {size}; at most {human_size(limit)} are allowed, so shorten or split it."
        )
        raise Problem(message, category="source_error", code="too_large")
    text = clean_text(documents.text_of(name, data, otherwise=Kind.TEXT)).text
    if kind is not Kind.TEXT:
        return input_from_text(automation, text)
    if name.lower().endswith(".json"):
        return _json_object(text, name)
    if not automation.takes_plain_text and text.lstrip().startswith("{"):
        return _json_object(text, name)
    return input_from_text(automation, text)


def _size_of(file: BinaryIO, limit: int) -> str:
    if not file.seekable():
        return f"more than {human_size(limit)}"
    return human_size(file.seek(0, os.SEEK_END))


def input_from_values(automation: Automation, pairs: Iterable[str]) -> dict[str, Any]:
    """Return the input that KEY=VALUE pairs make; numbers and booleans follow the input schema.

    Raises:
        WrongState: a pair without `=`, a field the automation does not know, or a wrong type.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise WrongState(f"--set {pair} has no “=”; write --set name=value.")
        if name not in automation.input_names:
            known = ", ".join(automation.input_names)
            raise WrongState(f"{automation} has no input field {name!r}; known: {known}.")
        values[name] = typed_value(automation, name, clean_text(value).text)
    return values


def typed_value(automation: Automation, name: str, value: str) -> Any:
    """Return what a word means for this input field: numbers and booleans follow the schema.

    Raises:
        WrongState: it is no value of the field's type.
    """
    kind = automation.input_schema["properties"][name].get("type", "string")
    if kind == "string":
        return value
    try:
        return load_json(value)
    except (ValueError, RecursionError, Problem) as error:
        raise WrongState(f"{name} takes a value of type {kind}; {value!r} is none.") from error


def input_from_text(automation: Automation, text: str) -> dict[str, Any]:
    """Return the input that a plain text makes: `content`, else the first text field."""
    return placed({"content": text}, automation.input_schema)


def placed(data: dict[str, Any], schema: schemas.Schema) -> dict[str, Any]:
    """Return what a source has read, its text in the field that the automation has for it."""
    if list(data) != ["content"]:
        return data
    return {schemas.text_field(schema): data["content"]}


def _json_object(text: str, name: str) -> dict[str, Any]:
    try:
        parsed = load_json(text)
    except (ValueError, RecursionError) as error:
        message = f"{name} is not valid JSON; mend it or give plain text."
        raise Problem(message, category="source_error", code="not_json") from error
    if not isinstance(parsed, dict):
        message = f'{name} holds no JSON object; write {{"field": value}}.'
        raise Problem(message, category="source_error", code="not_json")
    return parsed

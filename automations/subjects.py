"""What a check is shown: made the same way for a run at work and for a try on past runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from automations.text import MAX_DEPTH
from automations.validators.base import Subject

_SLOT = re.compile(r"\{\{[^{}\n]{0,80}\}\}")


class Prompts(Protocol):
    """What a version says itself; an engine's recipe and a stored version both do."""

    @property
    def system_prompt(self) -> str: ...
    @property
    def user_prompt(self) -> str: ...
    @property
    def output_schema(self) -> dict[str, Any] | None: ...
    @property
    def output_template(self) -> str: ...


class Structure(Protocol):
    """How a version's answers become output."""

    @property
    def output_schema(self) -> dict[str, Any] | None: ...
    @property
    def output_template(self) -> str: ...


def input_text(input_data: Mapping[str, Any]) -> str:
    """Return the input as one text: its content, or all its texts in order."""
    if isinstance(input_data.get("content"), str):
        return str(input_data["content"])
    return "\n".join(str(value) for value in input_data.values() if isinstance(value, str))


def source_text(input_data: Mapping[str, Any]) -> str:
    """Return everything an input says, numbers included: what an output may rest on."""
    return "\n".join(_said_in(dict(input_data), MAX_DEPTH))


def instructions_of(version: Prompts) -> str:
    """Return what the version's own texts say, its output schema included."""
    texts = (version.system_prompt, version.user_prompt, version.output_template)
    told = [_SLOT.sub(" ", text) for text in texts if text]
    return "\n".join([*told, *_told_in(version.output_schema, MAX_DEPTH)])


def _said_in(value: object, levels: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)
    elif levels and isinstance(value, (dict, list)):
        parts = value.values() if isinstance(value, dict) else value
        for part in parts:
            yield from _said_in(part, levels - 1)


def _told_in(schema: object, levels: int) -> Iterator[str]:
    """Yield what a schema says in words to the model: titles, descriptions and fixed values."""
    if isinstance(schema, list) and levels:
        for part in schema:
            yield from _told_in(part, levels - 1)
    if not isinstance(schema, dict) or not levels:
        return
    for name, part in schema.items():
        if name in ("title", "description", "enum", "const", "default", "examples"):
            yield from _said_in(part, levels - 1)
        if isinstance(part, (dict, list)):
            yield from _told_in(part, levels - 1)


def json_text(parsed: object) -> str:
    """Return parsed data as the text that checks see when no template composes one."""
    return json.dumps(parsed, ensure_ascii=False)


def of_input(input_data: Mapping[str, Any]) -> Subject:
    """Return what an input check is shown."""
    text = input_text(input_data)
    return Subject(text=text, data=dict(input_data), input_text=text)


def of_output(
    text: str, parsed: object, *, input_text: str = "", instructions: str = ""
) -> Subject:
    """Return what an output check is shown; `parsed` is None for a plain text."""
    return Subject(text=text, data=parsed, input_text=input_text, instructions=instructions)


def stored_output(output_data: Any, version: Structure) -> tuple[str, Any]:
    """Return the text and the parsed data from which a version's output was stored.

    A database may have put the keys of a JSON object into another order than the model had.
    """
    if not version.output_schema:
        return text_of(output_data), None
    if version.output_template and isinstance(output_data, Mapping):
        return text_of(output_data), output_data.get("data")
    return json_text(output_data), output_data


def text_of(output_data: Any) -> str:
    """Return the text of stored plain or composed output; an empty one if it holds none."""
    text = output_data.get("text") if isinstance(output_data, Mapping) else None
    return text if isinstance(text, str) else ""

"""What of a parcel templates may name, and JSON bodies made from templates by structure."""

from __future__ import annotations

import json
import re
from datetime import UTC
from typing import Any

from automations import prompts
from automations.connectors.base import Parcel
from automations.connectors.problems import DeliveryProblem
from automations.text import clean_data, clean_text, load_json

NAMES = ("automation", "created_at", "data", "date", "key", "run_id", "text")
FIELD = "data_"
MAX_TEMPLATE_CHARS = 20_000

_WHOLE = re.compile(r"\{\{[ \t]*([a-z][a-z0-9_]*)[ \t]*\}\}")


def data_of(output_data: Any) -> Any:
    """Return the structured part of a run's output, None where it is text alone."""
    if isinstance(output_data, dict) and isinstance(output_data.get("text"), str):
        return output_data.get("data")
    return output_data


def names_in_words() -> str:
    """List the names for a help text."""
    return ", ".join(f"{{{{ {name} }}}}" for name in NAMES) + ", and {{ data_x }} for the field x"


def template_faults(template: str) -> list[str]:
    """Return a sentence per reason why a text template could not be filled."""
    fields = [name for name in prompts.names_in(template) if _is_field(name)]
    return prompts.check(template, [*NAMES, *fields])


def filled(template: str, parcel: Parcel) -> str:
    """Return a text template with the parcel's values. Raises `DeliveryProblem`."""
    try:
        return prompts.render(template, values_of(parcel, template))
    except prompts.PromptError as error:
        raise DeliveryProblem(error.message, code="template_error") from error


def values_of(parcel: Parcel, template: str) -> dict[str, object]:
    """Return the values that a template names. Raises `DeliveryProblem` for a missing field."""
    values: dict[str, object] = {
        "automation": parcel.automation,
        "created_at": parcel.created_at.astimezone(UTC).isoformat(),
        "data": clean_data(parcel.data),
        "date": parcel.created_at.astimezone(UTC).date().isoformat(),
        "key": parcel.key,
        "run_id": str(parcel.run_id),
        "text": clean_text(parcel.text).text,
    }
    fields = [name for name in prompts.names_in(template) if _is_field(name)]
    return values | {name: _field_of(parcel, name.removeprefix(FIELD)) for name in fields}


def json_faults(template: str) -> list[str]:
    """Return a sentence per reason why a JSON template could not be filled."""
    if len(template) > MAX_TEMPLATE_CHARS:
        return [f"The template is longer than {MAX_TEMPLATE_CHARS:,} characters; shorten it."]
    try:
        document = load_json(template)
    except json.JSONDecodeError as error:
        return [
            f"This is not JSON: {error.msg} on line {error.lineno}, column {error.colno}. Names go "
            'into strings: {"post": "{{ text }}"}.'
        ]
    except (ValueError, RecursionError):
        return ["This is not JSON; write plain numbers, and nest less."]
    return _faults_within(document)


def filled_json(template: str, parcel: Parcel) -> bytes:
    """Return a JSON template's bytes with the parcel's values in its strings.

    A string that is nothing but `{{ name }}` becomes the value itself, so that numbers and lists
    stay what they are. What a value contains is never read as JSON. Raises `DeliveryProblem`.
    """
    values = values_of(parcel, template)
    values["run_id"] = parcel.run_id
    document = _filled_level(load_json(template), values)
    return json.dumps(document, ensure_ascii=False).encode()


def _is_field(name: str) -> bool:
    return name.startswith(FIELD) and len(name) > len(FIELD)


def _field_of(parcel: Parcel, name: str) -> object:
    if isinstance(parcel.data, dict) and name in parcel.data:
        return clean_data(parcel.data[name])
    raise DeliveryProblem(
        f"The output has no field {name!r}, which the destination's template names; correct the "
        "template or the output schema.",
        code="template_error",
    )


def _faults_within(value: object) -> list[str]:
    if isinstance(value, str):
        return template_faults(value)
    if isinstance(value, dict):
        named = [f"Names are not filled in keys ({key[:40]!r})." for key in value if "{{" in key]
        return named + [fault for inner in value.values() for fault in _faults_within(inner)]
    if isinstance(value, list):
        return [fault for inner in value for fault in _faults_within(inner)]
    return []


def _filled_level(value: object, values: dict[str, Any]) -> object:
    if isinstance(value, dict):
        return {key: _filled_level(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled_level(inner, values) for inner in value]
    if not isinstance(value, str):
        return value
    whole = _WHOLE.fullmatch(value)
    return values[whole[1]] if whole else prompts.render(value, values)

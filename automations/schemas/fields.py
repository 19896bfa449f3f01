"""The input of an automation: a flat JSON Schema, and the form fields that it describes."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from automations.errors import Problem
from automations.schemas.checks import MAX_REPORTED, Schema, check_schema, errors_in, parts_of
from automations.text import one_line

MAX_FIELDS = 50
DEFAULT_INPUT_SCHEMA: Schema = {
    "type": "object",
    "properties": {"content": {"type": "string", "title": "Content", "format": "textarea"}},
    "required": ["content"],
    "additionalProperties": False,
}
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_KINDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}
_TRUTHS = {"true": True, "yes": True, "on": True, "1": True}
_TRUTHS |= {"false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class InputField:
    """One field of the form that an input schema describes.

    `kind` is text, textarea, integer, number, boolean or choice; `choices` are values as the
    schema has them, empty unless the kind is choice.
    """

    name: str
    title: str
    kind: str
    required: bool = False
    help: str = ""
    default: object = None
    choices: tuple[str | int | float, ...] = ()


def check_input_schema(schema: object) -> list[str]:
    """Return a sentence per reason why a schema cannot describe an automation's input.

    It must be a flat object: 1 to 50 properties named like `content`, each a string, integer,
    number or boolean, or an enum of texts or numbers.
    """
    faults = check_schema(schema)
    if faults or not isinstance(schema, dict):
        return faults
    properties = schema.get("properties")
    if schema.get("type") != "object" or not properties:
        return ['An input schema has "type": "object" and at least one entry in "properties".']
    if len(properties) > MAX_FIELDS:
        return [f"The input has {len(properties)} fields; at most {MAX_FIELDS} are allowed."]
    faults = [fault for name, spec in properties.items() for fault in _field_faults(name, spec)]
    faults += [
        f'"required" names `{one_line(name)}`, which is not in "properties"; add or remove it.'
        for name in schema.get("required", [])
        if name not in properties
    ]
    return faults[:MAX_REPORTED]


def fields_of(input_schema: Schema) -> list[InputField]:
    """Return the form fields of a checked input schema: required ones first, in their order.

    `jsonb` does not keep the order of properties, so `required` is the order to rely on.
    """
    properties: dict[str, Schema] = input_schema["properties"]
    required = list(input_schema.get("required", []))
    rest = [name for name in properties if name not in required]
    return [
        _input_field(name, properties[name], required=name in required) for name in required + rest
    ]


def parse_value(field: InputField, raw: str) -> object:
    """Turn what a person typed (`--set count=3`) into the field's type.

    Raises `Problem` (validation_error, bad_value) when it is not one.
    """
    try:
        return _PARSERS[field.kind](field, raw)
    except (LookupError, ValueError) as error:
        raise Problem(
            f"`{field.name}` is {_wanted(field)}, not `{one_line(raw, limit=60)}`; correct it.",
            category="validation_error",
            code="bad_value",
        ) from error


def _finite(raw: str) -> float:
    value = float(raw)
    if not math.isfinite(value):
        raise ValueError(raw)
    return value


_PARSERS: dict[str, Callable[[InputField, str], object]] = {
    "text": lambda field, raw: raw,
    "textarea": lambda field, raw: raw,
    "integer": lambda field, raw: int(raw),
    "number": lambda field, raw: _finite(raw),
    "boolean": lambda field, raw: _TRUTHS[raw.strip().lower()],
    "choice": lambda field, raw: {str(choice): choice for choice in field.choices}[raw],
}


def _wanted(field: InputField) -> str:
    if field.kind == "choice":
        return "one of " + ", ".join(str(choice) for choice in field.choices)
    return {"integer": "a whole number", "number": "a number"}.get(field.kind, "yes or no")


def _field_faults(name: str, spec: object) -> list[str]:
    if not _FIELD_NAME.fullmatch(name):
        return [
            f"`{one_line(name, limit=70)}` is no field name; use small letters, digits and `_`."
        ]
    if not isinstance(spec, dict):
        return [f'`{name}` needs a description like {{"type": "string"}}.']
    if "enum" in spec:
        return _choice_faults(name, spec["enum"]) or _default_faults(name, spec)
    if spec.get("type") not in list(_KINDS) or "$ref" in spec or any(True for _ in parts_of(spec)):
        return [f"`{name}` must be one of {', '.join(_KINDS)} or an enum; inputs are flat."]
    return _default_faults(name, spec)


def _choice_faults(name: str, choices: list[object]) -> list[str]:
    good = [c for c in choices if isinstance(c, (str, int, float)) and not isinstance(c, bool)]
    if len(good) == len(choices) and good:
        return []
    return [f"The choices of `{name}` must be texts or numbers, and at least one."]


def _default_faults(name: str, spec: Schema) -> list[str]:
    if "default" not in spec or not errors_in(spec["default"], spec):
        return []
    return [f"The default of `{name}` does not fit its own description; correct one of them."]


def _input_field(name: str, spec: Schema, *, required: bool) -> InputField:
    kind = "choice" if "enum" in spec else _KINDS[spec["type"]]
    if kind == "text" and spec.get("format") == "textarea":
        kind = "textarea"
    return InputField(
        name=name,
        title=spec.get("title") or name.replace("_", " ").capitalize(),
        kind=kind,
        required=required,
        help=spec.get("description", ""),
        default=spec.get("default"),
        choices=tuple(spec.get("enum", ())),
    )


def text_field(schema: Schema) -> str:
    """Return the field that a text goes to: `content`, else the first long text, else a short."""
    properties = schema.get("properties") or {}
    texts = [name for name, spec in properties.items() if spec.get("type") == "string"]
    long = [name for name in texts if properties[name].get("format") == "textarea"]
    return "content" if "content" in properties or not texts else [*long, *texts][0]


def shape_of(schema: Schema) -> Schema:
    """Return an input schema that asks for the fields and their types alone."""
    fields = schema.get("properties", {})
    words = ("type", "required", "additionalProperties")
    kept: Schema = {word: schema[word] for word in words if word in schema}
    types = {name: {"type": f["type"]} if "type" in f else {} for name, f in fields.items()}
    return {**kept, "properties": types}

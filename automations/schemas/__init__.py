"""JSON Schema, kept harmless: nothing is fetched, nothing hangs, every complaint is a sentence."""

from automations.schemas.checks import Schema, check_schema, errors_in
from automations.schemas.fields import (
    DEFAULT_INPUT_SCHEMA,
    InputField,
    check_input_schema,
    fields_of,
    parse_value,
    shape_of,
    text_field,
)

__all__ = [
    "DEFAULT_INPUT_SCHEMA",
    "InputField",
    "Schema",
    "check_input_schema",
    "check_schema",
    "errors_in",
    "fields_of",
    "parse_value",
    "shape_of",
    "text_field",
]

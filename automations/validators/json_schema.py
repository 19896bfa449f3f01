"""The JSON Schema validator."""

from typing import Any

from django import forms

from automations import schemas
from automations.errors import Problem
from automations.strict_json import JSONInput
from automations.text import load_json, one_line
from automations.validators.base import Subject, Validator, Verdict

SHOWN = 3
NAMED = 6


class JsonSchemaForm(forms.Form):
    """The schema, checked before it is stored."""

    schema = JSONInput(
        label="Schema",
        error_messages={"required": 'Write a JSON Schema, for example {"type": "object"}.'},
        widget=forms.Textarea(attrs={"rows": 10, "class": "monospace"}),
        help_text=(
            "A JSON Schema, for example "
            '{"type": "object", "required": ["title"]}. References stay inside it.'
        ),
    )

    def clean_schema(self) -> Any:
        """Refuse a schema that cannot be used, with a sentence per reason."""
        schema = self.cleaned_data["schema"]
        if faults := schemas.check_schema(schema):
            raise forms.ValidationError(faults)
        return schema


class JsonSchema(Validator):
    """Proves the shape of the data, not that what it says is right."""

    kind = "json_schema"
    label = "JSON Schema"
    help = "The text is JSON, or comes from JSON, that fits a schema; whether it is true is open."
    directions = frozenset({"input", "output"})
    settings_form = JsonSchemaForm

    @classmethod
    def defaults(cls, direction: str) -> dict[str, object]:
        return {"schema": {"type": "object", "required": ["title"]}}

    @classmethod
    def summary(cls, settings: Any) -> str:
        """Say what the schema describes, not the whole of it."""
        schema = settings.get("schema") or {}
        if schema.get("title"):
            return one_line(str(schema["title"]), limit=80)
        names = list(schema.get("properties") or schema.get("required") or [])
        kinds = schema.get("type", "object" if names else "anything")
        kind = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
        noun = kind if kind == "anything" else f"{'an' if kind[0] in 'aio' else 'a'} {kind}"
        more = ", …" if len(names) > NAMED else ""
        return f"{noun} with {', '.join(names[:NAMED])}{more}" if names else noun

    def check(self, subject: Subject) -> Verdict:
        data = subject.data
        if data is None:
            try:
                data = load_json(subject.text)
            except (ValueError, RecursionError, Problem):
                message = "the text is not JSON; JSON that fits the schema is needed"
                return Verdict(passed=False, message=message, code="not_json")
        problems = schemas.errors_in(data, self.settings["schema"])
        if not problems:
            return Verdict(passed=True, message="fits the schema", code="ok")
        return Verdict(passed=False, message=_told(problems), code="json_schema")


def _told(problems: list[str]) -> str:
    noun = "place does" if len(problems) == 1 else "places do"
    rest = len(problems) - SHOWN
    more = f" And {rest} more." if rest > 0 else ""
    return f"{len(problems)} {noun} not fit the schema: {' '.join(problems[:SHOWN])}{more}"

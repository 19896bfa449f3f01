"""What every validator is: a kind, a form for its settings, and a check with a verdict."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms

from automations.text import one_line


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: the text, the parsed data if there is any, and the run's input text.

    `instructions` is what the version's prompts say themselves: they may be quoted, too.
    """

    text: str
    data: object | None = None
    input_text: str = ""
    instructions: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a validator found; the message goes to people and, on a repair, to the model.

    `warning` is for people only and fails nothing; `found` are the passages it is about.
    """

    passed: bool
    message: str
    code: str
    category: str = "validation_error"
    warning: str = ""
    found: tuple[str, ...] = ()


def said(name: str, field: forms.Field, value: Any) -> str:
    """Say one setting: its label, then its value; a switch that is off says nothing."""
    name = str(field.label or name).lower().replace("_", " ")
    if isinstance(field, forms.ChoiceField):
        value = _labels(field, value)
    if value in (None, "", [], {}) or value is False:
        return ""
    if value is True:
        return name
    if isinstance(value, int):
        return f"{name} {value:,}"
    if isinstance(value, (list, tuple)):
        return f"{name}: {one_line(', '.join(f'“{item}”' for item in value), limit=160)}"
    return f"{name} {one_line(str(value), limit=160)}"


def _labels(field: forms.ChoiceField, value: Any) -> str:
    known: dict[Any, Any] = dict(field.choices)  # type: ignore[arg-type]  # ours have no groups
    chosen = value if isinstance(value, (list, tuple)) else [value]
    return ", ".join(str(known.get(one, one)) for one in chosen)


class Validator(ABC):
    """A check of an input or an output under settings that its form has accepted."""

    kind: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    directions: ClassVar[frozenset[str]]
    settings_form: ClassVar[type[forms.Form]]

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    @classmethod
    def defaults(cls, direction: str) -> dict[str, object]:
        """Return the settings that a new rule starts with in a direction (input or output)."""
        return {}

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        """Say the settings in words, in the order of the form; an empty string for none."""
        # The form's order, not the row's: jsonb does not keep one.
        fields = cls.settings_form.base_fields.items()
        told = [said(name, field, settings[name]) for name, field in fields if name in settings]
        return ", ".join(part for part in told if part)

    def prepare(self) -> None:  # noqa: B027  most kinds have nothing to load
        """Load what checking needs and is slow to load; a worker asks before the first check."""

    @abstractmethod
    def check(self, subject: Subject) -> Verdict:
        """Judge a subject; pure, and linear in the length of the text."""

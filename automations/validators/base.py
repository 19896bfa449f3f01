"""What every validator is: a kind, a form for its settings, and a check with a verdict."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms


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

    @abstractmethod
    def check(self, subject: Subject) -> Verdict:
        """Judge a subject; pure, and linear in the length of the text."""

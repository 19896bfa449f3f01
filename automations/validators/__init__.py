"""The registry of validators: checks of what goes into a model and of what comes out."""

from collections.abc import Mapping

from django.core.exceptions import ValidationError

from automations.registry import Registry
from automations.validators.base import Subject, Validator, Verdict
from automations.validators.emoji import Emoji
from automations.validators.grounding import Grounding
from automations.validators.json_schema import JsonSchema
from automations.validators.language import Language
from automations.validators.length import Length
from automations.validators.phrases import Phrases
from automations.validators.placeholders import Placeholders
from automations.validators.regex import Regex
from automations.validators.secrets import NoSecrets

__all__ = ["Subject", "Validator", "Verdict", "choices", "clean_settings", "kinds", "registry"]

registry: Registry[Validator] = Registry(
    "validator",
    Length,
    JsonSchema,
    Regex,
    Phrases,
    Emoji,
    Language,
    Grounding,
    NoSecrets,
    Placeholders,
)


def kinds(direction: str) -> list[str]:
    """Return the kinds that can check a direction: input or output."""
    return [known.kind for known in registry if direction in known.directions]


def choices(direction: str) -> list[tuple[str, str]]:
    """Return (kind, label) pairs for a form's select, for one direction."""
    return [(known.kind, known.label) for known in registry if direction in known.directions]


def clean_settings(kind: str, settings: object, direction: str) -> dict[str, object]:
    """Return settings checked by the kind's form; what is missing gets the direction's default.

    Raises `ValidationError` with a sentence per fault, also for a kind that does not check that
    direction.
    """
    if kind in registry.kinds() and kind not in kinds(direction):
        label, able = registry.get(kind).label, ", ".join(kinds(direction))
        raise ValidationError(f"{label} cannot check the {direction}; choose from {able}.")
    if kind in registry.kinds() and isinstance(settings, Mapping):
        settings = {**registry.get(kind).defaults(direction), **settings}
    return registry.clean_settings(kind, settings)

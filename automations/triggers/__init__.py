"""The registry of kinds of triggers, and what their rows ask of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from automations.errors import UnknownKind
from automations.registry import Registry
from automations.triggers.base import TriggerKind
from automations.triggers.hooks import ObjectEvent, Webhook
from automations.triggers.schedule import Schedule

__all__ = ["TriggerKind", "clean_settings", "kinds", "next_time", "summary"]

kinds: Registry[TriggerKind] = Registry("trigger", Schedule, Webhook, ObjectEvent)


def clean_settings(kind: str, settings: Any) -> dict[str, Any]:
    """Return a trigger's settings, checked and completed.

    Raises:
        ValidationError: with a sentence per fault.
    """
    return kinds.clean_settings(kind, settings)


def next_time(
    kind: str, settings: Mapping[str, Any], after: datetime | None = None
) -> datetime | None:
    """Return when a trigger is due next, in UTC, after `after` (default now).

    Raises:
        ValueError: the settings cannot be read.
    """
    return kinds.get(kind).next_at(settings, after=after or datetime.now(UTC))


def summary(kind: str, settings: Mapping[str, Any]) -> str:
    """Describe a trigger in a few words."""
    try:
        return kinds.get(kind).summary(settings)
    except UnknownKind:
        return kind

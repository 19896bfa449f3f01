"""What every kind of trigger is: a label, a form for its settings, and when it is due next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django import forms


class TriggerKind(ABC):
    """What starts runs by itself, under settings that its form has accepted."""

    kind: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    settings_form: ClassVar[type[forms.Form]]
    has_hook: ClassVar[bool] = False
    """Whether it has a public address that others call."""

    @classmethod
    @abstractmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        """Return a short description for lists."""

    @classmethod
    def next_at(cls, settings: Mapping[str, Any], *, after: datetime) -> datetime | None:
        """Return when it is due next, in UTC; None for a kind that somebody calls.

        Raises:
            ValueError: the settings cannot be read.
        """
        return None

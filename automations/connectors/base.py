"""What every source and every destination is: a kind, a form for its settings, one verb."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from automations.errors import Problem

if TYPE_CHECKING:  # the web process shows connectors and need not load an HTTP client
    from automations.outbound import OutboundClient

IDEMPOTENT = "idempotent"
AT_LEAST_ONCE = "at_least_once"
AT_MOST_ONCE = "at_most_once"

PROMISES = {
    IDEMPOTENT: "Sent again after a failure; the receiver keeps one copy.",
    AT_LEAST_ONCE: "Sent again after a failure; the receiver may get it twice.",
    AT_MOST_ONCE: "Never sent twice unasked; when the outcome is unknown, a person decides.",
}


class NoSettings(forms.Form):
    """The form of a kind that has nothing to set."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a source can give: the key by which it is read, and how people know it."""

    key: str
    label: str


class Source(ABC):
    """Where input comes from, under settings that its form has accepted."""

    kind: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    settings_form: ClassVar[type[forms.Form]] = NoSettings

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    @classmethod
    @abstractmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        """Return a short description for lists."""

    def items(self) -> list[Item]:
        """Return what can be read now; empty when each run brings its input along.

        Blocking. Raises `Problem` (source_error) when the source cannot be listed.
        """
        return []

    def read(self, key: str) -> dict[str, Any]:
        """Return the input of one item, by its key. Blocking. Raises `Problem` (source_error)."""
        raise Problem(
            f"{self.label}: a run brings its own input, and this one has none; start it again "
            "with an input.",
            category="source_error",
            code="no_input",
        )


@dataclass(frozen=True, slots=True)
class Parcel:
    """One output on its way to one destination; the key stays the same over every try."""

    key: str
    run_id: int
    automation: str
    text: str
    data: object | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a destination says for it: where the output is now, and what may help to find it."""

    reference: str
    detail: dict[str, Any] = field(default_factory=dict)


class Destination(ABC):
    """Where output goes, under settings that its form has accepted."""

    kind: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    settings_form: ClassVar[type[forms.Form]] = NoSettings
    leaves: ClassVar[bool] = True
    """Whether output leaves this installation's database, so that approval makes sense."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    @classmethod
    @abstractmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        """Return a short description for lists."""

    @property
    @abstractmethod
    def promise(self) -> str:
        """Return idempotent, at_least_once or at_most_once."""

    @property
    def promise_sentence(self) -> str:
        """Say what the promise means to the person who sets this up."""
        return PROMISES[self.promise]

    @abstractmethod
    async def deliver(self, parcel: Parcel, http: OutboundClient) -> Receipt:
        """Hand the parcel over. Raises `DeliveryProblem`."""

"""What every source and every destination is: a kind, a form for its settings, one verb."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from automations.errors import Problem

if TYPE_CHECKING:  # the web process shows connectors and need not load an HTTP client
    from automations.outbound import OutboundClient

    StartRun = Callable[[str, dict[str, Any], "Parcel"], Awaitable[int]]

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
    """One thing that a source can give: the key by which it is read, and how people know it.

    `data` is the input itself where listing has read it already (a feed); the run then begins
    with it instead of reading the source again.
    """

    key: str
    label: str
    data: dict[str, Any] | None = None


class Source(ABC):
    """Where input comes from, under settings that its form has accepted.

    `remembers`: an item that was taken once is not taken again by triggers or by “Run now”.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    settings_form: ClassVar[type[forms.Form]] = NoSettings

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    @property
    def remembers(self) -> bool:
        return False

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
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Outside:
    """What a destination may use of the world: the guarded client, and the starting of runs.

    `start_run(automation, input_data, parcel)` queues a run of another automation once per
    parcel and returns its id; it raises `DeliveryProblem` when that automation takes none.
    """

    http: OutboundClient
    start_run: StartRun


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be sent, in words and bytes, without sending it: (label, text) pairs."""

    where: str
    parts: list[tuple[str, str]]


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
    async def deliver(self, parcel: Parcel, outside: Outside) -> Receipt:
        """Hand the parcel over. Raises `DeliveryProblem`."""

    async def test(self, outside: Outside) -> str:
        """Reach the destination without leaving anything there; return what was found, in words.

        Raises `DeliveryProblem` when a delivery could not succeed.
        """
        return "There is nothing to reach."

    def preview(self, parcel: Parcel) -> Preview:
        """Return what would be sent for a parcel; a dry run that calls nobody."""
        return Preview(self.summary(self.settings), [("Text", parcel.text)])

"""What every source and every destination is: a kind, a form for its settings, one verb."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from automations.errors import Problem
from automations.text import one_line

if TYPE_CHECKING:  # the web process shows connectors and need not load an HTTP client
    from concurrent.futures import Executor

    from automations.outbound import OutboundClient

    StartRun = Callable[[str, dict[str, Any], "Parcel"], Awaitable[int]]

IDEMPOTENT = "idempotent"
AT_LEAST_ONCE = "at_least_once"
AT_MOST_ONCE = "at_most_once"
SAMPLE_CHARS = 2_000
SHOWN_ITEMS = 10

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
    with it instead of reading the source again. `caused_by` is the run whose output it
    is, `depth` how many automations stand before its own run in their chain.
    """

    key: str
    label: str
    data: dict[str, Any] | None = None
    caused_by: int | None = None
    depth: int = 0


class Source(ABC):
    """Where input comes from, under settings that its form has accepted.

    `remembers`: an item that was taken once is not taken again by triggers or by “Run now”;
    `items` then gives the newest first, and of what is there at the first time only the
    `first_take` newest are taken. `listed_here`: listing asks nobody but this machine.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str]
    settings_form: ClassVar[type[forms.Form]] = NoSettings
    listed_here: ClassVar[bool] = True

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    @classmethod
    def lists(cls) -> bool:
        """Tell whether this kind has items of its own, so that nobody need bring an input."""
        return cls.items is not Source.items

    @property
    def remembers(self) -> bool:
        return False

    @property
    def first_take(self) -> int | None:
        return None

    @classmethod
    @abstractmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        """Return a short description for lists."""

    def items(self) -> list[Item]:
        """Return what can be read now; empty when each run brings its input along.

        Blocking. Raises `Problem` (source_error) when the source cannot be listed.
        """
        return []

    def pages(self) -> Iterator[list[Item]]:
        """Yield what can be read now, in the order of `items`, piece by piece.

        What remembers is asked through this: what was taken before is let go of at once, so that
        its number needs no limit. Items may lack data that `filled` adds. Blocking, and raises, as
        `items` does.
        """
        yield self.items()

    def filled(self, items: Sequence[Item]) -> list[Item]:
        """Return items of `pages` as `items` gives them: with their data, if they bring it."""
        return list(items)

    def read(self, key: str) -> dict[str, Any]:
        """Return the input of one item, by its key. Blocking. Raises `Problem` (source_error)."""
        raise Problem(
            f"{self.label}: a run brings its own input, and this one has none; start it again "
            "with an input.",
            category="source_error",
            code="no_input",
        )

    def test(self) -> tuple[str, dict[str, Any]]:
        """Reach the source and read its first item; return what was found, and a sample.

        Blocking. Raises `Problem` (source_error).
        """
        if not self.lists():
            return "There is nothing to reach: each run brings its own input.", {}
        items = self.items()
        return found_in_words(self, len(items), items)


def found_in_words(source: Source, total: int, fresh: Sequence[Item]) -> tuple[str, dict[str, Any]]:
    """Read the first of `fresh` and say what all of them are; `total` counts the taken ones too."""
    counted = "1 item" if total == 1 else f"{total:,} items"
    if len(fresh) < total:
        counted += f", {len(fresh):,} of them new"
    sample: dict[str, Any] = {"total": total, "new": len(fresh)}
    if not fresh:
        nothing = "There is nothing to read now" if not total else f"{counted}; nothing to read now"
        return f"{nothing}.", sample
    first = fresh[0]
    data = source.read(first.key) if first.data is None else first.data
    text = "\n".join(value for value in data.values() if isinstance(value, str))
    sample |= {"text": text[:SAMPLE_CHARS], "items": [item.label for item in fresh[:SHOWN_ITEMS]]}
    label = one_line(first.label, limit=80)
    return f"{counted}; the first is {label}, {len(text):,} characters.", sample


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
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Outside:
    """What a destination may use of the world: the guarded client, and the starting of runs.

    `start_run(automation, input_data, parcel)` queues a run of another automation once per
    parcel and returns its id; it raises `DeliveryProblem` when that automation takes none.
    `threads` are for what blocks: those of the event loop look up every address.
    """

    http: OutboundClient
    start_run: StartRun
    threads: Executor | None = None


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
    read_by_people: ClassVar[bool] = False
    """Whether a message of ours is read by people, so that a test message makes sense."""

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

"""Which automations a page of the portfolio shows, and in which order: read from its address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from automations.models import Automation
from automations.text import clean_text
from lifecycle import phases
from lifecycle.portfolio import BEYOND, DONE, Row

PAGE = 25
LONGEST_TEXT = 100
Stage = Automation.Stage
Item = TypeVar("Item")

MINE, NOBODY = "mine", "nobody"
ACTIVE, EVERY = "", "every"
STAGES = {ACTIVE: "All but retired", EVERY: "All", **dict(Stage.choices)}
PHASES = {str(p.number): f"{p.number}. {p.short}" for p in phases.PHASES} | {str(DONE): BEYOND}
VERDICTS = {"build": "Build", "prototype": "Prototype", "skip": "Skip or simplify", "none": "None"}
STAGE_ORDER = {stage: at for at, stage in enumerate(Stage.values)}


@dataclass(frozen=True, slots=True)
class Order:
    """One way to sort: `value` is None where there is nothing to compare, which comes last."""

    label: str
    value: Callable[[Row], Any]
    falls: bool = False


def _owner(row: Row) -> str | None:
    return row.automation.owner.get_username().lower() if row.automation.owner else None


ORDERS = {
    "name": Order("Name", lambda row: row.automation.name.lower()),
    "stage": Order("Stage", lambda row: STAGE_ORDER[row.automation.stage], falls=True),
    "phase": Order("Phase", lambda row: row.phase, falls=True),
    "score": Order(
        "Score", lambda row: row.scorecard.elput_score if row.scorecard else None, falls=True
    ),
    "health": Order("Success", lambda row: row.health.share),
    "approval": Order("Approval", lambda row: row.approval.share),
    "cost": Order("Cost", lambda row: row.spent.cost_usd, falls=True),
    "profit": Order("Profit", lambda row: row.money.net_usd, falls=True),
    "stuck": Order(
        "In the way", lambda row: row.days_in_phase if row.phase < DONE else None, falls=True
    ),
    "owner": Order("Owner", _owner),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What an address asks for; whatever it says that nobody knows is left out."""

    text: str = ""
    stage: str = ACTIVE
    phase: str = ""
    verdict: str = ""
    owner: str = ""
    stuck: bool = False
    sort: str = "name"
    page: int = 1

    @property
    def is_narrowed(self) -> bool:
        """Whether anything beyond the order was asked for."""
        asked = (self.text, self.stage, self.phase, self.verdict, self.owner, self.stuck)
        return any(asked)

    @property
    def key(self) -> str:
        return self.sort.lstrip("-")

    @property
    def direction(self) -> str:
        """As `aria-sort` has it."""
        return "descending" if self.sort.startswith("-") else "ascending"


def choice_of(query: Mapping[str, str]) -> Choice:
    """Return what the query string of an address asks for."""
    page = query.get("page", "")
    return Choice(
        text=clean_text(query.get("q", "")[:LONGEST_TEXT]).text.strip(),
        stage=_known(query.get("stage", ""), STAGES),
        phase=_known(query.get("phase", ""), PHASES),
        verdict=_known(query.get("verdict", ""), VERDICTS),
        owner=clean_text(query.get("owner", "")[:150]).text,
        stuck=bool(query.get("stuck")),
        sort=_sort(query.get("sort", "")),
        page=int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1,
    )


def _known(value: str, values: Mapping[str, str]) -> str:
    return value if value in values else ""


def _sort(value: str) -> str:
    return value if value.removeprefix("-") in ORDERS else "name"


def chosen(rows: Sequence[Row], choice: Choice, *, user: Any) -> list[Row]:
    """Return the rows that a choice asks for, in its order; equal ones stay by name."""
    kept = [row for row in rows if _fits(row, choice, user)]
    order = ORDERS[choice.key]
    known = [row for row in kept if order.value(row) is not None]
    unknown = [row for row in kept if order.value(row) is None]
    known.sort(key=order.value, reverse=choice.sort.startswith("-"))
    return known + unknown


def _fits(row: Row, choice: Choice, user: Any) -> bool:
    automation, text = row.automation, choice.text.lower()
    said = f"{automation.name} {automation.slug} {automation.summary}".lower()
    return (
        all(word in said for word in text.split())
        and _fits_stage(automation, choice.stage)
        and choice.phase in ("", str(row.phase))
        and choice.verdict in ("", row.verdict or "none")
        and _fits_owner(automation, choice.owner, user)
        and (row.is_stuck or not choice.stuck)
    )


def _fits_stage(automation: Automation, stage: str) -> bool:
    if stage == ACTIVE:
        return automation.stage != Stage.RETIRED
    return stage in (EVERY, automation.stage)


def _fits_owner(automation: Automation, owner: str, user: Any) -> bool:
    if owner in (MINE, NOBODY, ""):
        ids: dict[str, Any] = {MINE: user.pk, NOBODY: None, "": automation.owner_id}
        return bool(automation.owner_id == ids[owner])
    return automation.owner is not None and automation.owner.get_username() == owner


@dataclass(frozen=True, slots=True)
class Sorting:
    """One order as a link: the value of `?sort=` it leads to, and how it is sorted now."""

    label: str
    value: str
    now: str


def sortings(choice: Choice) -> dict[str, Sorting]:
    """Return a link per order, by its key; the one in use leads to the other direction."""
    return {key: _sorting(key, order, choice) for key, order in ORDERS.items()}


def _sorting(key: str, order: Order, choice: Choice) -> Sorting:
    if key == choice.key:
        other = key if choice.sort.startswith("-") else f"-{key}"
        return Sorting(order.label, other, choice.direction)
    return Sorting(order.label, f"-{key}" if order.falls else key, "")


def owners_among(rows: Sequence[Row]) -> list[str]:
    """Return the user names of those who own an automation, sorted."""
    owners = {row.automation.owner.get_username() for row in rows if row.automation.owner}
    return sorted(owners, key=str.lower)


@dataclass(frozen=True, slots=True)
class Part(Generic[Item]):
    """One page of a list: its items, which they are, and the numbers of its neighbours."""

    items: list[Item]
    first: int
    last: int
    total: int
    before: int | None
    after: int | None


def part_of(items: Sequence[Item], number: int, *, size: int = PAGE) -> Part[Item]:
    """Return a page by its number from 1; a number beyond the last page is the last page."""
    pages = max(1, -(-len(items) // size))
    at = min(max(1, number), pages)
    start = (at - 1) * size
    shown = list(items[start : start + size])
    return Part(
        items=shown,
        first=start + 1 if shown else 0,
        last=start + len(shown),
        total=len(items),
        before=at - 1 if at > 1 else None,
        after=at + 1 if at < pages else None,
    )

"""The newest runs of an automation that have ended, as small rows: read once for all boxes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.db.models import Max, Min, OuterRef

from automations.models import Run
from automations.models.run import RunQuerySet

MOST = 2_000
NEAR = 2_500  # of any status: nearly always they hold the 2,000
FAR = 100_000  # runs of an automation among which they are looked for, waiting ones included
ENDED = (Run.Status.SUCCESS, Run.Status.FAILED)


class EndedRun(NamedTuple):
    """What the boxes ask of a run that has succeeded or failed."""

    id: int
    status: str
    version_id: int | None
    is_sample: bool
    is_simulated: bool
    completed_at: datetime
    execution_time_ms: int | None
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    calls: int
    error_category: str
    error_code: str

    @property
    def succeeded(self) -> bool:
        return self.status == Run.Status.SUCCESS

    @property
    def is_measured(self) -> bool:
        """Whether time, tokens and cost are known; an unknown price is not a cost of nothing."""
        return self.is_timed and self.cost_usd is not None

    @property
    def is_timed(self) -> bool:
        """Whether time and tokens are known."""
        return self.execution_time_ms is not None and self.input_tokens + self.output_tokens > 0

    @property
    def error(self) -> tuple[str, str]:
        """The error group: category and code."""
        return self.error_category, self.error_code


def newest(slug: str) -> list[EndedRun]:
    """Return an automation's newest runs that have ended, newest first, at most 2,000.

    The newest 2,500 of any status hold them, or else they are looked for among the newest 100,000:
    the answer is as quick on the millionth run as on the first, and a long queue hides none.
    """
    near = _newest_of(slug).values_list(*EndedRun._fields)[:NEAR]
    found = [row for values in near if (row := EndedRun(*values)).status in ENDED]
    if len(near) == NEAR and len(found) < MOST:
        far = ended_below(slug).values_list(*EndedRun._fields)[:MOST]
        found = [EndedRun(*values) for values in far]
    return found[:MOST]


def ended_below(slug: str) -> RunQuerySet:
    """Return the query for runs that have ended, newest first, not further back than 100,000."""
    found: RunQuerySet = newer_than(slug, FAR).filter(status__in=ENDED)
    return found


def newer_than(slug: str, far: int) -> RunQuerySet:
    """Return the query for an automation's newest runs, so many, newest first."""
    mine = _newest_of(slug)
    before = mine.values_list("id", flat=True)[far : far + 1]
    found: RunQuerySet = mine.filter(id__gt=next(iter(before), 0))
    return found


def of(slug: str | OuterRef) -> RunQuerySet:
    """Return an automation's runs, so that ordered by name and key they come by that index.

    PostgreSQL takes an equality out of the order, and may then walk everybody's runs by their keys:
    there it is a range of one name.
    """
    if connection.vendor == "postgresql":
        return Run.objects.filter(automation_id__gte=slug, automation_id__lte=slug)
    return Run.objects.filter(automation_id=slug)


def _newest_of(slug: str) -> RunQuerySet:
    return of(slug).order_by("automation_id", "-id")


class ErrorGroup(NamedTuple):
    """The failures of one category and code: when the first of them ended, the newest's id."""

    error: tuple[str, str]
    since: datetime
    newest: int


def error_groups(slug: str, moment: datetime) -> list[ErrorGroup]:
    """Return the groups of what was meant, and failed since that moment, the oldest group first.

    All failures among the newest 100,000 runs are counted, however many successes came since.
    """
    failed = newer_than(slug, FAR).filter(
        status=Run.Status.FAILED, is_simulated=False, completed_at__gte=moment
    ).exclude(error_category="")  # fmt: skip
    groups = failed.order_by().values("error_category", "error_code")
    found = groups.annotate(since=Min("completed_at"), newest=Max("id")).order_by("since", "newest")
    rows = found.values_list("error_category", "error_code", "since", "newest")
    return [ErrorGroup((category, code), *rest) for category, code, *rest in rows]


def since(rows: Iterable[EndedRun], moment: datetime) -> list[EndedRun]:
    """Leave the runs that ended at that moment or later."""
    return [row for row in rows if row.completed_at >= moment]

"""The newest runs of an automation that have ended, as small rows: read once for all boxes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from automations.models import Run
from automations.models.run import RunQuerySet

MOST = 2_000
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
        tokens = self.input_tokens + self.output_tokens
        return self.execution_time_ms is not None and tokens > 0 and self.cost_usd is not None

    @property
    def error(self) -> tuple[str, str]:
        """The error group: category and code."""
        return self.error_category, self.error_code


def newest(slug: str) -> list[EndedRun]:
    """Return an automation's newest runs that have ended, newest first, at most 2,000.

    They are looked for among its newest 100,000 by the index on (automation, id), so that the
    answer is as quick on the millionth run as on the first, and a long queue hides none.
    """
    rows = ended_below(slug)[:MOST]
    return [EndedRun(*values) for values in rows.values_list(*EndedRun._fields)]


def ended_below(slug: str) -> RunQuerySet:
    """Return the query for runs that have ended, newest first, not further back than 100,000."""
    mine = Run.objects.filter(automation_id=slug).order_by("-id")
    far = mine.values_list("id", flat=True)[FAR : FAR + 1]
    found: RunQuerySet = mine.filter(id__gt=next(iter(far), 0), status__in=ENDED)
    return found


def since(rows: Iterable[EndedRun], moment: datetime) -> list[EndedRun]:
    """Leave the runs that ended at that moment or later."""
    return [row for row in rows if row.completed_at >= moment]

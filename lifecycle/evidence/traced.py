"""Is what happened in a run written down completely?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from automations.models import Attempt, Run
from lifecycle.evidence.base import counted
from lifecycle.evidence.runs import EndedRun


def gaps(runs: Sequence[EndedRun]) -> dict[int, str]:
    """Return what the trace of each of these runs lacks, by run; complete ones are left out.

    Complete is: a start, an end, an outcome, a row for every call, and a step or the reason why
    there was none.
    """
    ids = [run.id for run in runs]
    calls = Counter(Attempt.objects.filter(run_id__in=ids).values_list("run_id", flat=True))
    stored = Run.objects.filter(pk__in=ids).only("started_at", "trace", "verdicts", "error_message")
    rows = {row.pk: row for row in stored}
    lacking = {run.id: _lacks(run, rows[run.id], calls[run.id]) for run in runs if run.id in rows}
    return {pk: what for pk, what in lacking.items() if what}


def _lacks(run: EndedRun, row: Run, attempts: int) -> str:
    if row.started_at is None:
        return "has no start"
    if run.execution_time_ms is None:
        return "does not say how long it took"
    if not run.succeeded and not (run.error_category and row.error_message):
        return "failed without a reason"
    if attempts < run.calls:
        return f"made {counted(run.calls, 'call')}, but {attempts} are written down"
    if not (attempts or row.trace or row.verdicts or _refused_at_once(run)):
        return "has no step"
    return ""


def _refused_at_once(run: EndedRun) -> bool:
    """Tell whether an input was refused before any step: there was nothing to do then."""
    at_once = (Run.ErrorCategory.SOURCE_ERROR, Run.ErrorCategory.VALIDATION_ERROR)
    return not run.succeeded and run.calls == 0 and run.error_category in at_once

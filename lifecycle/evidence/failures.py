"""Error groups of an automation, and which of them a failure mode answers."""

from __future__ import annotations

from datetime import timedelta

from automations.models import Run
from lifecycle.evidence.runs import EndedRun
from lifecycle.evidence.subject import Subject
from lifecycle.models import FailureMode

UNHANDLED_FOR = timedelta(days=7)
Group = tuple[str, str]


def handles(mode: FailureMode, group: Group) -> bool:
    """Tell whether a failure mode answers an error group; without a code it answers all of them."""
    category, code = group
    return mode.error_category == category != "" and mode.error_code in ("", code)


def observed(mode: FailureMode, subject: Subject) -> bool:
    """Tell whether what a failure mode names was seen, in a run or in a rejected review."""
    if any(handles(mode, run.error) for run in subject.worked):
        return True
    return mode.review_reason in subject.rejected_for


def unhandled(subject: Subject) -> list[tuple[Group, EndedRun]]:
    """Return the error groups of 30 days that nobody has answered for 7, with their first run."""
    first: dict[Group, EndedRun] = {}
    for run in subject.lately:  # newest first, so the oldest stays
        if run.error_category:
            first[run.error] = run
    old = subject.now - UNHANDLED_FOR
    return [
        (group, run)
        for group, run in first.items()
        if run.completed_at <= old and not any(handles(m, group) for m in subject.failure_modes)
    ]


def title_of(group: Group) -> str:
    """Return an error group in words."""
    category, code = group
    label = dict(Run.ErrorCategory.choices).get(category, category)
    return f"{label}: {code}" if code else str(label)

"""Error groups of an automation, and which of them a failure mode answers."""

from __future__ import annotations

from datetime import timedelta

from automations.models import Run
from lifecycle.evidence.runs import ErrorGroup
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
    seen = {run.error for run in subject.worked} | {group.error for group in subject.errors}
    if any(handles(mode, error) for error in seen):
        return True
    return mode.review_reason in subject.rejected_for


def unhandled(subject: Subject) -> list[ErrorGroup]:
    """Return the error groups of 30 days that nobody has answered for 7, the oldest first."""
    old, modes = subject.now - UNHANDLED_FOR, subject.failure_modes
    return [
        group
        for group in subject.errors
        if group.since <= old and not any(handles(mode, group.error) for mode in modes)
    ]


def title_of(group: Group) -> str:
    """Return an error group in words."""
    category, code = group
    label = dict(Run.ErrorCategory.choices).get(category, category)
    return f"{label}: {code}" if code else str(label)

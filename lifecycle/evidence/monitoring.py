"""The boxes of phase 5."""

from __future__ import annotations

from automations.models import Run
from lifecycle.evidence.base import (
    Evidence,
    counted,
    met,
    not_measured,
    not_met,
    run_links,
    to,
)
from lifecycle.evidence.runs import MOST, since
from lifecycle.evidence.steps import run_it
from lifecycle.evidence.subject import WINDOW_DAYS, Subject

MAX_UNKNOWN = 10  # per cent of the failures
ENOUGH_RUNS = 20


def dashboard(_subject: Subject) -> Evidence:
    """Box 17: renders with data no older than the last due run."""
    return not_measured("there is no metrics dashboard in this installation yet.")


def alerts(_subject: Subject) -> Evidence:
    """Box 18: the three rules are active, and a test alert was delivered within 90 days."""
    return not_measured("there are no alert rules and no channels in this installation yet.")


def baselines(_subject: Subject) -> Evidence:
    """Box 19: baselines of time, success and approval, with n >= 10."""
    return not_measured("no baseline of time, success and approval is kept yet.")


def error_categories(subject: Subject) -> Evidence:
    """Box 20: at most 10 % of the failures of 30 days are of unknown category."""
    runs = since(subject.proving, subject.days_ago(WINDOW_DAYS))
    failed = [run for run in runs if not run.succeeded]
    window = f"of the last {WINDOW_DAYS} days"
    if len(subject.ended) == MOST:
        window += f" (among the newest {MOST:,} runs)"
    if not failed and len(runs) < ENOUGH_RUNS:
        why = f"{counted(len(runs), 'run')} {window} and no failure; {ENOUGH_RUNS} runs are needed."
        return not_measured(why, step=run_it(subject))
    if not failed:
        return met(f"None of the {counted(len(runs), 'run')} {window} failed.")
    unknown = [run.id for run in failed if run.error_category in ("", Run.ErrorCategory.UNKNOWN)]
    why = f"{len(unknown)} of {counted(len(failed), 'failure')} {window} "
    why += f"{'is' if len(unknown) == 1 else 'are'} of unknown category."
    links = run_links(unknown or [run.id for run in failed], subject.slug)
    if len(unknown) * 100 <= MAX_UNKNOWN * len(failed):
        return met(why, *links)
    step = to("Look at the first one", "run", unknown[0])
    return not_met(f"{why} At most {MAX_UNKNOWN} % may be.", *links, step=step)

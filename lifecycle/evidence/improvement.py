"""The boxes of phase 6."""

from __future__ import annotations

from lifecycle.evidence.base import Evidence, Link, met, not_measured, not_met, to
from lifecycle.evidence.subject import Subject
from lifecycle.models import Criterion

WANTED = (
    Criterion.Metric.SUCCESS_RATE,
    Criterion.Metric.EXECUTION_TIME_S,
    Criterion.Metric.APPROVAL_RATE,
    Criterion.Metric.COST_PER_SUCCESS_USD,
)


def weekly_cycle(_subject: Subject) -> Evidence:
    """Box 21: an open cycle with an owner, and a date within 7 days."""
    return not_measured("there are no improvement cycles in this installation yet.")


def experiments(_subject: Subject) -> Evidence:
    """Box 22: a finished experiment."""
    return not_measured("there are no experiments in this installation yet.")


def cost_review(_subject: Subject) -> Evidence:
    """Box 23: a cost review within 30 days."""
    return not_measured("there are no cost reviews in this installation yet.")


def targets(subject: Subject) -> Evidence:
    """Box 24: numbers are set for success, time, approval and cost."""
    page = to("Success criteria", "criteria", subject.slug)
    by_metric = {criterion.metric: criterion for criterion in subject.criteria}
    missing = [metric.label for metric in WANTED if metric not in by_metric]
    if missing:
        why = f"No number is set for: {'; '.join(missing)}."
        return not_met(why, page, step=Link("Write the missing criteria", page.url))
    numbers = "; ".join(str(by_metric[metric]) for metric in WANTED)
    return met(f"Numbers are set for all four: {numbers}.", page)

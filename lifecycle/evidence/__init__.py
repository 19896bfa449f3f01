"""Evidence for the 29 boxes: one function each, one file per phase."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from automations.models import Automation
from lifecycle.evidence import (
    deployment,
    handover,
    improvement,
    monitoring,
    prototyping,
    reliability,
    validation,
)
from lifecycle.evidence.base import Evidence, dated, not_measured
from lifecycle.evidence.subject import Subject
from lifecycle.phases import BOXES, SATISFIED, State

log = structlog.get_logger(__name__)
CHECKS: dict[int, Callable[[Subject], Evidence]] = {
    1: validation.score,
    2: validation.decision,
    3: validation.criteria,
    4: prototyping.workflow,
    5: prototyping.quality,
    6: prototyping.performance,
    7: prototyping.failure_modes,
    8: reliability.error_handling,
    9: reliability.input_validation,
    10: reliability.output_validation,
    11: reliability.logging,
    12: reliability.metrics,
    13: deployment.environment,
    14: deployment.secrets,
    15: deployment.database,
    16: deployment.pipeline,
    17: monitoring.dashboard,
    18: monitoring.alerts,
    19: monitoring.baselines,
    20: monitoring.error_categories,
    21: improvement.weekly_cycle,
    22: improvement.experiments,
    23: improvement.cost_review,
    24: improvement.targets,
    25: handover.purpose,
    26: handover.architecture,
    27: handover.dependencies,
    28: handover.runbook,
    29: handover.troubleshooting,
}


def look(automation: Automation, now: datetime) -> dict[int, Evidence]:
    """Return how each box stands at this moment; an exemption stands in for what is missing.

    Raises:
        OperationalError, InterfaceError: the database cannot be asked, so nothing is known of
            any box; inside a transaction every other DatabaseError too.
    """
    return look_at(Subject(automation, now), BOXES)


def look_at(subject: Subject, numbers: Iterable[int]) -> dict[int, Evidence]:
    """Return how some boxes stand; raises as `look` does."""
    return {number: _with_exemption(subject, number, _found(subject, number)) for number in numbers}


def _found(subject: Subject, number: int) -> Evidence:
    """Ask one box; one that breaks says so, and does not take the others along."""
    try:
        return CHECKS[number](subject)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if isinstance(error, DatabaseError) and connection.in_atomic_block:
            raise
        log.exception("box_broke", automation=subject.slug, box=number)
        return not_measured("this check broke, and it is our fault; the log says how.")


def _with_exemption(subject: Subject, number: int, found: Evidence) -> Evidence:
    exemption = subject.exemptions.get(number)
    if exemption is None or found.state in SATISFIED:
        return found
    who = exemption.by or "somebody"
    why = f"Exempt until {dated(exemption.until)} by {who}: {exemption.reason} ({found.why})"
    return Evidence(State.EXEMPT, why, found.rows, found.step)

"""What the queue may call on this floor: plain functions without arguments."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)
ROUNDS_S = 45.0  # of a minute


def evaluate_due() -> str:
    """Every minute: start and end clocks, look at the boxes where something has happened."""
    from lifecycle import services  # noqa: PLC0415  the queue imports this before the apps

    begun = _tried(services.note_first_runs)
    overdue = _tried(services.note_overdue)
    return f"{begun} begun, {overdue} overdue, {_tried(_evaluate_all)} evaluated"


def _evaluate_all() -> int:
    """Evaluate round by round until nothing is due, or the minute is nearly over."""
    from lifecycle import evaluating, services  # noqa: PLC0415

    until = time.monotonic() + ROUNDS_S
    total = done = services.evaluate_due()
    while done >= evaluating.A_ROUND and time.monotonic() < until:
        done = services.evaluate_due()
        total += done
    return total


def measure() -> str:
    """Every hour: measure anew what periods that have just ended have cost."""
    from lifecycle import services  # noqa: PLC0415

    return f"{_tried(services.measure_open_periods)} measured"


def _tried(verb: Callable[[], int]) -> int:
    """Do it; one that breaks is noted in the log and does not keep the others from their turn."""
    try:
        return verb()
    except Exception:
        log.exception("task_broke", verb=verb.__name__)
        return 0

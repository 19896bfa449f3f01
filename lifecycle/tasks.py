"""What the queue may call on this floor: plain functions without arguments."""

from __future__ import annotations

from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


def evaluate_due() -> str:
    """Every minute: start and end clocks, look at the boxes where something has happened."""
    from lifecycle import services  # noqa: PLC0415  the queue imports this before the apps

    begun = _tried(services.note_first_runs)
    overdue = _tried(services.note_overdue)
    return f"{begun} begun, {overdue} overdue, {_tried(services.evaluate_due)} evaluated"


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

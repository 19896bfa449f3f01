"""Read back what the runs did: when each began and ended, and whether everything is there."""

from __future__ import annotations

from collections import Counter
from typing import Any

from automations.models import Attempt, Delivery, Run
from benchmarks.inside.child import say


def main(_: dict[str, Any]) -> None:
    """Answer with the rows' states, and the ends in seconds since the first call began."""
    began = sorted(Attempt.objects.order_by().values_list("started_at", flat=True))
    ended = Run.objects.finished().order_by().values_list("completed_at", flat=True)
    latency = sorted(Attempt.objects.order_by().values_list("latency_ms", flat=True))
    say(
        {
            "runs": dict(Counter(Run.objects.order_by().values_list("status", flat=True))),
            "attempts": len(began),
            "deliveries": dict(
                Counter(Delivery.objects.order_by().values_list("state", flat=True))
            ),
            "completed_s": sorted((m - began[0]).total_seconds() for m in ended if m),
            "call_ms_p50": latency[len(latency) // 2],
        }
    )

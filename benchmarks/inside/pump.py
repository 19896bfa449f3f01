"""One real pump in its own process; says what it booted with, waits, works, says what it used."""

from __future__ import annotations

import asyncio
import os
import resource
from typing import Any

from automations.engine import warm
from automations.engine.pump import Pace, Pump
from benchmarks.inside.child import cpu_s, say, wait_for_go


def main(asked: dict[str, Any]) -> None:
    """Work until nothing is due, with `concurrency` calls at once."""
    warm.up()
    pump = Pump(f"benchmark:{os.getpid()}", Pace(asked["concurrency"], linger_s=0.3))
    boot_cpu_s = cpu_s()
    say({"boot_cpu_s": boot_cpu_s})
    wait_for_go()
    report = asyncio.run(pump.run())
    say(
        {
            "started": report.started,
            "boot_cpu_s": boot_cpu_s,
            "cpu_s": cpu_s() - boot_cpu_s,
            "max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
    )

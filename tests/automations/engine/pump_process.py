"""A pump in a process of its own: `python -m tests.automations.engine.pump_process NAME`."""

from __future__ import annotations

import asyncio
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")


def main() -> None:
    """Work until nothing is due within a minute."""
    django.setup()
    from automations.engine.pump import Pace, Pump

    asyncio.run(Pump(sys.argv[1], Pace(linger_s=0.5)).run())


if __name__ == "__main__":
    main()

"""Run the supervised worker."""

import sys
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Run queued automations until stopped (SIGTERM drains; a second one ends at once)."

    def handle(self, *args: Any, **options: Any) -> None:
        from automations.engine import warm
        from automations.engine.supervisor import Supervisor

        warm.up()
        sys.exit(Supervisor().run())

"""Pull or release the kill switch."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from automations import services


class Command(BaseCommand):
    help = "Stop all automations within seconds (--release lets them go on); nothing is lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", default="stopped from the command line")
        parser.add_argument("--release", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["release"]:
            services.unhalt(by=services.SYSTEM)
            self.stdout.write("All automations go on.")
            return
        services.halt(by=services.SYSTEM, reason=options["reason"])
        self.stdout.write("All automations stop now; `manage.py halt --release` lets them go on.")

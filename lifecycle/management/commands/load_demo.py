"""Load the demo portfolio."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from lifecycle.demo import loading


class Command(BaseCommand):
    help = "Make the demo automations; running it again changes nothing that exists."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--login", action="store_true", help="make the demo login and print a new password"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        made = loading.load()
        what = f"Made {', '.join(made)}." if made else "The demo is loaded already."
        self.stdout.write(what)
        if options["login"]:
            password = secrets.token_urlsafe(9)
            user = loading.make_login(password)
            self.stdout.write(f"Login: {user.get_username()}  Password: {password}")

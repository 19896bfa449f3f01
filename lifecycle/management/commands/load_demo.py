"""Load the demo portfolio."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from lifecycle.demo import loading, sampling


class Command(BaseCommand):
    help = "Make the demo portfolio; running it again adds what is missing and changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--login", action="store_true", help="make the demo login and print a new password"
        )

        parser.add_argument(
            "--remove-history", action="store_true", help="remove the sample rows, and end"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["remove_history"]:
            self.stdout.write(f"Removed {sampling.remove()} sample runs and what belongs to them.")
            return
        loaded = loading.load()
        self.stdout.write(said(loaded))
        if options["login"]:
            password = secrets.token_urlsafe(9)
            user = loading.make_login(password)
            self.stdout.write(f"Login: {user.get_username()}  Password: {password}")


def said(loaded: loading.Loaded) -> str:
    """Say what loading has made."""
    if loaded.made:
        return f"Made {', '.join(loaded.made)}, with a sample history of 60 days."
    if loaded.filled:
        return f"Added sample history to {', '.join(loaded.filled)}."
    return "The demo is loaded already."

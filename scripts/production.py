"""Runs manage.py with settings like a server's, so that checks see what a server would."""

import os
import sys

from scripts.environment import FRESH, ROOT

LIKE_A_SERVER = {
    "DEBUG": "false",
    "ALLOWED_HOSTS": "lifecycle.example",
    "CSRF_TRUSTED_ORIGINS": "https://lifecycle.example",
    "SITE_URL": "https://lifecycle.example",
    "DATABASE_URL": "sqlite://:memory:",
    "DJANGO_SETTINGS_MODULE": "lifecycle.settings",
}


def main(arguments: list[str]) -> None:
    """Become `manage.py` with these arguments; keys are made up for the occasion."""
    keys = {name: make() for name, make in FRESH.items()}
    environment = {**os.environ, **LIKE_A_SERVER, **keys}
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    os.execve(sys.executable, command, environment)  # noqa: S606 - our own command line


if __name__ == "__main__":
    main(sys.argv[1:])

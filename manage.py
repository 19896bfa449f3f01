#!/usr/bin/env python
"""Run a Django command for this project."""

import os
import signal
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command line; a wrong setting is one sentence, a closed pipe the end."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifecycle.settings")
    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except ImproperlyConfigured as error:
        sys.exit(f"Configuration: {error}")
    except BrokenPipeError:  # who read the output, like `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


if __name__ == "__main__":
    main()

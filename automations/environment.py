"""Variables that are read each time a run starts, not once at boot."""

import os
from pathlib import Path

from automations.errors import Problem


def read(name: str) -> str:
    """Return the variable's value, from NAME_FILE's content if that is set; '' if neither is.

    Raises:
        Problem: NAME_FILE names a file that cannot be read.
    """
    path = os.environ.get(f"{name}_FILE", "")
    if not path:
        return os.environ.get(name, "").strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{name}_FILE names a file that cannot be read ({error.__class__.__name__})."
        raise Problem(message, category="authentication", code="secret_missing") from error

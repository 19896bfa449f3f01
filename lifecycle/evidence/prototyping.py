"""The boxes of phase 2."""

from __future__ import annotations

from lifecycle.evidence.base import Evidence, not_measured
from lifecycle.evidence.subject import Subject


def workflow(_subject: Subject) -> Evidence:
    """Box 4."""
    return not_measured("nothing looks at it yet.")


def quality(_subject: Subject) -> Evidence:
    """Box 5."""
    return not_measured("nothing looks at it yet.")


def performance(_subject: Subject) -> Evidence:
    """Box 6."""
    return not_measured("nothing looks at it yet.")


def failure_modes(_subject: Subject) -> Evidence:
    """Box 7."""
    return not_measured("nothing looks at it yet.")

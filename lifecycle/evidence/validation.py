"""The boxes of phase 1."""

from __future__ import annotations

from lifecycle.evidence.base import Evidence, not_measured
from lifecycle.evidence.subject import Subject


def score(_subject: Subject) -> Evidence:
    """Box 1."""
    return not_measured("nothing looks at it yet.")


def decision(_subject: Subject) -> Evidence:
    """Box 2."""
    return not_measured("nothing looks at it yet.")


def criteria(_subject: Subject) -> Evidence:
    """Box 3."""
    return not_measured("nothing looks at it yet.")

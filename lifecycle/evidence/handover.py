"""The boxes of phase 7."""

from __future__ import annotations

from lifecycle.evidence.base import Evidence, not_measured
from lifecycle.evidence.subject import Subject


def purpose(_subject: Subject) -> Evidence:
    """Box 25."""
    return not_measured("nothing looks at it yet.")


def architecture(_subject: Subject) -> Evidence:
    """Box 26."""
    return not_measured("nothing looks at it yet.")


def dependencies(_subject: Subject) -> Evidence:
    """Box 27."""
    return not_measured("nothing looks at it yet.")


def runbook(_subject: Subject) -> Evidence:
    """Box 28."""
    return not_measured("nothing looks at it yet.")


def troubleshooting(_subject: Subject) -> Evidence:
    """Box 29."""
    return not_measured("nothing looks at it yet.")

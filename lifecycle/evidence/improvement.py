"""The boxes of phase 6."""

from __future__ import annotations

from lifecycle.evidence.base import Evidence, not_measured
from lifecycle.evidence.subject import Subject


def weekly_cycle(_subject: Subject) -> Evidence:
    """Box 21."""
    return not_measured("nothing looks at it yet.")


def experiments(_subject: Subject) -> Evidence:
    """Box 22."""
    return not_measured("nothing looks at it yet.")


def cost_review(_subject: Subject) -> Evidence:
    """Box 23."""
    return not_measured("nothing looks at it yet.")


def targets(_subject: Subject) -> Evidence:
    """Box 24."""
    return not_measured("nothing looks at it yet.")

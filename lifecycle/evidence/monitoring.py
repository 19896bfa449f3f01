"""The boxes of phase 5."""

from __future__ import annotations

from lifecycle.evidence.base import Evidence, not_measured
from lifecycle.evidence.subject import Subject


def dashboard(_subject: Subject) -> Evidence:
    """Box 17."""
    return not_measured("nothing looks at it yet.")


def alerts(_subject: Subject) -> Evidence:
    """Box 18."""
    return not_measured("nothing looks at it yet.")


def baselines(_subject: Subject) -> Evidence:
    """Box 19."""
    return not_measured("nothing looks at it yet.")


def error_categories(_subject: Subject) -> Evidence:
    """Box 20."""
    return not_measured("nothing looks at it yet.")

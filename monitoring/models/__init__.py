"""What happened, as people saw it."""

from monitoring.models.review import Review

__all__ = ["Review"]

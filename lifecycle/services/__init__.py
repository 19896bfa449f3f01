"""What people can decide and record: each verb checks the right first."""

from lifecycle.services.checklists import evaluate, evaluate_due, mark

__all__ = ["evaluate", "evaluate_due", "mark"]

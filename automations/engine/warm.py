"""Import what is slow to import once, before the worker forks."""

from rapidfuzz import fuzz

from automations.engine import pricing, pump, testing
from automations.validators import linear

__all__ = ["fuzz", "pump", "testing", "up"]


def up() -> None:
    """Load the model client, the price list, the runner and what checks load late."""
    pricing.warm_up()
    linear.compiled("warm-up")

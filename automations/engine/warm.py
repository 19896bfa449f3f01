"""Import what is slow to import once, before the worker forks."""

from automations.engine import pricing, pump, testing

__all__ = ["pump", "testing", "up"]


def up() -> None:
    """Load the model client, the price list and the runner into this process."""
    pricing.warm_up()

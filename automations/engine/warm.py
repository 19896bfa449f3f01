"""Import what is slow to import once, before the worker forks."""


def up() -> None:
    """Load the model client, the price list and the runner into this process."""
    from automations.engine import pricing, pump

    pricing.warm_up()
    assert pump.Pump  # noqa: S101  the import is the point

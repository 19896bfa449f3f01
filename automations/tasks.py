"""What the queue may call: plain functions without arguments."""


def pump() -> str:
    """Work on due runs until none is left; returns at once when this machine pumps enough."""
    from automations.engine.worker import pump_in_slot

    return pump_in_slot()


def sweep() -> str:
    """Every minute: give expired leases back, fire due schedules, ring if anything is due."""
    from automations.engine.worker import sweep

    return sweep()


def test_provider(provider_id: int) -> str:
    """Make one small call to a provider and keep what came of it."""
    from automations.engine.testing import test_provider

    return test_provider(provider_id)

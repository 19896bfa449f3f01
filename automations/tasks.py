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


def test_connection(model: str, pk: int) -> str:
    """Reach a source or destination as it is stored and keep what was found."""
    from automations.engine.connection_tests import test_connection

    return test_connection(model, pk)


def send_test_message(destination_id: int) -> str:
    """Send one message that says it is a test to where people read it."""
    from automations.engine.connection_tests import send_test_message

    return send_test_message(destination_id)


def tend_batch(batch_id: int) -> str:
    """Get on with a batch: load its rows, hold its runs or let them go; safe to repeat."""
    from automations.engine import signs
    from automations.services import tend_batch

    return tend_batch(batch_id, stopping=signs.told_to_drain)


def fire_triggers(trigger_ids: list[int]) -> str:
    """Start due schedules whose sources answer over the network, several at a time."""
    from automations.engine.worker import fire_triggers

    return fire_triggers(trigger_ids)

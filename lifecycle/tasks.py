"""What the queue may call on this floor: plain functions without arguments."""


def evaluate_due() -> str:
    """Every minute: look at the boxes of automations to which something has happened."""
    from lifecycle.services import evaluate_due  # noqa: PLC0415

    return f"{evaluate_due()} evaluated"

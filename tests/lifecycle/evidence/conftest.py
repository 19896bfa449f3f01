"""The fake provider as the default provider, as the engine's own tests have it."""

from tests.automations.conftest import answering

__all__ = ["answering"]

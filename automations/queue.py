"""The doorbell: a message that says "there is work" and nothing else."""

from functools import partial

from django.db import transaction
from django_q.tasks import async_task

PUMP = "automations.tasks.pump"


def ring() -> None:
    """Wake a worker; losing or repeating this is harmless."""
    async_task(PUMP, group="pump")


def ring_on_commit() -> None:
    """Ring once the surrounding transaction has committed."""
    transaction.on_commit(partial(ring))

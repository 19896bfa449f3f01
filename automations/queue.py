"""The doorbell: a message that says "there is work" and nothing else."""

from functools import partial

from django.db import transaction
from django_q.tasks import async_task

PUMP = "automations.tasks.pump"
TEND = "automations.tasks.tend_batch"
FIRE = "automations.tasks.fire_triggers"


def ring() -> None:
    """Wake a worker; losing or repeating this is harmless."""
    async_task(PUMP, group="pump")


def ring_on_commit() -> None:
    """Ring once the surrounding transaction has committed."""
    transaction.on_commit(partial(ring))


def tend_on_commit(batch_id: int) -> None:
    """Ask a worker to get on with a batch once the surrounding transaction has committed."""
    transaction.on_commit(partial(async_task, TEND, batch_id, group="batch"))


def fire_on_commit(trigger_ids: list[int]) -> None:
    """Ask a worker to start due schedules once the surrounding transaction has committed."""
    transaction.on_commit(partial(async_task, FIRE, trigger_ids, group="schedules"))

"""Get on with batches in a worker: load rows, repeat failed items, hold runs or let them go."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from automations.models import Batch
from automations.queue import tend_on_commit
from automations.services import holding, loading, retrying

BUDGET_S = 45.0
SILENT_FOR = timedelta(seconds=60)


def tend_batch(batch_id: int, *, stopping: Callable[[], bool] = lambda: False) -> str:
    """Do what is to be done for a batch, for at most BUDGET_S, and ask again for the rest.

    Harmless to repeat, to run twice at once and to kill at any moment.
    """
    batch = Batch.objects.select_related("automation", "version__automation", "created_by")
    found = batch.filter(pk=batch_id).first()
    if found is None or found.state == Batch.State.DRAFT:
        return "nothing to do"
    budget = loading.Budget(time.monotonic() + BUDGET_S, stopping)
    if found.state == Batch.State.LOADING and found.file_or_selection:
        loading.load(found, budget)
    holding.arrange(batch_id)
    holding.advance(batch_id)
    holding.arrange(batch_id)
    while not budget.is_spent and retrying.retry_chunk(batch_id):
        pass
    return _conclude(batch_id, budget)


def _conclude(batch_id: int, budget: loading.Budget) -> str:
    """Under the batch's lock: say that it needs no worker any more, or ask for one again."""
    with transaction.atomic():
        batch = Batch.objects.select_for_update().get(pk=batch_id)
        batch.needs_worker = _has_more(batch)
        batch.save(update_fields=["needs_worker"])
        if batch.needs_worker and not budget.stopping():
            tend_on_commit(batch_id)
    return "goes on" if batch.needs_worker else "done"


def _has_more(batch: Batch) -> bool:
    loads = batch.state == Batch.State.LOADING and batch.file_or_selection
    return loads or bool(batch.options.get("retry_upto")) or not holding.is_arranged(batch)


def tend_due_batches(*, now: datetime) -> int:
    """Ask for a worker for each batch that is left alone; return how many. The sweep calls this."""
    alone = Q(loaded_at=None) | Q(loaded_at__lt=now - SILENT_FOR)
    left = Q(needs_worker=True) & alone
    canary = Q(canary_stage__isnull=False, stopped_because="", cancelled_at=None)
    found = Batch.objects.exclude(state=Batch.State.DRAFT).filter(left | canary)
    ids = list(found.order_by("pk").values_list("pk", flat=True)[:100])
    with transaction.atomic():
        for batch_id in ids:
            tend_on_commit(batch_id)
    return len(ids)

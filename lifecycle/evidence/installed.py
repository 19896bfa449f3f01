"""What holds for the whole installation; asked now and then, as it costs more than a box."""

from __future__ import annotations

import time

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

ASK_AGAIN_S = 300.0
_applied_at: dict[str, float] = {}  # database -> when this process last found nothing to apply


def pending_migrations() -> int:
    """Return how many migrations are not applied; that there are none is believed for 5 minutes."""
    name = str(connection.settings_dict["NAME"])
    found_at = _applied_at.get(name)
    if found_at is not None and time.monotonic() - found_at < ASK_AGAIN_S:
        return 0
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        _applied_at[name] = time.monotonic()
    return len(plan)

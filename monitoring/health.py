"""Is the process up, and can it do its work?"""

import time
from collections.abc import Callable

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from automations.models import Control, Worker

ASK_AGAIN_S = 300.0
_applied_at: dict[str, float] = {}  # database -> when this process last found nothing to apply


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when work can be done, else 503 with the reasons."""
    reasons = _reasons()
    status = "not ready" if reasons else "ready"
    return JsonResponse({"status": status, "reasons": reasons}, status=503 if reasons else 200)


def _reasons() -> list[str]:
    for check in CHECKS:
        reason = check()
        if reason:
            return [reason]
    return []


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "The database does not answer; check DATABASE_URL and that the server is up."
    return ""


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


def _migrations() -> str:
    pending = pending_migrations()
    return f"{pending} migrations are not applied; run `manage.py migrate`." if pending else ""


def _workers() -> str:
    if Worker.alive().exists():
        return ""
    return "No worker is alive; start one with `manage.py worker`."


def _switch() -> str:
    control = Control.current()
    return f"All automations are stopped: {control.reason}" if control.halted_at else ""


CHECKS: tuple[Callable[[], str], ...] = (_database, _migrations, _workers, _switch)

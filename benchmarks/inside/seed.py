"""Empty the scratch database and fill it: one automation, and as many queued runs as asked."""

from __future__ import annotations

from itertools import repeat
from typing import Any

from django.db import connection
from django_q.models import OrmQ

from automations.models import Attempt, Automation, Batch, Delivery, Run
from automations.services import SYSTEM, submit_batch
from automations.validators import clean_settings
from benchmarks.inside.child import say
from benchmarks.inside.text import TEXT
from tests.makers import make_automation, make_destination, make_live, make_provider

# What a careful version checks; the provider's answer passes all of it.
RULES: list[tuple[str, str, dict[str, Any]]] = [
    ("input", "length", {"min_stripped": 100, "max_raw": 50_000}),
    ("output", "length", {"min_stripped": 50, "max_raw": 1_300}),
    ("output", "phrases", {"phrases": ["as an AI", "lorem ipsum"]}),
    ("output", "no_secrets", {}),
    ("output", "grounding", {}),
]


def main(asked: dict[str, Any]) -> None:
    """Make `runs` queued runs of an automation that calls and delivers to `provider`."""
    _clear()
    automation = _automation(asked["provider"], asked["limit"])
    if asked["runs"]:
        rows = repeat({"content": TEXT}, asked["runs"])
        submit_batch(automation, rows, by=SYSTEM, name="benchmark")
    OrmQ.objects.all().delete()
    say({"automation": automation.slug})


def _clear() -> None:
    tables = [model._meta.db_table for model in (Attempt, Delivery, Run, Batch, OrmQ)]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        if connection.vendor == "postgresql":
            for table in tables:
                cursor.execute(f"VACUUM ANALYZE {connection.ops.quote_name(table)}")


def _automation(url: str, limit: int | None) -> Automation:
    automation = make_automation(f"benchmark_{Automation.objects.count()}", concurrency=1000)
    settings = {"url": f"{url}/deliver/keyed", "honours_idempotency_key": True}
    make_destination(automation, kind="http", settings=settings)
    provider = make_provider(base_url=f"{url}/v1", default_model="ok", max_concurrency=limit)
    return make_live(
        automation, provider=provider, system_prompt="You write short posts.", rules=_rules()
    ).automation


def _rules() -> list[tuple[str, str, dict[str, Any]]]:
    return [(way, kind, clean_settings(kind, settings, way)) for way, kind, settings in RULES]

"""Verbs on the tests of sources and destinations: only what is stored is ever tested."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from automations import connectors
from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Destination, Source
from automations.redaction import redact
from automations.services.acting import SYSTEM, require
from automations.text import clean_data, clean_text

TEST = "automations.tasks.test_connection"
MESSAGE = "automations.tasks.send_test_message"
MAX_MESSAGE_CHARS = 1_000
MAX_SAMPLE_CHARS = 2_000
MAX_SAMPLE_ITEMS = 20
_CHANGED = ["tested_at", "test_passed", "test_message", "test_sample"]


def ask_for_connection_test(row: Source | Destination, *, by: Actor) -> Source | Destination:
    """Ask a worker to reach a source or destination as it is stored, leaving nothing there.

    Raises:
        WrongState: the row is not stored yet.
    """
    require(by, "automations.test_connection")
    return _ask(row, TEST, "test connection", "Waiting for a worker to reach it.", by=by)


def ask_for_test_message(destination: Destination, *, by: Actor) -> Source | Destination:
    """Ask a worker to send one message that says it is a test, to where people read it.

    Raises:
        WrongState: nobody reads what this kind of destination gets.
    """
    require(by, "automations.test_connection")
    if not connectors.destinations.get(destination.kind).read_by_people:
        raise WrongState("Test messages are for e-mail, Slack and notices; use the dry run here.")
    waiting = "Waiting for a worker to send the test message."
    return _ask(destination, MESSAGE, "send test message", waiting, by=by)


def store_connection_test(
    row: Source | Destination, *, passed: bool, message: str, sample: dict[str, Any] | None = None
) -> bool:
    """Keep what a test found, and tell whether it still counts: not after a change or removal.

    Secrets are taken out of it, and it is cut.
    """
    row.tested_at, row.test_passed = timezone.now(), passed
    row.test_message = _short(message, MAX_MESSAGE_CHARS)
    row.test_sample = {name: _shown(value) for name, value in (sample or {}).items()}
    with transaction.atomic():
        rows = type(row)._default_manager.select_for_update()
        current = rows.filter(pk=row.pk).first()
        if current is None or (current.kind, current.settings) != (row.kind, row.settings):
            return False
        row.save(update_fields=_CHANGED)
    return True


def switch_off_destination(destination_id: int, why: str) -> None:
    """Switch a destination off whose receiver wants nothing any more; its page says why."""
    with transaction.atomic():
        row = Destination.objects.select_for_update().filter(pk=destination_id).first()
        if row is None or not row.is_active:
            return
        row.is_active = False
        row.save(update_fields=["is_active"])
        store_connection_test(row, passed=False, message=why)
        record("switch off destination", row, by=SYSTEM, before={"is_active": True},
               after={"is_active": False, "why": row.test_message})  # fmt: skip


def _ask(
    row: Source | Destination, task: str, action: str, waiting: str, *, by: Actor
) -> Source | Destination:
    model = row._meta.label
    with transaction.atomic():
        row.tested_at, row.test_passed = timezone.now(), None
        row.test_message, row.test_sample = waiting, {}
        if row.pk is None:
            raise WrongState("Save it first; only what is stored is tested.")
        row.save(update_fields=_CHANGED)
        record(action, row, by=by)
        if task == TEST:
            transaction.on_commit(lambda: async_task(TEST, model, row.pk))
        else:
            transaction.on_commit(lambda: async_task(MESSAGE, row.pk))
    return row


def _shown(value: Any) -> Any:
    """Return a sample's value as it may be stored: redacted, cut, storable."""
    if isinstance(value, str):
        return _short(value, MAX_SAMPLE_CHARS)
    if isinstance(value, list):
        return [_shown(item) for item in value[:MAX_SAMPLE_ITEMS]]
    return clean_data(value) if isinstance(value, (int, float, bool)) else None


def _short(text: str, limit: int) -> str:
    clean = clean_text(redact(text)).text
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"

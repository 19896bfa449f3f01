"""Verbs on providers: keep a key, test a connection."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from automations.audit import Actor, record
from automations.models import Provider
from automations.services.acting import require

TEST = "automations.tasks.test_provider"


def set_key(provider: Provider, key: str, *, by: Actor) -> Provider:
    """Keep a typed key, encrypted; an empty one clears it. The trail says that, never the key."""
    require(by, "automations.change_provider")
    with transaction.atomic():
        provider.seal_key(key.strip())
        provider.save(update_fields=["api_key_sealed", "updated_at"])
        record("set key" if key else "clear key", provider, by=by)
    return provider


def ask_for_test(provider: Provider, *, by: Actor) -> Provider:
    """Ask a worker to call the provider as it is stored; the result appears on its page."""
    require(by, "automations.test_provider")
    with transaction.atomic():
        provider.tested_at, provider.test_passed = timezone.now(), None
        provider.test_message = "Waiting for a worker to call it."
        provider.save(update_fields=["tested_at", "test_passed", "test_message"])
        record("test provider", provider, by=by)
        transaction.on_commit(lambda: async_task(TEST, provider.pk))
    return provider


def store_test(provider: Provider, *, passed: bool, message: str) -> None:
    """Keep the outcome of a test call; one that passed closes the provider's circuit."""
    provider.tested_at, provider.test_passed = timezone.now(), passed
    provider.test_message = message
    changed = ["tested_at", "test_passed", "test_message"]
    if passed:
        provider.circuit_opened_at, provider.circuit_reason = None, ""
        changed += ["circuit_opened_at", "circuit_reason"]
    provider.save(update_fields=changed)

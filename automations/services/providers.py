"""Verbs on providers: keep a key, test a connection."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django_q.tasks import async_task

from automations import signals
from automations.audit import Actor, record
from automations.models import Provider, Run
from automations.queue import ring_on_commit
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
    """Keep the outcome of a test call; one that passed closes the circuit and rings the workers."""
    with transaction.atomic():
        provider.tested_at, provider.test_passed = timezone.now(), passed
        provider.test_message = message
        provider.save(update_fields=["tested_at", "test_passed", "test_message"])
        if passed:
            _close_circuit(provider)
        signals.recorded.send(Provider, subject=provider, event=None)


def _close_circuit(provider: Provider) -> None:
    """Let calls go on; the time for which they waited counts for no run's deadline."""
    current = Provider.objects.select_for_update(no_key=True).get(pk=provider.pk)
    opened_at = current.circuit_opened_at
    provider.forget_circuit()
    provider.save(update_fields=Provider.CIRCUIT)
    if opened_at is not None:
        waiting = Run.objects.filter(provider=provider, step__in=[Run.Step.SOURCE, Run.Step.MODEL])
        waiting.extend_deadlines(timezone.now() - opened_at)
        ring_on_commit()

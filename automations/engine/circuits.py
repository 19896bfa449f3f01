"""A provider's circuit: opened by a refusal or by failures in a row, tried by probes, closed."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from automations.engine.endpoints import endpoint_id
from automations.engine.held import ProviderNews, Step
from automations.models import Provider, Run

OUTAGE_FAILURES = 5
OUTAGE_WITHIN = timedelta(seconds=60)
PROBE_EVERY = timedelta(seconds=30)
PERSONS_PROBE_AFTER = timedelta(seconds=5)
BEFORE_ANSWER = [Run.Step.SOURCE, Run.Step.MODEL]
# Who watches the run they started, and may therefore try a provider that is not called.
WATCHED = [Run.Origin.PERSON, Run.Origin.SHELL, Run.Origin.PLAYGROUND]


def may_try() -> Q:
    """Return which runs may try a provider whose circuit is open, at once.

    A person's run does so once; what came back from a try waits with the others.
    """
    return Q(priority__gte=Run.INTERACTIVE, origin__in=WATCHED, calls=0)


def probe_is_due(provider: Provider, now: datetime) -> bool:
    """Tell whether any waiting run may be the next probe."""
    if not provider.circuit_is_outage:
        return False
    return provider.probe_at is None or provider.probe_at <= now


def persons_probe_is_due(provider: Provider, now: datetime) -> bool:
    """Tell whether a person's run may be a probe before its time."""
    if not provider.circuit_is_outage or provider.probe_at is None:
        return True
    return now >= provider.probe_at - PROBE_EVERY + PERSONS_PROBE_AFTER


def begin_probe(provider: Provider, now: datetime) -> None:
    """Note that a probe sets out, in the transaction that claims it: no machine sends a second."""
    provider.probe_at = now + PROBE_EVERY
    provider.save(update_fields=["probe_at"])


def apply(provider: Provider, item: ProviderNews, now: datetime) -> None:
    """Move the circuit on by what one call taught. Does not save."""
    refused = provider.circuit_is_open and not provider.circuit_is_outage
    if item.succeeded or (item.alive and not refused):
        close(provider, now)
    elif item.circuit_reason:
        # Asked again when the commit has to be repeated: it stays the one that opened it.
        item.opened = item.opened or not provider.circuit_is_open
        provider.circuit_opened_at = provider.circuit_opened_at or now
        # What only a person can mend outweighs what may pass by itself.
        provider.circuit_reason, provider.circuit_is_outage = item.circuit_reason, False
    elif item.outage_reason:
        _count_failure(provider, item, now)


def _count_failure(provider: Provider, item: ProviderNews, now: datetime) -> None:
    within = OUTAGE_WITHIN + OUTAGE_FAILURES * timedelta(milliseconds=item.took_ms)
    since = provider.failing_since
    if since is None or (now - since > within and not provider.circuit_is_open):
        provider.failures_in_row, provider.failing_since = 0, now
    provider.failures_in_row += 1
    if provider.circuit_is_open or provider.failures_in_row < OUTAGE_FAILURES:
        return
    item.opened = True
    provider.circuit_opened_at, provider.circuit_is_outage = now, True
    provider.circuit_reason = item.outage_reason
    provider.probe_at = now + PROBE_EVERY


def close(provider: Provider, now: datetime) -> None:
    """Close the circuit; the time for which it was open counts for no run's deadline."""
    opened_at = provider.circuit_opened_at
    provider.forget_circuit()
    if opened_at is not None:
        waiting = Run.objects.filter(provider_id=provider.pk, step__in=BEFORE_ANSWER)
        waiting.extend_deadlines(now - opened_at)


def spare(step: Step, provider: Provider) -> None:
    """Let a run wait whose failure is the open circuit's fault, instead of what it asked for.

    An outage costs no run anything. Where the key is refused or the credit gone, the run that
    found out fails and so does a person's try; the calls that were under way then wait.
    """
    news = step.news
    if step.instead is None or news is None or news.endpoint_id != endpoint_id(provider):
        return
    opened_at = provider.circuit_opened_at
    if opened_at is None:
        return
    if not provider.circuit_is_outage and (news.opened or step.run.claimed_at >= opened_at):
        return
    step.values = step.instead
    if provider.circuit_is_outage and provider.probe_at:
        # A moment after the probe is due, so that another run is the next one.
        step.values = step.values | {"available_at": provider.probe_at + timedelta(seconds=1)}

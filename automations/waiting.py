"""What keeps runs from beginning: a queued run's obstacles, its place, providers not called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from automations.models import Control, Provider, Run, Worker

COUNTED = 100
COUNTED_FOR_ALL = 1_000
BEFORE_ANSWER = (Run.Step.SOURCE, Run.Step.MODEL)


@dataclass(frozen=True, slots=True)
class Stopped:
    """A provider that is not called: since when, why, how many runs wait, and what to do."""

    provider: Provider
    since: datetime
    reason: str
    waiting: str
    advice: str


def stopped_providers(only: int | None = None) -> list[Stopped]:
    """Return the providers whose circuit is open, all or the one with this key."""
    opened = Provider.objects.exclude(circuit_opened_at=None)
    chosen = opened if only is None else opened.filter(pk=only)
    return [
        Stopped(provider, since, provider.circuit_reason, _waiting_for(provider), _advice(provider))
        for provider in chosen
        if (since := provider.failing_since or provider.circuit_opened_at)
    ]


def _waiting_for(provider: Provider) -> str:
    runs = Run.objects.queued().filter(
        provider=provider, priority__gt=Run.HELD, step__in=BEFORE_ANSWER
    )
    count = runs.order_by()[: COUNTED_FOR_ALL + 1].count()
    if count > COUNTED_FOR_ALL:
        return f"more than {COUNTED_FOR_ALL:,} runs wait"
    return "1 run waits" if count == 1 else f"{count:,} runs wait"


def _advice(provider: Provider) -> str:
    if provider.circuit_is_outage:
        return "It is tried again every 30 seconds; runs go on by themselves when it answers."
    return "Mend that, then test the provider on its page; runs go on when the test passes."


def obstacles(run: Run) -> list[str]:
    """Return what keeps a queued run from beginning, the weightiest first; empty for others."""
    if run.status != Run.Status.QUEUED:
        return []
    found = [_halted(), _paused(run), _held(run), _worker(), _provider(run), _later(run)]
    return [sentence for sentence in found if sentence]


def _halted() -> str:
    control = Control.current()
    return (
        f"All automations are stopped: {control.reason or 'no reason was given'}."
        if control.halted_at
        else ""
    )


def _paused(run: Run) -> str:
    name = run.automation.name
    return f"{name} is paused; resume it to let this run begin." if run.automation.is_paused else ""


def _held(run: Run) -> str:
    if run.priority > Run.HELD or run.batch is None:
        return ""
    if run.batch.is_paused:
        return f"Its batch, {run.batch.name}, is paused; resume that to let this run begin."
    if run.batch.stopped_because:
        return f"Its batch, {run.batch.name}, was stopped at a bad run; decide on its page."
    return f"Its batch, {run.batch.name}, tries a few runs first; this one follows them."


def _worker() -> str:
    if Worker.alive().exists():
        return ""
    return "No worker is alive; start one with “manage.py worker” and this run begins by itself."


def _provider(run: Run) -> str:
    provider = run.provider
    if provider is None or run.fault or run.step not in BEFORE_ANSWER:
        return ""
    if provider.circuit_is_outage:
        return (
            f"{provider} keeps failing, so runs wait; it is tried again every 30 seconds, and this "
            f"run goes on by itself when it answers. Last time: {provider.circuit_reason}"
        )
    if provider.circuit_is_open:
        return f"{provider} is not called until it is mended or tested: {provider.circuit_reason}"
    if provider.paused_until and provider.paused_until > timezone.now():
        until = timezone.localtime(provider.paused_until)
        return f"{provider} asked for a pause; calls go on at {until:%H:%M:%S}."
    return ""


def _later(run: Run) -> str:
    if run.available_at <= timezone.now():
        return ""
    at = timezone.localtime(run.available_at)
    because = f" Last time: {run.error_message}" if run.error_message else ""
    day = "" if at.date() == timezone.localdate() else f"{at:%Y-%m-%d} "
    return f"It is tried again at {day}{at:%H:%M:%S}.{because}"


def place(run: Run) -> str:
    """Say how many runs are before a queued one; counted up to a hundred."""
    before = Q(priority__gt=run.priority) | Q(priority=run.priority, pk__lt=run.pk)
    due = Run.objects.queued().filter(provider=run.provider, available_at__lte=timezone.now())
    ahead = due.filter(before).order_by()[: COUNTED + 1].count()
    if ahead == 0:
        return "It is next; a worker takes it in a moment."
    known = f"{ahead} runs are" if ahead > 1 else "1 run is"
    return f"{known if ahead <= COUNTED else f'More than {COUNTED} runs are'} ahead of it."

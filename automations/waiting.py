"""Why a queued run has not begun: what is in its way, else its place in the queue."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone

from automations.models import Control, Run, Worker

COUNTED = 100


def obstacles(run: Run) -> list[str]:
    """Return what keeps a queued run from beginning, the weightiest first; empty for others."""
    if run.status != Run.Status.QUEUED:
        return []
    found = [_halted(), _paused(run), _worker(), _provider(run), _later(run)]
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


def _worker() -> str:
    if Worker.alive().exists():
        return ""
    return "No worker is alive; start one with “manage.py worker” and this run begins by itself."


def _provider(run: Run) -> str:
    provider = run.provider
    if provider is None or run.step not in (Run.Step.SOURCE, Run.Step.MODEL):
        return ""
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
    return f"It is tried again at {at:%H:%M:%S}.{because}"


def place(run: Run) -> str:
    """Say how many runs are before a queued one; counted up to a hundred."""
    before = Q(priority__gt=run.priority) | Q(priority=run.priority, pk__lt=run.pk)
    due = Run.objects.queued().filter(provider=run.provider, available_at__lte=timezone.now())
    ahead = due.filter(before).order_by()[: COUNTED + 1].count()
    if ahead == 0:
        return "It is next; a worker takes it in a moment."
    known = f"{ahead} runs are" if ahead > 1 else "1 run is"
    return f"{known if ahead <= COUNTED else f'More than {COUNTED} runs are'} ahead of it."

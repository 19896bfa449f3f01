"""The trace of a run: everything that happened on one time line, and what the model was asked."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from automations import tracing, waiting
from automations.lanes import Lane, lane
from automations.models import AuditEvent, Delivery, Run
from automations.rendered import prompt_of
from automations.templatetags.ui import duration_ms
from automations.timeline import story
from automations.views.access import known_to

OTHERS = 50


@require_safe
@never_cache
@known_to("automations.view_run")
def shown(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a run's events in the order of time, each with its duration and cost."""
    run = _run(pk)
    deliveries = list(run.deliveries.all())
    caused, reruns = _others("caused_by", run), _others("rerun_of", run)
    events = story(
        run,
        attempts=list(run.attempts.all()),
        deliveries=deliveries,
        audit=_audit(run, deliveries),
        caused=[*caused, *reruns],
        waits=waiting.obstacles(run),
    )
    line = lane(events)
    context = {
        "title": f"Trace of run {run.pk}",
        "run": run,
        "events": events,
        "lane": line,
        "sentence": sentence(run, line),
        "headline": tracing.headline(run, "It waits in the queue."),
        "prompt": prompt_of(run) if request.user.has_perm("automations.view_prompt") else [],
        "may_see_prompt": request.user.has_perm("automations.view_prompt"),
        "may_start": request.user.has_perm("automations.start_run"),
        "caused": caused,
        "reruns": reruns,
    }
    return render(request, "automations/run_trace.html", context)


def sentence(run: Run, line: Lane) -> str:
    """Say in one sentence what the line shows."""
    if not line.shares:
        return f"{run} has taken no time yet."
    spent = ", ".join(f"{share.name} {duration_ms(share.ms)}" for share in line.shares)
    return f"{run} took {duration_ms(line.ms)} in all: {spent}."


def _run(pk: int) -> Run:
    related = ("automation__source", "version", "provider", "batch", "requested_by", "caused_by")
    deliveries = Delivery.objects.select_related("destination")
    runs = Run.objects.select_related(*related).prefetch_related(
        "attempts", Prefetch("deliveries", queryset=deliveries)
    )
    return get_object_or_404(runs, pk=pk)


def _others(name: str, run: Run) -> list[Run]:
    """Return the first runs that this one has caused, or that repeat it."""
    found: Any = Run.objects.light().select_related("automation").filter(**{name: run})
    return list(found.order_by("pk")[:OTHERS])


def _audit(run: Run, deliveries: list[Delivery]) -> list[AuditEvent]:
    keys = [str(delivery.pk) for delivery in deliveries]
    of_run = Q(object_type="run", object_id=str(run.pk))
    found = AuditEvent.objects.filter(of_run | Q(object_type="delivery", object_id__in=keys))
    return list(found.order_by("pk"))

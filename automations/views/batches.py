"""The page of one batch: progress, its runs, and cancelling it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from automations import services
from automations.models import Batch, Run
from automations.views.access import known_to, tell
from automations.views.paging import page_of

PAGE = 50
STOP_POLLING = 286


@require_safe
@never_cache
@known_to("automations.view_batch")
def shown(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a batch's progress and its runs, newest first."""
    batch = _batch(pk)
    runs = Run.objects.light().filter(batch=batch).select_related("version")
    context = {
        **_progress(batch),
        "title": batch.name,
        "page": page_of(runs, request, size=PAGE),
        "may_start": request.user.has_perm("automations.start_run"),
    }
    return render(request, "automations/batch_detail.html", context)


@require_safe
@never_cache
@known_to("automations.view_batch")
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the live part of a batch's page; 286 (stop asking) when all its runs have settled."""
    context = _progress(_batch(pk))
    answer = render(request, "automations/_batch_live.html", context)
    answer.status_code = 200 if context["every"] else STOP_POLLING
    return answer


@require_POST
@known_to("automations.view_batch")
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel what of a batch has not ended."""
    batch = get_object_or_404(Batch, pk=pk)
    verb = services.cancel_batch
    tell(request, lambda: verb(batch, by=request.user), "What had not ended is being cancelled.")
    return redirect(reverse("batch", args=[pk]))


def _batch(pk: int) -> Batch:
    return get_object_or_404(Batch.objects.select_related("automation", "created_by"), pk=pk)


def _progress(batch: Batch) -> dict[str, Any]:
    counts = batch.counts()
    ended = sum(counts.get(status, 0) for status in Run.FINAL)
    unsettled = counts.get(Run.Status.QUEUED, 0) + counts.get(Run.Status.RUNNING, 0)
    young = (timezone.now() - batch.created_at).total_seconds() < 60
    return {
        "batch": batch,
        "counts": [(s, label, counts[s]) for s, label in Run.Status.choices if counts.get(s)],
        "ended": ended,
        "unsettled": unsettled,
        "every": (2 if young else 10) if unsettled else 0,
    }

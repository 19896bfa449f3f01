"""The list of batches, the page of one with its live part, its results, and its buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from automations import downloads, services
from automations.batch_progress import Progress, progress_of
from automations.models import Automation, Batch, Run
from automations.views import batch_drafts
from automations.views.access import known_to, tell
from automations.views.paging import page_of

PAGE = 50
STOP_POLLING = 286
FAST_FOR_S, SLOW_AFTER_S, MANY = 60, 600, 20_000


@require_safe
@login_required
def listed(request: HttpRequest) -> HttpResponse:
    """Show the newest batches of all automations, or of one."""
    if not request.user.has_perm("automations.view_batch"):
        raise PermissionDenied("You may not see batches; ask an administrator for a role.")
    slug = request.GET.get("automation", "")
    automations = list(Automation.objects.order_by("name").only("slug", "name")[:200])
    chosen = next((automation for automation in automations if automation.slug == slug), None)
    batches = _with_state(Batch.objects.select_related("automation", "created_by"))
    if chosen:
        batches = batches.filter(automation=chosen)
    context = {
        "title": "Batches",
        "page": page_of(batches, request, size=PAGE),
        "automations": automations,
        "chosen": chosen,
    }
    return render(request, "automations/batch_list.html", context)


def _with_state(batches: QuerySet[Batch]) -> QuerySet[Any]:
    """Annotate what a list says of each, by existence: counting a long batch takes its time."""
    mine = Run.objects.filter(batch=OuterRef("pk"))
    return batches.annotate(
        is_busy=Exists(mine.filter(status__in=[Run.Status.QUEUED, Run.Status.RUNNING])),
        has_waiting=Exists(mine.filter(status=Run.Status.AWAITING_APPROVAL)),
        has_failed=Exists(mine.filter(status=Run.Status.FAILED, batch_row__isnull=False)),
    )


@require_safe
@never_cache
@known_to("automations.view_batch")
def shown(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a draft with its preview, or a batch's progress and its items, newest first."""
    batch = _batch(pk)
    if batch.state == Batch.State.DRAFT:
        return batch_drafts.page(request, batch)
    context = {
        **_live(batch, request),
        "title": batch.name,
        "statuses": Run.Status.choices,
    }
    return render(request, "automations/batch_detail.html", context)


@require_safe
@never_cache
@known_to("automations.view_batch")
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the live part of a batch's page; 286 (stop asking) when all its runs have settled."""
    batch = _batch(pk)
    context = _live(batch, request)
    changed = request.GET.get("mark") != context["mark"]
    fresh = {**context, "alone": True, "changed": changed}
    answer = render(request, "automations/_batch_live.html", fresh)
    answer.status_code = 200 if context["every"] else STOP_POLLING
    return answer


def _live(batch: Batch, request: HttpRequest) -> dict[str, Any]:
    """Return what changes while a batch runs; `mark` tells whether its buttons did."""
    progress = progress_of(batch)
    query = request.GET.copy()
    query.pop("mark", None)
    return {
        **_items(batch, request),
        "batch": batch,
        "progress": progress,
        "every": _interval(batch, progress),
        "query": query.urlencode(),
        "mark": f"{bool(progress.unsettled):d}{batch.is_paused:d}{bool(batch.cancelled_at):d}",
        "may_start": request.user.has_perm("automations.start_run"),
        "unresolved": services.unresolved_in(batch).count() if progress.failed else 0,
    }


def _items(batch: Batch, request: HttpRequest) -> dict[str, Any]:
    status, code = request.GET.get("status", ""), request.GET.get("code", "")
    runs = batch.items.light().select_related("version")  # type: ignore[attr-defined]
    if status in Run.Status.values:
        runs = runs.filter(status=status)
    if code:
        runs = runs.filter(status=Run.Status.FAILED, error_code=code[:60])
    return {
        "page": page_of(runs, request, size=PAGE),
        "status": status if status in Run.Status.values else "",
        "status_label": dict(Run.Status.choices).get(status, ""),
        "code": code,
    }


def _interval(batch: Batch, progress: Progress) -> int:
    """Return after how many seconds to ask again: seldom for what is long or large; 0: never."""
    is_idle = batch.stopped_because and not progress.running
    if not progress.unsettled or is_idle or batch.state == Batch.State.DRAFT:
        return 0
    age_s = (timezone.now() - batch.created_at).total_seconds()
    if progress.expected > MANY or age_s > SLOW_AFTER_S or batch.is_paused:
        return 15
    return 2 if age_s < FAST_FOR_S else 5


def _batch(pk: int) -> Batch:
    related = ("automation__live_version__provider", "created_by", "version")
    return get_object_or_404(Batch.objects.select_related(*related), pk=pk)


# --- results -------------------------------------------------------------------------------


@require_safe
@known_to("automations.view_batch")
def results_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """Send the results as CSV, row by row."""
    return _download(_batch(pk), downloads.results_csv, "csv", "text/csv; charset=utf-8")


@require_safe
@known_to("automations.view_batch")
def results_jsonl(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """Send the results as JSONL, row by row and as they are."""
    return _download(_batch(pk), downloads.results_jsonl, "jsonl", "application/x-ndjson")


def _download(
    batch: Batch, lines: Callable[[Batch], Iterator[str]], ending: str, kind: str
) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(lines(batch), content_type=kind)
    name = f"{batch.automation.slug}-batch-{batch.pk}-results.{ending}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "no-store"
    return answer


# --- buttons -------------------------------------------------------------------------------


def _button(verb: Callable[..., Batch], done: str) -> Callable[..., HttpResponse]:
    @require_POST
    @known_to("automations.view_batch")
    def pressed(request: HttpRequest, pk: int) -> HttpResponse:
        batch = get_object_or_404(Batch.objects.select_related("automation"), pk=pk)
        tell(request, lambda: verb(batch, by=request.user), done)
        return redirect(reverse("batch", args=[pk]))

    return pressed


start = _button(services.start_batch, "Started; a worker queues its rows.")
pause = _button(services.pause_batch, "Paused: nothing new begins; what is in flight is finished.")
resume = _button(services.resume_batch, "It goes on.")
go_on = _button(services.continue_batch, "The rest goes on.")
retry_failed = _button(services.retry_failed, "Its failed items run again.")
cancel = _button(services.cancel_batch, "What had not ended is being cancelled.")


@require_POST
@known_to("automations.view_batch")
def retry_item(request: HttpRequest, pk: int) -> HttpResponse:
    """Run one failed item of a batch again."""
    run = get_object_or_404(Run.objects.select_related("automation", "batch"), pk=pk)
    verb = services.retry_item
    tell(request, lambda: verb(run, by=request.user), f"The item of {run} runs again.")
    return redirect(reverse("batch", args=[run.batch_id]) if run.batch_id else run)

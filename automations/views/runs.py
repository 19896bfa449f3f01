"""The list of runs, the page of one run with its live part, and what people do with a run."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from automations import services, tracing, waiting
from automations.models import Automation, Delivery, Run
from automations.models.run import text_of
from automations.rendered import prompt_of
from automations.schemas import fields_of
from automations.views.access import known_to, tell
from automations.views.paging import page_of
from automations.views.starting import confirmed

PAGE = 50
STOP_POLLING = 286
EVERY_ORIGIN = "every"
FAST_FOR_S, SLOW_FOR_S = 60, 600
SETTLED = (*Run.FINAL, Run.Status.AWAITING_APPROVAL)


@require_safe
@login_required
def listed(request: HttpRequest) -> HttpResponse:
    """Show the newest runs of all automations, by status, automation and origin."""
    if not request.user.has_perm("automations.view_run"):
        raise PermissionDenied("You may not see runs; ask an administrator for a role.")
    status, slug = request.GET.get("status", ""), request.GET.get("automation", "")
    runs = (
        Run.objects.light()
        .select_related("automation", "version")
        .defer("automation__input_schema")
    )
    if status in Run.Status.values:
        runs = runs.filter(status=status)
    origin = request.GET.get("origin", "")
    if origin in Run.Origin.values:
        runs = runs.filter(origin=origin)
    elif origin != EVERY_ORIGIN:
        runs, origin = runs.filter(is_simulated=False), ""
    automations = list(Automation.objects.order_by("name").only("slug", "name")[:200])
    chosen = next((automation for automation in automations if automation.slug == slug), None)
    if chosen:
        runs = runs.filter(automation_id=slug)
    context = {
        "title": "Runs",
        "page": page_of(runs, request, size=PAGE),
        "statuses": Run.Status.choices,
        "automations": automations,
        "status": status if status in Run.Status.values else "",
        "status_label": dict(Run.Status.choices).get(status, ""),
        "chosen": chosen,
        "slug": slug if chosen else "",
        "origins": [*Run.Origin.choices, (EVERY_ORIGIN, "All, also simulated")],
        "origin": origin,
        "origin_label": dict(Run.Origin.choices).get(origin, "All, also simulated"),
    }
    return render(request, "automations/run_list.html", context)


@require_safe
@never_cache
@known_to("automations.view_run")
def shown(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one run: progress while it lasts, then output, attempts, verdicts and deliveries."""
    run = _run(pk)
    context = {
        **live(run, request),
        "title": f"Run {run.pk}",
        "inputs": _inputs(run),
        "prompt": prompt_of(run) if request.user.has_perm("automations.view_prompt") else [],
        "previous": _neighbour(run, "-pk", pk__lt=run.pk),
        "next": _neighbour(run, "pk", pk__gt=run.pk),
    }
    return render(request, "automations/run_detail.html", context)


@require_safe
@never_cache
@known_to("automations.view_run")
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the live part: 204 when nothing changed, 286 (stop asking) when the run settled."""
    context = live(_run(pk), request)
    settled = context["run"].status in SETTLED
    if not settled and request.GET.get("mark") == context["mark"]:
        return HttpResponse(status=204)
    answer = render(request, "automations/_run_live.html", {**context, "alone": True})
    answer.status_code = STOP_POLLING if settled else 200
    return answer


def live(run: Run, request: HttpRequest) -> dict[str, Any]:
    """Return what the live part shows of a run."""
    deliveries = list(run.deliveries.all())
    elapsed_s = tracing.elapsed_s(run)
    why = waiting.obstacles(run)
    headline = tracing.headline(run, place_of(run, why))
    every = 0 if run.status in SETTLED else interval(elapsed_s)
    return {
        "run": run,
        "deliveries": deliveries,
        "attempts": list(run.attempts.all()),
        "stages": tracing.track(run, deliveries),
        "advice": tracing.advice(run),
        "waits": why,
        "headline": headline,
        "data": _data(run),
        "every": every,
        "can_repeat": tracing.can_repeat(run),
        "sends_again": _sends_again(deliveries),
        "in_production": run.automation.stage == Automation.Stage.PRODUCTION,
        "again_key": uuid.uuid4(),
        "may_start": request.user.has_perm("automations.start_run"),
        "may_try": any(request.user.has_perm(right) for right in services.TRY),
        "may_approve": request.user.has_perm("automations.approve_delivery"),
        "mark": tracing.mark(run, deliveries, every, headline, " ".join(why)),
    }


def _sends_again(deliveries: list[Delivery]) -> str:
    """Say what running again from the input does with what has arrived, or may have."""
    states = {delivery.state for delivery in deliveries}
    if Delivery.State.UNKNOWN in states:
        return "The outcome of a delivery is unknown: run again, it may arrive twice."
    return "What was delivered is delivered again." if Delivery.State.DELIVERED in states else ""


def place_of(run: Run, why: list[str]) -> str:
    """Say where a queued run stands, or that it cannot begin; "" for others."""
    if run.status != Run.Status.QUEUED:
        return ""
    if why:
        return "It is tried again later." if run.calls else "It cannot begin yet."
    return waiting.place(run)


def _data(run: Run) -> str:
    """Return the JSON behind a composed text, pretty-printed; '' when the text is all there is."""
    output = run.output_data
    if not isinstance(output, dict) or "data" not in output:
        return ""
    return text_of(output["data"])


def interval(elapsed_s: int) -> int:
    """Return after how many seconds to ask again; -1: leave it to a button."""
    if elapsed_s < FAST_FOR_S:
        return 2
    return 10 if elapsed_s < SLOW_FOR_S else -1


def _run(pk: int) -> Run:
    related = ("automation__source", "version", "provider", "batch", "requested_by", "rerun_of")
    deliveries = Delivery.objects.select_related("destination", "resolved_by")
    runs = Run.objects.select_related(*related).prefetch_related(
        "attempts", Prefetch("deliveries", queryset=deliveries)
    )
    return get_object_or_404(runs, pk=pk)


def _inputs(run: Run) -> list[tuple[str, Any]]:
    fields = fields_of(run.automation.input_schema)
    titles = {field.name: field.title for field in fields if field.name in run.input_data}
    others = [name for name in run.input_data if name not in titles]
    return [(titles.get(name, name), run.input_data[name]) for name in (*titles, *others)]


def _neighbour(run: Run, order: str, **bound: int) -> int | None:
    near = Run.objects.filter(automation_id=run.automation_id, **bound).order_by(order)
    return near.values_list("pk", flat=True).first()


@require_POST
@known_to("automations.view_run")
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel a run that has not ended."""
    run = get_object_or_404(Run, pk=pk)
    tell(request, lambda: services.cancel_run(run, by=request.user), f"{run} is being cancelled.")
    return redirect(run)


@require_POST
@known_to("automations.view_run")
def again(request: HttpRequest, pk: int) -> HttpResponse:
    """Run the same input again on today's live version; the same form again starts nothing."""
    run = get_object_or_404(Run.objects.select_related("automation"), pk=pk)
    if not confirmed(request, run.automation):
        return redirect(run)
    key, verb = _key(request.POST.get("key", "")), services.rerun
    done = f"The input of {run} runs again."
    return redirect(tell(request, lambda: verb(run, by=request.user, key=key), done) or run)


def _key(sent: str) -> str | None:
    try:
        return str(uuid.UUID(sent))
    except ValueError:
        return None


@require_POST
@known_to("automations.view_run")
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a waiting output to its destinations."""
    run = get_object_or_404(Run, pk=pk)
    verb = services.approve_delivery
    tell(request, lambda: verb(run, by=request.user), "Approved; it is being delivered.")
    return redirect(run)


@require_POST
@known_to("automations.view_delivery")
def send_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Repeat a failed or unknown delivery."""
    delivery = get_object_or_404(Delivery.objects.select_related("run"), pk=pk)
    verb = services.send_again
    tell(request, lambda: verb(delivery, by=request.user), "It is being sent again.")
    return redirect(delivery.run)


@require_POST
@known_to("automations.view_delivery")
def mark_delivered(request: HttpRequest, pk: int) -> HttpResponse:
    """Note that a failed or unknown delivery has in fact arrived."""
    delivery = get_object_or_404(Delivery.objects.select_related("run"), pk=pk)
    verb = services.mark_delivered
    tell(request, lambda: verb(delivery, by=request.user), "Noted as delivered.")
    return redirect(delivery.run)

"""Run now: the form that an automation's input schema describes, and what its button does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from automations import connectors, services
from automations.errors import AutomationsError, NotAllowed, Problem
from automations.forms import RunForm
from automations.models import Automation, Batch, Run
from automations.services import Origin, seen
from automations.views.access import known_to

SHOWN_ITEMS = 10
SUBMITTED = "submitted"
REMEMBERED = 20


@dataclass(frozen=True, slots=True)
class Found:
    """What a source holds now, or why that cannot be said."""

    items: list[str]
    more: int = 0
    problem: str = ""
    later: str = ""
    taken: int = 0


@require_http_methods(["GET", "HEAD", "POST"])
@known_to("automations.view_automation")
def run_now(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the form of the automation's input; a POST starts the run and shows it."""
    related = Automation.objects.select_related("source", "live_version__provider")
    automation = get_object_or_404(related, slug=slug)
    services.require(request.user, "automations.start_run")
    if _has_items(automation):
        return _from_source(request, automation)
    posted = request.method == "POST"
    form = RunForm(automation, *((request.POST, request.FILES) if posted else ()))
    if posted and form.is_valid() and confirmed(request, automation):
        started = _start(request, automation, form)
        if started:
            return redirect(started)
    if form.problem:
        _record_unreadable(request, automation, form.problem)
    return _page(request, automation, {"form": form})


def _has_items(automation: Automation) -> bool:
    source = getattr(automation, "source", None)
    return source is not None and connectors.sources.get(source.kind).lists()


def confirmed(request: HttpRequest, automation: Automation) -> bool:
    """Tell whether a run may start: in production only with a tick; else say so in a message."""
    if automation.stage != Automation.Stage.PRODUCTION or "confirm" in request.POST:
        return True
    messages.error(request, "Tick the box to say that this shall run in production.")
    return False


def _start(request: HttpRequest, automation: Automation, form: RunForm) -> Run | None:
    origin = Origin(idempotency_key=str(form.cleaned_data["key"]))
    try:
        return services.submit_run(automation, form.input_data(), by=request.user, origin=origin)
    except IntegrityError:
        # The same form sent twice at the same moment: the other one was first.
        return automation.runs.get(idempotency_key=origin.idempotency_key)
    except NotAllowed:
        raise
    except AutomationsError as error:
        messages.error(request, str(error))
        return None


def _record_unreadable(request: HttpRequest, automation: Automation, problem: Problem) -> None:
    try:
        run = services.record_rejected(automation, problem, by=request.user, origin=services.PERSON)
    except AutomationsError as error:
        messages.error(request, str(error))
        return
    messages.warning(request, f"Nothing ran; it is noted as run {run.pk}.")


def _page(request: HttpRequest, automation: Automation, more: dict[str, Any]) -> HttpResponse:
    context = {
        "title": "Run now",
        "automation": automation,
        "in_production": automation.stage == Automation.Stage.PRODUCTION,
        "leaving": _leaving(automation),
        **more,
    }
    return render(request, "automations/run_form.html", context)


def _leaving(automation: Automation) -> list[str]:
    """Return the names of the destinations to which output leaves the installation."""
    active = automation.destinations.active()
    return [d.name for d in active if connectors.destinations.get(d.kind).leaves]


def _from_source(request: HttpRequest, automation: Automation) -> HttpResponse:
    if request.method == "POST" and confirmed(request, automation):
        address = _run_source_once(request, automation)
        if address:
            return redirect(address)
    more = {"found": _found(automation), "key": uuid.uuid4(), "form": None}
    return _page(request, automation, more)


def _run_source_once(request: HttpRequest, automation: Automation) -> str:
    """Start the source's items and return where to look; the same form again starts nothing."""
    key = request.POST.get("key", "")[:60]
    known: dict[str, str] = request.session.get(SUBMITTED, {})
    if key in known:
        return known[key]
    try:
        started = services.run_source(automation, by=request.user)
    except NotAllowed:
        raise
    except AutomationsError as error:
        messages.error(request, str(error))
        return ""
    address = reverse("batch" if isinstance(started, Batch) else "run", args=[started.pk])
    recent = list(known.items())[-REMEMBERED:]
    request.session[SUBMITTED] = {**dict(recent), key: address} if key else known
    return address


def _found(automation: Automation) -> Found:
    """Say what a run would take now; what only the network knows is not asked for a page."""
    source = automation.source
    kind = connectors.sources.get(source.kind)
    if not kind.listed_here:
        return Found([], later=kind.summary(source.settings))
    try:
        look = seen.look_at(source)
    except Problem as problem:
        return Found([], problem=problem.message)
    labels = [item.label for item in look.fresh[:SHOWN_ITEMS]]
    more = max(0, len(look.fresh) - SHOWN_ITEMS)
    return Found(labels, more=more, taken=look.total - len(look.fresh))

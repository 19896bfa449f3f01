"""Where an automation's output goes: adding, changing, trying out without sending."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from automations import connectors, services
from automations.connectors import parcels
from automations.errors import Problem
from automations.forms import DestinationForm, offer_automations, settings_form
from automations.models import Automation, Destination, Run, Worker
from automations.models.run import text_of
from automations.services import fitting
from automations.views.access import known_to, sentences, tell

FORM_METHODS = ["GET", "HEAD", "POST"]
SHOWN_CHARS = 20_000
GROUPS = (
    ("Keep it", {"store_only": "done", "file": "file", "object_store": "provider"}),
    ("Hand it to a program", {"http": "external", "automation": "automation"}),
    ("Tell people", {"email": "send", "slack": "dots", "notice": "alert"}),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of destination as the form offers it."""

    kind: str
    label: str
    help: str
    shape: str


@require_http_methods(FORM_METHODS)
@known_to("automations.view_automation")
def added(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a destination of the kind in `?kind=`."""
    services.require(request.user, "automations.add_destination")
    automation = get_object_or_404(Automation, slug=slug)
    asked = request.POST.get("kind") or request.GET.get("kind") or "store_only"
    if asked not in connectors.destinations.kinds():
        raise Http404
    return _edited(request, Destination(automation=automation, kind=asked))


@require_http_methods(FORM_METHODS)
@known_to("automations.view_automation")
def changed(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Change a destination; its kind stays, for the ledger's sake."""
    services.require(request.user, "automations.change_destination")
    row = _row(slug, pk)
    if row.kind not in connectors.destinations.kinds():
        raise Http404
    return _edited(request, row)


@require_POST
@known_to("automations.view_automation")
def removed(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Remove a destination that has delivered nothing."""
    row = _row(slug, pk)
    tell(request, lambda: services.remove_connection(row, by=request.user), f"{row} is removed.")
    return redirect("automation_connections", slug)


@require_safe
@known_to("automations.view_run")
def dry_run(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Show what would be sent for the newest output; calls nobody."""
    row = _row(slug, pk)
    kind = connectors.destination_of(row.kind, row.settings)
    run = _newest_output(row.automation)
    context: dict[str, Any] = {
        "title": f"Dry run of {row.name}",
        "automation": row.automation,
        "row": row,
        "run": run,
        "leaves": kind.leaves,
        "promise": kind.promise_sentence,
        "back": reverse("automation_connections", args=[slug]),
        "may_edit": request.user.has_perm("automations.change_destination"),
    }
    try:
        parcel = _parcel(row, run) if run else fitting.example_parcel(row)
        preview = kind.preview(parcel)
        context["misfits"] = fitting.misfits(row, parcel, is_example=run is None)
        context |= {"where": preview.where, "parts": [_shown(*part) for part in preview.parts]}
    except Problem as problem:
        context["problem"] = problem.message
    return render(request, "automations/destination_dry_run.html", context)


def _row(slug: str, pk: int) -> Destination:
    rows = Destination.objects.select_related("automation")
    return get_object_or_404(rows, automation__slug=slug, pk=pk)


def _edited(request: HttpRequest, row: Destination) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    own = DestinationForm(posted, initial={"name": row.name, "is_active": row.is_active})
    form = settings_form("destinations", row.kind, posted, row.settings)
    if row.kind == "automation":
        offer_automations(form, row.automation)
    if own.is_bound and own.is_valid() & form.is_valid() and _saved(request, row, own, form):
        return redirect("destination", row.automation.slug, row.pk)
    return _page(request, row, [own, form])


def _saved(request: HttpRequest, row: Destination, own: forms.Form, form: forms.Form) -> bool:
    done = "saved" if row.pk else "added"
    row.name, row.is_active = own.cleaned_data["name"], own.cleaned_data["is_active"]
    row.settings = form.cleaned_data
    try:
        services.save_connection(row, by=request.user)
    except ValidationError as error:
        _place(error, own, form)
        return False
    messages.success(request, f"{row.name} is {done}.")
    return True


def _place(error: ValidationError, own: forms.Form, form: forms.Form) -> None:
    """Put each sentence beside the field it is about."""
    named = set(getattr(error, "error_dict", {}))
    for part in (own, form):
        if named and named <= set(part.fields):
            part.add_error(None, error)
            return
    own.add_error(None, sentences(error))


def _page(request: HttpRequest, row: Destination, parts: list[forms.Form]) -> HttpResponse:
    kind = connectors.destinations.get(row.kind)
    context = {
        "title": row.name if row.pk else "New destination",
        "automation": row.automation,
        "parts": parts,
        "kind": _choice(kind),
        "groups": [] if row.pk else list(_groups()),
        "promise": kind(row.settings).promise_sentence,
        "has_settings": bool(kind.settings_form.base_fields),
        "back": reverse("automation_connections", args=[row.automation.slug]),
        "row": row if row.pk else None,
        "read_by_people": kind.read_by_people,
        "worker_alive": Worker.alive().exists(),
    }
    return render(request, "automations/destination_form.html", context)


def _groups() -> Iterator[tuple[str, list[Choice]]]:
    known = {kind.kind: kind for kind in connectors.destinations}
    for label, shapes in GROUPS:
        yield label, [_choice(known[name], shape) for name, shape in shapes.items()]


def _choice(kind: type[connectors.Destination], shape: str = "") -> Choice:
    """Return what templates need of a kind; a class itself they would call."""
    return Choice(kind.kind, kind.label, kind.help, shape)


def _newest_output(automation: Automation) -> Run | None:
    runs = Run.objects.filter(automation_id=automation.slug, status=Run.Status.SUCCESS)
    return runs.order_by("-pk").first()


def _parcel(row: Destination, run: Run) -> connectors.Parcel:
    return connectors.Parcel(
        key=f"run-{run.pk}-{row.pk}",
        run_id=run.pk,
        automation=row.automation.slug,
        text=text_of(run.output_data),
        data=parcels.data_of(run.output_data),
        created_at=run.started_at or timezone.now(),
        depth=run.depth,
    )


def _shown(label: str, text: str) -> Mapping[str, Any]:
    return {"label": label, "text": text[:SHOWN_CHARS], "rest": max(0, len(text) - SHOWN_CHARS)}

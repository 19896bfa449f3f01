"""Where an automation's input comes from, where its output goes, what starts it: in real forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from automations import connectors, services
from automations.forms import DestinationForm, ScheduleForm, settings_form
from automations.models import Automation, Destination, Source, Trigger
from automations.views.access import known_to, sentences, tell
from automations.views.automations import destination_in_words, source_in_words

FORM_METHODS = ["GET", "HEAD", "POST"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of source or destination as the form offers it."""

    kind: str
    label: str
    help: str
    chosen: bool
    has_settings: bool


def _kinds(registry: Any, chosen: str, *, only: str = "") -> list[Choice]:
    return [
        Choice(k.kind, k.label, k.help, k.kind == chosen, bool(k.settings_form.base_fields))
        for k in registry
        if not only or k.kind == only
    ]


@require_safe
@known_to("automations.view_automation")
def listed(request: HttpRequest, slug: str) -> HttpResponse:
    """Show an automation's source, destinations and schedules."""
    automation = _automation(slug)
    source = getattr(automation, "source", None)
    context = {
        "title": "Connections",
        "automation": automation,
        "source": source_in_words(source) if source else None,
        "destinations": [destination_in_words(d) for d in automation.destinations.all()],
        "triggers": list(automation.triggers.all()),
        "may_edit": request.user.has_perm("automations.change_automation"),
    }
    return render(request, "automations/connection_list.html", context)


@require_http_methods(FORM_METHODS)
@known_to("automations.view_automation")
def source(request: HttpRequest, slug: str) -> HttpResponse:
    """Choose the source's kind (`?kind=`) and fill in its settings."""
    services.require(request.user, "automations.change_source")
    automation = _automation(slug)
    row = getattr(automation, "source", None) or Source(automation=automation)
    stored_kind, stored = row.kind, row.settings
    row.kind = _kind(request, "sources", row.kind)
    form = settings_form(
        "sources", row.kind, _posted(request), stored if row.kind == stored_kind else {}
    )
    if form.is_bound and form.is_valid():
        row.settings = form.cleaned_data
        if _saved(request, row, form):
            return redirect("automation_connections", slug)
    kinds = _kinds(connectors.sources, row.kind)
    return _page(request, automation, "Source", [form], kinds)


@require_http_methods(FORM_METHODS)
@known_to("automations.view_automation")
def new_destination(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a destination of the kind in `?kind=`."""
    services.require(request.user, "automations.add_destination")
    row = Destination(automation=_automation(slug))
    row.kind = _kind(request, "destinations", "store_only")
    return _edit_destination(request, row, "New destination")


@require_http_methods(FORM_METHODS)
@known_to("automations.view_automation")
def destination(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Change a destination; its kind stays, for the ledger's sake."""
    services.require(request.user, "automations.change_destination")
    row = get_object_or_404(Destination, automation__slug=slug, pk=pk)
    return _edit_destination(request, row, row.name)


def _edit_destination(request: HttpRequest, row: Destination, title: str) -> HttpResponse:
    posted = _posted(request)
    own = DestinationForm(posted, initial={"name": row.name, "is_active": row.is_active})
    form = settings_form("destinations", row.kind, posted, row.settings)
    if own.is_bound and own.is_valid() & form.is_valid():
        row.name, row.is_active = own.cleaned_data["name"], own.cleaned_data["is_active"]
        row.settings = form.cleaned_data
        if _saved(request, row, own):
            return redirect("automation_connections", row.automation.slug)
    kinds = _kinds(connectors.destinations, row.kind, only=row.kind if row.pk else "")
    return _page(request, row.automation, title, [own, form], kinds)


@require_http_methods(FORM_METHODS)
@known_to("automations.view_automation")
def new_schedule(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a schedule."""
    services.require(request.user, "automations.add_trigger")
    return _edit_schedule(request, Trigger(automation=_automation(slug)), "New schedule")


@require_http_methods(FORM_METHODS)
@known_to("automations.view_automation")
def schedule(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Change a schedule."""
    services.require(request.user, "automations.change_trigger")
    row = get_object_or_404(Trigger, automation__slug=slug, pk=pk)
    return _edit_schedule(request, row, "Schedule")


def _edit_schedule(request: HttpRequest, row: Trigger, title: str) -> HttpResponse:
    form = ScheduleForm(_posted(request), initial={**row.settings, "is_active": row.is_active})
    if form.is_bound and form.is_valid():
        row.settings, row.is_active = form.settings(), form.cleaned_data["is_active"]
        if _saved(request, row, form):
            return redirect("automation_connections", row.automation.slug)
    return _page(request, row.automation, title, [form], [])


@require_POST
@known_to("automations.view_automation")
def remove_destination(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Remove a destination that has delivered nothing."""
    row = get_object_or_404(Destination, automation__slug=slug, pk=pk)
    tell(request, lambda: services.remove_connection(row, by=request.user), f"{row} is removed.")
    return redirect("automation_connections", slug)


@require_POST
@known_to("automations.view_automation")
def remove_schedule(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Remove a schedule."""
    row = get_object_or_404(Trigger, automation__slug=slug, pk=pk)
    done = "The schedule is removed."
    tell(request, lambda: services.remove_connection(row, by=request.user), done)
    return redirect("automation_connections", slug)


def _automation(slug: str) -> Automation:
    return get_object_or_404(Automation.objects.select_related("source"), slug=slug)


def _posted(request: HttpRequest) -> Mapping[str, Any] | None:
    return request.POST if request.method == "POST" else None


def _kind(request: HttpRequest, registry: str, usual: str) -> str:
    """Return the kind that the form is for; 404 for one that does not exist."""
    asked = request.POST.get("kind") or request.GET.get("kind") or usual
    kinds: Any = connectors.sources if registry == "sources" else connectors.destinations
    if asked not in kinds.kinds():
        raise Http404
    return asked


def _saved(request: HttpRequest, row: Source | Destination | Trigger, form: forms.Form) -> bool:
    try:
        services.save_connection(row, by=request.user)
    except ValidationError as error:
        named = set(getattr(error, "error_dict", {}))
        form.add_error(None, error if named and named <= set(form.fields) else sentences(error))
        return False
    return True


def _page(
    request: HttpRequest, automation: Automation, title: str, parts: list[forms.Form],
    kinds: list[Choice],
) -> HttpResponse:  # fmt: skip
    context = {
        "title": title,
        "automation": automation,
        "parts": parts,
        "kinds": kinds,
        "kind": next((kind for kind in kinds if kind.chosen), None),
        "back": reverse("automation_connections", args=[automation.slug]),
    }
    return render(request, "automations/connection_form.html", context)

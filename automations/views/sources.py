"""Where an automation's input comes from: the kind, its settings, what it holds, what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from automations import connectors, services
from automations.connectors.base import Source as SourceKind
from automations.forms import offer_automations, settings_form
from automations.models import Automation, Source, Worker
from automations.views.access import known_to, sentences, tell

SHOWN_SEEN = 5
SHAPES = {
    "form": "keyboard",
    "upload": "upload",
    "file": "file",
    "object_store": "provider",
    "http_get": "external",
    "feed": "history",
    "automation": "automation",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of source as the page offers it."""

    kind: str
    label: str
    help: str
    shape: str
    has_settings: bool


def _choice(kind: type[SourceKind]) -> Choice:
    shape = SHAPES.get(kind.kind, "link")
    return Choice(kind.kind, kind.label, kind.help, shape, bool(kind.settings_form.base_fields))


@require_http_methods(["GET", "HEAD", "POST"])
@known_to("automations.view_automation")
def edited(request: HttpRequest, slug: str) -> HttpResponse:
    """Choose the source's kind (`?kind=`) and fill in its settings."""
    services.require(request.user, "automations.change_source")
    automation = _automation(slug)
    row = getattr(automation, "source", None) or Source(automation=automation)
    stored_kind, stored = row.kind, row.settings
    row.kind = _kind(request, row.kind)
    posted = request.POST if request.method == "POST" else None
    form = settings_form("sources", row.kind, posted, stored if row.kind == stored_kind else {})
    if row.kind == "automation":
        offer_automations(form, automation)
    if form.is_bound and form.is_valid() and _saved(request, row, form):
        messages.success(request, "The source is saved.")
        page = "source" if connectors.sources.get(row.kind).lists() else "automation_connections"
        return redirect(page, slug)
    return _page(request, row, form, is_stored=bool(row.pk) and row.kind == stored_kind)


@require_POST
@known_to("automations.view_automation")
def forget(request: HttpRequest, slug: str) -> HttpResponse:
    """Forget what the source has given, so that the next run takes it again."""
    source = get_object_or_404(Source, automation__slug=slug)
    done = "What was seen is forgotten; the next run takes it again."
    tell(request, lambda: services.forget_seen(source, by=request.user), done)
    return redirect("source", slug)


def _automation(slug: str) -> Automation:
    return get_object_or_404(Automation.objects.select_related("source"), slug=slug)


def _kind(request: HttpRequest, usual: str) -> str:
    """Return the kind that the form is for; 404 for one that does not exist."""
    asked = request.POST.get("kind") or request.GET.get("kind") or usual
    if asked not in connectors.sources.kinds():
        raise Http404
    return asked


def _saved(request: HttpRequest, row: Source, form: forms.Form) -> bool:
    row.settings = form.cleaned_data
    try:
        services.save_connection(row, by=request.user)
    except ValidationError as error:
        form.add_error(None, sentences(error))
        return False
    return True


def _page(request: HttpRequest, row: Source, form: forms.Form, *, is_stored: bool) -> HttpResponse:
    context = {
        "title": "Source",
        "automation": row.automation,
        "parts": [form],
        "kind": _choice(connectors.sources.get(row.kind)),
        "kinds": [_choice(known) for known in connectors.sources],
        "back": reverse("automation_connections", args=[row.automation.slug]),
        "stored": _stored(request, row) if is_stored and not form.is_bound else None,
    }
    return render(request, "automations/source_form.html", context)


def _stored(request: HttpRequest, row: Source) -> Mapping[str, Any]:
    """Return what is known of the stored source: what it reads, its last test, what was seen."""
    kind = connectors.sources.get(row.kind)(row.settings)
    return {
        "row": row,
        "summary": kind.summary(row.settings),
        "lists": kind.lists(),
        "remembers": kind.remembers,
        "seen": row.seen_items.count(),
        "newest_seen": row.seen_items.all()[:SHOWN_SEEN],
        "may_test": request.user.has_perm("automations.test_connection"),
        "worker_alive": Worker.alive().exists(),
    }

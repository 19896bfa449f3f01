"""Make a batch: choose a file or the source, map columns, see cost and time, start or discard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from automations import estimates, services
from automations.connectors import sources
from automations.errors import AutomationsError, NotAllowed, WrongState
from automations.models import Automation, Batch
from automations.rows import Plan
from automations.schemas import InputField, fields_of
from automations.services.batches import obstacles
from automations.text import clean_text, human_size
from automations.uploads import TOO_LARGE
from automations.views.access import known_to, tell


@dataclass(frozen=True, slots=True)
class Place:
    """One input field on the preview: the column and the constant that fill it."""

    field: InputField
    column: str
    constant: str


@require_http_methods(["GET", "HEAD", "POST"])
@known_to("automations.view_automation")
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for a file or offer what the source holds; a POST keeps it and shows its preview."""
    automation = get_object_or_404(
        Automation.objects.select_related("source", "live_version"), slug=slug
    )
    services.require(request.user, "automations.start_run")
    problem = ""
    if request.method == "POST":
        try:
            batch = _draft(request, automation)
        except NotAllowed:
            raise
        except AutomationsError as error:
            problem = str(error)
        else:
            return redirect(reverse("batch", args=[batch.pk]))
    context = {
        "title": "New batch",
        "automation": automation,
        "fields": fields_of(automation.input_schema),
        "largest": human_size(settings.MAX_BATCH_BYTES),
        "source": _listing_source(automation),
        "problem": problem,
    }
    return render(request, "automations/batch_form.html", context)


def _draft(request: HttpRequest, automation: Automation) -> Batch:
    if request.POST.get("from") == "source":
        pattern = clean_text(request.POST.get("pattern", "")).text.strip()[:200]
        return services.draft_from_source(automation, by=request.user, pattern=pattern)
    upload: UploadedFile[Any] | None = request.FILES.get("file")
    if getattr(request, TOO_LARGE, False):
        largest = human_size(settings.MAX_BATCH_BYTES)
        raise WrongState(f"The file is larger than {largest}; split it and upload the parts.")
    if upload is None:
        raise WrongState("Choose a file first.")
    return services.draft_from_file(automation, upload, by=request.user)


def _listing_source(automation: Automation) -> str:
    """Return in words what the source reads; '' when each run brings its input along."""
    source = getattr(automation, "source", None)
    if source is None or not source.settings:
        return ""
    return sources.get(source.kind).summary(source.settings)


def page(request: HttpRequest, batch: Batch) -> HttpResponse:
    """Show a draft: its first rows, where each field comes from, its faults, cost and time."""
    live = batch.automation.live_version
    options = batch.options
    rows = options.get("rows", 0)
    context = {
        "title": batch.name,
        "batch": batch,
        "options": options,
        "layout": options["layout"],
        "places": _places(batch),
        "sample": _sample(batch),
        "estimate": estimates.estimate(
            live, rows=rows - options.get("bad", 0), characters=options.get("characters", 0)
        )
        if live
        else None,
        "live": live,
        "obstacles": obstacles(batch),
        "may_start": request.user.has_perm("automations.start_run"),
    }
    return render(request, "automations/batch_draft.html", context)


def _places(batch: Batch) -> list[Place]:
    constants = batch.options.get("constants", {})
    return [
        Place(field, batch.mapping.get(field.name, ""), constants.get(field.name, ""))
        for field in fields_of(batch.automation.input_schema)
    ]


def _sample(batch: Batch) -> list[dict[str, Any]]:
    names = [field.name for field in fields_of(batch.automation.input_schema)]
    return [
        {"line": row["line"], "cells": [row["input"].get(name, "") for name in names]}
        for row in batch.options.get("sample", [])
    ]


@require_POST
@known_to("automations.view_batch")
def map_columns(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep where each input field comes from, and read the file again under that."""
    batch = get_object_or_404(Batch.objects.select_related("automation"), pk=pk)
    services.require(request.user, "automations.start_run")
    if batch.kind == Batch.Kind.FILE and batch.state == Batch.State.DRAFT:
        plan, skips = _plan(request, batch), "skips_bad" in request.POST
        verb = services.map_columns
        done = "Kept; the preview shows the file under it."
        tell(request, lambda: verb(batch, plan, skips_bad=skips, by=request.user), done)
    else:
        messages.error(request, "Only the file of a draft has columns to map.")
    return redirect(reverse("batch", args=[pk]))


def _plan(request: HttpRequest, batch: Batch) -> Plan:
    columns = batch.options["layout"]["columns"]
    names = batch.automation.input_names
    chosen = {name: request.POST.get(f"column_{name}", "") for name in names}
    typed = {n: clean_text(request.POST.get(f"constant_{n}", "")).text for n in names}
    return Plan(
        {name: column for name, column in chosen.items() if column in columns},
        {name: text for name, text in typed.items() if text},
    )


@require_POST
@known_to("automations.view_batch")
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Throw a draft away."""
    batch = get_object_or_404(Batch.objects.select_related("automation"), pk=pk)
    verb = services.discard_batch
    tell(request, lambda: verb(batch, by=request.user), f"{batch.name} was discarded.")
    gone = not Batch.objects.filter(pk=pk).exists()
    return redirect(batch.automation if gone else reverse("batch", args=[pk]))

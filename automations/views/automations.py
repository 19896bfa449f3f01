"""The page of one automation, and pausing, resuming and drafting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from automations import connectors, services, validators
from automations.answering import answerer_of
from automations.models import Automation, Destination, Run, Source, ValidatorRule
from automations.services.drills import standing
from automations.views.access import known_to, tell
from automations.views.paging import page_of
from automations.views.triggers import lines_of
from automations.waiting import stopped_providers

PAGE = 25
VERSIONS = 10


@dataclass(frozen=True, slots=True)
class Said:
    """A connection in words."""

    row: Source | Destination
    kind: str
    summary: str
    promise: str = ""


@require_safe
@known_to("automations.view_automation")
def shown(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what an automation is, its last runs and its versions."""
    related = ("owner", "deputy", "source", "live_version__provider", "live_version__published_by")
    automation = get_object_or_404(Automation.objects.select_related(*related), slug=slug)
    # What a drill or a try in the playground was answered says nothing about real work.
    real = Run.objects.light().filter(automation_id=automation.slug, is_simulated=False)
    runs = real.select_related("version")
    page = page_of(runs, request, size=PAGE)
    context = {
        "title": automation.name,
        "automation": automation,
        "page": page,
        "last_answered": next((run for run in page.rows if run.answered_by), None),
        "first_page": not {"before", "after"} & set(request.GET),
        **_recipe(automation),
        **_connections(automation),
        **_rights(request),
        "drilled": standing(automation),
    }
    return render(request, "automations/automation_detail.html", context)


def _recipe(automation: Automation) -> dict[str, Any]:
    live = automation.live_version
    rules = list(live.validator_rules.all()) if live else []
    versions = automation.versions.select_related("created_by", "published_by").defer(
        "system_prompt", "user_prompt", "examples", "output_schema", "output_template"
    )
    listed = list(versions.order_by("-number")[:VERSIONS])
    return {
        "live": live,
        "answerer": answerer_of(live) if live else None,
        "stopped_providers": stopped_providers(live.provider_id) if live else [],
        "input_rules": [in_words(r) for r in rules if r.direction == "input"],
        "output_rules": [in_words(r) for r in rules if r.direction == "output"],
        "versions": listed,
        "draft": next((version for version in listed if not version.is_published), None),
        "newest_published": next((version for version in listed if version.is_published), None),
    }


def in_words(rule: ValidatorRule) -> str:
    """Say what a check asks for: its label, then its settings."""
    kind = validators.registry.get(rule.kind)
    told = kind.summary(rule.settings)
    return f"{kind.label}: {told}" if told else kind.label


def _connections(automation: Automation) -> dict[str, Any]:
    source = getattr(automation, "source", None)
    return {
        "source": source_in_words(source) if source else None,
        "destinations": [destination_in_words(d) for d in automation.destinations.all()],
        "triggers": lines_of(automation),
    }


def source_in_words(source: Source) -> Said:
    """Say where input comes from."""
    kind = connectors.sources.get(source.kind)
    return Said(source, kind.label, kind.summary(source.settings))


def destination_in_words(destination: Destination) -> Said:
    """Say where output goes and what is promised about it."""
    kind = connectors.destination_of(destination.kind, destination.settings)
    return Said(destination, kind.label, kind.summary(kind.settings), kind.promise_sentence)


def _rights(request: HttpRequest) -> dict[str, bool]:
    wanted = {
        "may_start": "start_run",
        "may_pause": "pause_automation",
        "may_edit": "change_automation",
        "may_draft": "add_version",
        "may_publish": "publish_version",
        "may_release": "make_live",
    }
    return {name: request.user.has_perm(f"automations.{right}") for name, right in wanted.items()}


def _automation(slug: str) -> Automation:
    return get_object_or_404(Automation.objects.select_related("live_version"), slug=slug)


@require_POST
@known_to("automations.view_automation")
def pause(request: HttpRequest, slug: str) -> HttpResponse:
    """Pause an automation."""
    automation = _automation(slug)
    done = f"{automation} is paused; what is queued waits."
    tell(request, lambda: services.pause(automation, by=request.user), done)
    return redirect(automation)


@require_POST
@known_to("automations.view_automation")
def resume(request: HttpRequest, slug: str) -> HttpResponse:
    """Let a paused automation go on."""
    automation = _automation(slug)
    done = f"{automation} goes on."
    tell(request, lambda: services.resume(automation, by=request.user), done)
    return redirect(automation)

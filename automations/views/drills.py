"""The page of an automation's reliability drills: start one, watch it, and the earlier ones."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from automations import services, waiting
from automations.errors import AutomationsError, NotAllowed
from automations.forms import RunForm
from automations.models import Automation, Drill, Run, Version
from automations.services.drills import exercises_of, judge_drill, newest_input
from automations.views.access import known_to

SHOWN = 20
STOP_POLLING = 286
NEWEST, TYPED = "newest", "typed"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@known_to("automations.view_automation")
def shown(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the newest drill (or `?drill=`), the earlier ones, and the form that starts one."""
    automation = _automation(slug)
    sample = newest_input(automation)
    typed = request.POST.get("input") == TYPED or sample is None
    form = RunForm(automation, *(_sent(request) if typed else ()))
    if request.method == "POST" and _start(request, automation, form, sample, typed=typed):
        return redirect("drill", slug=slug)
    return render(request, "automations/drill.html", _page(request, automation, form, sample))


def _sent(request: HttpRequest) -> tuple[Any, ...]:
    return (request.POST, request.FILES) if request.method == "POST" else ()


def _start(
    request: HttpRequest, automation: Automation, form: RunForm, sample: Run | None, *, typed: bool
) -> bool:
    services.require(request.user, "automations.start_run")
    if typed and not form.is_valid():
        return False
    given = form.input_data() if typed or sample is None else sample.input_data
    try:
        version = _version(request, automation)
        services.start_drill(automation, given, by=request.user, version=version)
    except NotAllowed:
        raise
    except AutomationsError as error:
        messages.error(request, str(error))
        return False
    return True


def _version(request: HttpRequest, automation: Automation) -> Version | None:
    number = request.POST.get("version", "")
    if not (number.isascii() and number.isdigit() and len(number) < 9):
        return None
    return get_object_or_404(automation.versions, number=int(number))


@require_safe
@never_cache
@known_to("automations.view_automation")
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the live part of a drill; 286 (stop asking) when it has ended."""
    drill = _live(get_object_or_404(_drills(), pk=pk))
    answer = render(request, "automations/_drill_live.html", drill)
    if not drill["every"]:
        answer.status_code = STOP_POLLING
        answer.headers["HX-Refresh"] = "true"  # the form to drill again comes back
    return answer


def _page(
    request: HttpRequest, automation: Automation, form: RunForm, sample: Run | None
) -> dict[str, Any]:
    drills = list(_drills().filter(automation=automation)[:SHOWN])
    asked = request.GET.get("drill", "")
    chosen = next((d for d in drills if str(d.pk) == asked), drills[0] if drills else None)
    watched = _live(chosen) if chosen else {"drill": None}  # judges it
    live = automation.live_version
    return {
        "title": "Reliability drill",
        "automation": automation,
        "form": form,
        "sample": sample,
        "live_version": live,
        "versions": automation.versions.exclude(published_at=None).order_by("-number")[:SHOWN],
        "chosen_version": request.GET.get("version") or (str(live.number) if live else ""),
        "planned": exercises_of(live) if live and not drills else [],
        "history": [drill for drill in drills if drill != chosen],
        "undrilled": bool(live and chosen and chosen.finished_at and not _has_passed(drills, live)),
        "may_start": request.user.has_perm("automations.start_run"),
        **watched,
    }


def _has_passed(drills: list[Drill], version: Version) -> bool:
    return any(drill.passed and drill.version_id == version.pk for drill in drills)


def _live(drill: Drill) -> dict[str, Any]:
    drill = judge_drill(drill)
    runs = Run.objects.filter(pk__in=[row["run"] for row in drill.results])
    unsettled = (
        []
        if drill.finished_at
        else list(runs.queued().filter(calls=0).select_related("automation", "provider")[:1])
    )
    judged = sum(row["passed"] is not None for row in drill.results)
    return {
        "drill": drill,
        "judged": judged,
        "waits": [said for run in unsettled for said in waiting.obstacles(run)],
        "every": 0 if drill.finished_at else 2,
        "address": reverse("drill_progress", args=[drill.pk]),
    }


def _drills() -> Any:
    return Drill.objects.select_related("version__automation", "automation", "started_by")


def _automation(slug: str) -> Automation:
    return get_object_or_404(Automation.objects.select_related("live_version"), slug=slug)

"""The first page: the portfolio, or the way in when there is none yet; and the short guide."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from automations import services
from automations.models import Automation, Run, Worker
from automations.waiting import stopped_providers
from lifecycle.demo import loading

MOST = 200
WAITING = 5


@require_safe
@login_required
def portfolio(request: HttpRequest) -> HttpResponse:
    """Show every automation with its stage, live version and last run."""
    if not request.user.has_perm("automations.view_automation"):
        return render(request, "lifecycle/no_role.html", {"title": "Home"})
    automations = _automations()
    rights = {
        "may_add": request.user.has_perm("automations.add_automation"),
        "worker_alive": Worker.alive().exists(),
    }
    if not automations:
        return render(request, "lifecycle/start.html", {"title": "Start", **rights})
    context = {
        "title": "Automations",
        "rows": _with_last_runs(automations),
        "waiting": _waiting(),
        "stopped": stopped_providers(),
        **rights,
    }
    return render(request, "lifecycle/portfolio.html", context)


def _automations() -> list[Any]:
    newest = Run.objects.filter(automation_id=OuterRef("slug")).order_by("-pk").values("pk")
    found = Automation.objects.select_related("live_version", "owner").defer("input_schema")
    return list(found.annotate(last_run_pk=Subquery(newest[:1])).order_by("name")[:MOST])


def _with_last_runs(automations: list[Any]) -> list[tuple[Automation, Run | None]]:
    keys = [automation.last_run_pk for automation in automations if automation.last_run_pk]
    runs = Run.objects.light().in_bulk(keys)
    return [(automation, runs.get(automation.last_run_pk)) for automation in automations]


def _waiting() -> list[Run]:
    """Return the oldest runs that wait for a person."""
    waiting = Run.objects.light().filter(status=Run.Status.AWAITING_APPROVAL)
    return list(waiting.select_related("automation").order_by("pk")[:WAITING])


@require_safe
@login_required
def start(request: HttpRequest) -> HttpResponse:
    """Show the three ways to start."""
    context = {
        "title": "Start",
        "may_add": request.user.has_perm("automations.add_automation"),
        "worker_alive": Worker.alive().exists(),
    }
    return render(request, "lifecycle/start.html", context)


@require_POST
@login_required
def load_example(request: HttpRequest) -> HttpResponse:
    """Load the example automations."""
    services.require(request.user, "automations.add_automation")
    loading.load()
    messages.success(request, "The example automations are loaded; open one and run it.")
    return redirect("portfolio")


@require_safe
@login_required
def guide(request: HttpRequest) -> HttpResponse:
    """Explain the words and the way from an idea to a run."""
    return render(request, "lifecycle/guide.html", {"title": "How Lifecycle works"})

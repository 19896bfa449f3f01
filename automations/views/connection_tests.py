"""The Test buttons of sources and destinations, and what they found, live."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from automations import services
from automations.models import Destination, Source, Worker
from automations.views.access import known_to, tell

STOP_POLLING = 286


@require_POST
@known_to("automations.view_automation")
def test_source(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask a worker to reach the source as it is stored."""
    _ask(request, _source(slug))
    return redirect("source", slug)


@require_POST
@known_to("automations.view_automation")
def test_destination(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Ask a worker to reach the destination as it is stored."""
    _ask(request, _destination(slug, pk))
    return redirect("destination", slug, pk)


@require_POST
@known_to("automations.view_automation")
def send_message(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Ask a worker to send one message that says it is a test."""
    row = _destination(slug, pk)
    done = "The test message is being sent."
    tell(request, lambda: services.ask_for_test_message(row, by=request.user), done)
    return redirect("destination", slug, pk)


@require_safe
@never_cache
@known_to("automations.view_automation")
def source_tested(request: HttpRequest, slug: str) -> HttpResponse:
    """Return what the test of the source found; 286 (stop asking) when none is under way."""
    return _found(request, _source(slug))


@require_safe
@never_cache
@known_to("automations.view_automation")
def destination_tested(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Return what the test of the destination found; 286 when none is under way."""
    return _found(request, _destination(slug, pk))


def _source(slug: str) -> Source:
    return get_object_or_404(Source.objects.select_related("automation"), automation__slug=slug)


def _destination(slug: str, pk: int) -> Destination:
    rows = Destination.objects.select_related("automation")
    return get_object_or_404(rows, automation__slug=slug, pk=pk)


def _ask(request: HttpRequest, row: Source | Destination) -> None:
    done = "The connection is being tested."
    tell(request, lambda: services.ask_for_connection_test(row, by=request.user), done)


def _found(request: HttpRequest, row: Source | Destination) -> HttpResponse:
    context = {"row": row, "worker_alive": Worker.alive().exists()}
    answer = render(request, "automations/_connection_test.html", context)
    answer.status_code = 200 if row.is_being_tested else STOP_POLLING
    return answer

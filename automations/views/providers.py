"""Testing a provider's connection, and the state it is in, live."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from automations import services
from automations.models import Provider, Worker
from automations.views.access import known_to, tell

STOP_POLLING = 286


@require_POST
@known_to("automations.view_provider")
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask a worker to call the provider once."""
    provider = get_object_or_404(Provider, pk=pk)
    verb = services.ask_for_test
    tell(request, lambda: verb(provider, by=request.user), "The connection is being tested.")
    return redirect(reverse("admin:automations_provider_change", args=[pk]))


@require_safe
@never_cache
@known_to("automations.view_provider")
def state(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the provider's state; 286 (stop asking) when no test is under way."""
    provider = get_object_or_404(Provider, pk=pk)
    answer = render(request, "automations/_provider_state.html", state_of(provider))
    answer.status_code = 200 if provider.is_being_tested else STOP_POLLING
    return answer


def state_of(provider: Provider) -> dict[str, object]:
    """Return what the state fragment shows."""
    return {"provider": provider, "worker_alive": Worker.alive().exists()}

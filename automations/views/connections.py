"""Where an automation's input comes from, where its output goes, what starts it: on one page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from automations.models import Automation
from automations.views.access import known_to
from automations.views.automations import destination_in_words, source_in_words
from automations.views.triggers import startable_by_others


@require_safe
@known_to("automations.view_automation")
def listed(request: HttpRequest, slug: str) -> HttpResponse:
    """Show an automation's source, destinations and triggers."""
    automation = get_object_or_404(Automation.objects.select_related("source"), slug=slug)
    source = getattr(automation, "source", None)
    context = {
        "title": "Connections",
        "automation": automation,
        "source": source_in_words(source) if source else None,
        "destinations": [destination_in_words(d) for d in automation.destinations.all()],
        **startable_by_others(automation),
        "may_edit": request.user.has_perm("automations.change_automation"),
    }
    return render(request, "automations/connection_list.html", context)

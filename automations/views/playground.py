"""The playground: try any version on any input; nothing is delivered, nothing counts."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from automations import services
from automations.errors import AutomationsError, NotAllowed
from automations.models import Automation, Run, Version
from automations.playground import TryForm, versions_of
from automations.views.access import known_to, sentences

LARGEST_KEY = 2**63 - 1


@require_http_methods(["GET", "HEAD", "POST"])
@known_to("automations.view_automation")
def shown(request: HttpRequest, slug: str) -> HttpResponse:
    """Show an input to try, taken from `?run=` if given; a POST tries it and shows the run."""
    services.require(request.user, "automations.start_run")
    related = Automation.objects.select_related("source", "live_version__provider")
    automation = get_object_or_404(related, slug=slug)
    versions = versions_of(automation)
    taken = _taken(request, automation)
    form = _form(request, automation, versions, taken)
    if form.is_bound and form.is_valid():
        tried = _tried(request, form, form.chosen())
        if tried:
            return redirect(tried)
    context = {
        "title": "Playground",
        "automation": automation,
        "versions": versions,
        "taken": taken,
        "form": form,
        "may_draft": request.user.has_perm("automations.add_version"),
    }
    return render(request, "automations/playground.html", context)


def _taken(request: HttpRequest, automation: Automation) -> Run | None:
    """Return the run of this automation whose input is taken."""
    key = request.GET.get("run", "")
    if not (key.isascii() and key.isdigit() and int(key) <= LARGEST_KEY):
        return None
    runs = automation.runs.only("id", "automation", "version", "input_data")
    return runs.filter(pk=int(key)).first()


def _form(
    request: HttpRequest, automation: Automation, versions: list[Version], taken: Run | None
) -> TryForm:
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    given = taken.input_data if taken else {}
    wanted = request.GET.get("version", "")
    chosen = next((v.pk for v in versions if str(v.pk) == wanted), None)
    return TryForm(automation, *posted, versions=versions, given=given, chosen=chosen)


def _tried(request: HttpRequest, form: TryForm, version: Version) -> Run | None:
    key = str(form.cleaned_data["key"])
    data: dict[str, Any] = form.input_data()
    try:
        return services.try_version(version, data, by=request.user, key=key)
    except IntegrityError:
        # The same form sent twice at the same moment: the other one was first.
        return version.automation.runs.get(idempotency_key=key)
    except NotAllowed:
        raise
    except ValidationError as error:
        messages.error(request, f"{version} cannot be tried yet. {sentences(error)}")
    except AutomationsError as error:
        messages.error(request, str(error))
    return None

"""The playground: try any version on any input; nothing is delivered, nothing counts."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from automations import services
from automations.errors import AutomationsError, NotAllowed
from automations.models import Automation, Run, Version
from automations.playground import TryForm, Wish, key_of, recent_inputs, versions_of
from automations.views.access import known_to, sentences

ALONE = "none"


@require_http_methods(["GET", "HEAD", "POST"])
@known_to("automations.view_automation")
def shown(request: HttpRequest, slug: str) -> HttpResponse:
    """Show an input to try, taken from `?run=` if given.

    A POST tries it and shows the run, or both runs side by side.
    """
    services.require_one(request.user, *services.TRY)
    related = Automation.objects.select_related("source", "live_version__provider")
    automation = get_object_or_404(related, slug=slug)
    wish = _wish(request)
    versions = versions_of(automation, wish.version, wish.against)
    taken = _taken(request, automation)
    form = _form(request, automation, versions, taken)
    if form.is_bound and form.is_valid():
        address = _tried(request, form)
        if address:
            return redirect(address)
    context = {
        "title": "Playground",
        "automation": automation,
        "versions": versions,
        "taken": taken,
        "recent": recent_inputs(automation),
        "chosen": form["version"].value(),
        "against": form["against"].value() or ALONE,
        "form": form,
    }
    return render(request, "automations/playground.html", context)


def _wish(request: HttpRequest) -> Wish:
    asked = request.GET.get("against", "")
    version = key_of(request.GET.get("version", ""))
    return Wish(version, key_of(asked), alone=asked == ALONE)


def _taken(request: HttpRequest, automation: Automation) -> Run | None:
    """Return the run of this automation whose input is taken."""
    runs = automation.runs.only("id", "automation", "version", "input_data")
    key = key_of(request.GET.get("run", ""))
    return runs.filter(pk=key).first() if key else None


def _form(
    request: HttpRequest, automation: Automation, versions: list[Version], taken: Run | None
) -> TryForm:
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    given = taken.input_data if taken else {}
    return TryForm(automation, *posted, versions=versions, given=given, wish=_wish(request))


def _tried(request: HttpRequest, form: TryForm) -> str:
    """Start what the form asks for and return the address of its outcome; "" if it cannot."""
    try:
        return _start(request, form)
    except NotAllowed:
        raise
    except ValidationError as error:
        messages.error(request, f"{_faulty(form)} cannot be tried yet. {sentences(error)}")
    except AutomationsError as error:
        messages.error(request, str(error))
    return ""


def _start(request: HttpRequest, form: TryForm) -> str:
    version, against = form.chosen(), form.compared()
    data, key = form.input_data(), form.run_key()
    if against is None:
        run = services.try_version(version, data, by=request.user, key=key)
        return run.get_absolute_url()
    pair = services.try_pair(version, against, data, by=request.user, key=key)
    return reverse("playground_pair", args=[version.automation.slug, *(run.pk for run in pair)])


def _faulty(form: TryForm) -> Version:
    """Return which of the versions has a fault."""
    version, against = form.chosen(), form.compared()
    if against is None or against.is_published:
        return version
    try:
        version.full_clean(exclude=["number"])
    except ValidationError:
        return version
    return against

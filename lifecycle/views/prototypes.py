"""The prototype: its clock, day goals, criteria and verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from automations.errors import AutomationsError, NotAllowed
from automations.models import Automation
from automations.services import require
from automations.views.access import known_to
from lifecycle import criteria, intervals, prototypes, services
from lifecycle.evidence import prototyping
from lifecycle.evidence.subject import Subject
from lifecycle.forms.prototypes import ExtendForm, StartForm, VerdictForm
from lifecycle.models import Extension, Prototype, Scorecard

MOST = 20


@require_safe
@never_cache
@known_to("lifecycle.view_prototype")
def shown(request: HttpRequest, slug: str) -> HttpResponse:
    """Show how far the three days are, and what they have shown."""
    return _page(request, _automation(slug))


@require_POST
@never_cache
@known_to("lifecycle.view_prototype")
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """Start the clock by hand."""
    automation, form = _automation(slug), StartForm(request.POST)
    verb = services.start_prototype
    done = "The clock of 72 hours is running."
    return _act(request, automation, form, lambda told: verb(automation, **told), done)


@require_POST
@never_cache
@known_to("lifecycle.view_prototype")
def extend(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a prototype more time."""
    prototype, form = _prototype(pk), ExtendForm(request.POST)
    verb, done = services.extend_prototype, "It has more time."
    return _act(request, prototype.automation, form, lambda told: verb(prototype, **told), done)


@require_POST
@never_cache
@known_to("lifecycle.view_prototype")
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """End a prototype with a verdict."""
    prototype, form = _prototype(pk), VerdictForm(request.POST)
    verb, done = services.decide_prototype, "The verdict is kept, with what was measured."
    return _act(request, prototype.automation, form, lambda told: verb(prototype, **told), done)


def _automation(slug: str) -> Automation:
    related = ("owner", "deputy", "live_version")
    return get_object_or_404(Automation.objects.select_related(*related), slug=slug)


def _prototype(pk: int) -> Prototype:
    related = ("automation__owner", "automation__live_version")
    return get_object_or_404(Prototype.objects.select_related(*related), pk=pk)


def _act(
    request: HttpRequest,
    automation: Automation,
    form: forms.Form,
    verb: Callable[[dict[str, Any]], object],
    done: str,
) -> HttpResponse:
    """Do what was sent and return to the page; what is wrong with it is said in its form."""
    right = "add" if isinstance(form, StartForm) else "change"
    require(request.user, f"lifecycle.{right}_prototype")
    if form.is_valid():
        try:
            verb({**form.cleaned_data, "by": request.user})
        except NotAllowed:
            raise
        except ValidationError as error:
            form.add_error(None, error)
        except AutomationsError as error:
            messages.error(request, str(error))
            return redirect("prototype", automation.slug)
        else:
            messages.success(request, done)
            return redirect("prototype", automation.slug)
    return _page(request, automation, form)


def _page(
    request: HttpRequest, automation: Automation, sent: forms.Form | None = None
) -> HttpResponse:
    now = timezone.now()
    history = _history(automation)
    newest = history[0] if history else None
    measured = prototypes.measured_criteria(automation, now=now)
    context = {
        "title": f"Prototype of {automation}",
        "automation": automation,
        "history": history,
        "prototype": newest,
        "clock": prototypes.clock(newest, now) if newest else None,
        "goals": prototypes.day_goals(newest, now) if newest else (),
        "measured": measured,
        "interval": intervals.drawn(prototyping.approval(Subject(automation, now)), target=70),
        "scorecard": _scorecard(automation),
        "aims": criteria.aims_of(automation, now=now),
        **_starting(automation, newest),
        **_forms(sent, newest, prototypes.suggested(measured)),
        "may_add": request.user.has_perm("lifecycle.add_prototype"),
        "may_change": request.user.has_perm("lifecycle.change_prototype"),
    }
    return render(request, "lifecycle/prototype.html", context)


def _history(automation: Automation) -> list[Prototype]:
    """Return the prototypes, the newest first, with their extensions."""
    extensions = Prefetch("extensions", queryset=Extension.objects.select_related("by"))
    related = ("started_by", "decided_by")
    rows = Prototype.objects.filter(automation=automation).select_related(*related)
    found = list(rows.prefetch_related(extensions).order_by("-pk")[:MOST])
    for row in found:
        row.automation = automation
    return found


def _scorecard(automation: Automation) -> int | None:
    """Return the key of the current scorecard."""
    cards = Scorecard.objects.filter(automation=automation).newest_first()
    return cards.values_list("pk", flat=True).first()


def _starting(automation: Automation, newest: Prototype | None) -> dict[str, Any]:
    early = automation.stage in prototypes.EARLY
    can = early and (newest is None or not newest.is_open)
    waits = early and newest is None
    return {
        "first_run": prototypes.first_run(automation, timezone.now()) if waits else None,
        "early": early,
        "can_start": can,
        "objection": prototypes.objection(automation) if can else "",
    }


def _forms(
    sent: forms.Form | None, newest: Prototype | None, suggestion: Prototype.Verdict
) -> dict[str, Any]:
    """Return the page's forms, fresh but for the one that was sent.

    While there is time left, what is not met may still be: no verdict but "go" is chosen already.
    """
    is_early = bool(newest and timezone.now() <= newest.due_at) and suggestion != prototypes.GO
    initial = {} if is_early else {"verdict": suggestion.value}
    return {
        "suggestion": suggestion,
        "suggests_early": is_early,
        "start_form": sent if isinstance(sent, StartForm) else StartForm(),
        "extend_form": sent if isinstance(sent, ExtendForm) else ExtendForm(),
        "verdict_form": sent if isinstance(sent, VerdictForm) else VerdictForm(initial=initial),
    }

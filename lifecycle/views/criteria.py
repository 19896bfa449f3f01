"""Success criteria and failure modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from automations.errors import AutomationsError, NotAllowed
from automations.models import Automation
from automations.services import require
from automations.views.access import known_to, tell
from lifecycle import criteria, services
from lifecycle import failure_modes as failing
from lifecycle.failure_modes import What
from lifecycle.forms.prototypes import CriterionForm, FailureModeForm
from lifecycle.models import Criterion, FailureMode

FORM_METHODS = ["GET", "HEAD", "POST"]


# --- success criteria ----------------------------------------------------------------------


@require_http_methods(FORM_METHODS)
@known_to("lifecycle.view_criterion")
def listed(request: HttpRequest, slug: str) -> HttpResponse:
    """Show an automation's criteria beside what is measured, and add one."""
    automation = _automation(slug)
    form = CriterionForm(request.POST or None)
    if request.method == "POST":
        require(request.user, "lifecycle.add_criterion")
        verb = services.add_criterion
        if _saved(request, form, lambda told: verb(automation, **told)):
            _warn(request, automation)
            return redirect("criteria", slug)
    rows = list(automation.criteria.order_by("pk"))
    context = {
        "title": "Success criteria",
        "automation": automation,
        "aims": criteria.aims_of(automation),
        "contradictions": criteria.contradictions(rows),
        "suggestions": criteria.suggestions(rows),
        "form": form,
        "may_add": request.user.has_perm("lifecycle.add_criterion"),
        "may_change": request.user.has_perm("lifecycle.change_criterion"),
        "may_remove": request.user.has_perm("lifecycle.delete_criterion"),
    }
    return render(request, "lifecycle/criterion_list.html", context)


@require_http_methods(FORM_METHODS)
@known_to("lifecycle.view_criterion")
def edited(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a criterion."""
    criterion = _criterion(pk)
    require(request.user, "lifecycle.change_criterion")
    form = CriterionForm(request.POST or None, initial=_values(criterion))
    if request.method == "POST":
        verb = services.change_criterion
        if _saved(request, form, lambda told: verb(criterion, **told)):
            _warn(request, criterion.automation)
            return redirect("criteria", criterion.automation.slug)
    context = {
        "title": "Change a criterion",
        "automation": criterion.automation,
        "criterion": criterion,
        "form": form,
    }
    return render(request, "lifecycle/criterion_form.html", context)


@require_POST
@known_to("lifecycle.view_criterion")
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a criterion."""
    criterion = _criterion(pk)
    verb, done = services.remove_criterion, f"“{criterion}” is removed."
    tell(request, lambda: verb(criterion, by=request.user), done)
    return redirect("criteria", criterion.automation.slug)


def _warn(request: HttpRequest, automation: Automation) -> None:
    for sentence in criteria.contradictions(list(automation.criteria.order_by("pk"))):
        messages.warning(request, sentence)


def _values(criterion: Criterion) -> dict[str, Any]:
    number = f"{criterion.number.normalize():f}"
    return {
        "metric": criterion.metric,
        "operator": criterion.operator,
        "number": number,
        "note": criterion.note,
    }


# --- failure modes -------------------------------------------------------------------------


@require_http_methods(FORM_METHODS)
@known_to("lifecycle.view_failuremode")
def failure_modes(request: HttpRequest, slug: str) -> HttpResponse:
    """Show how an automation was seen to fail and what is written about it; write about one."""
    automation = _automation(slug)
    what = _what(request)
    form = FailureModeForm(request.POST or None, initial={"title": what.title})
    if request.method == "POST":
        require(request.user, "lifecycle.add_failuremode")
        verb = services.write_failure_mode
        if _saved(request, form, lambda told: verb(automation, what=what, **told)):
            return redirect("failure_modes", slug)
    modes = list(automation.failure_modes.select_related("written_by").order_by("pk"))
    context = {
        "title": "Failure modes",
        "automation": automation,
        "seen": failing.seen_of(automation, modes),
        "modes": [(mode, failing.what_of(mode).title) for mode in modes],
        "what": what,
        "form": form,
        "may_add": request.user.has_perm("lifecycle.add_failuremode"),
        "may_change": request.user.has_perm("lifecycle.change_failuremode"),
        "may_remove": request.user.has_perm("lifecycle.delete_failuremode"),
    }
    return render(request, "lifecycle/failuremode_list.html", context)


def _what(request: HttpRequest) -> What:
    """Return what the address or the form says was observed."""
    sent = request.POST if request.method == "POST" else request.GET
    category, code, reason = (sent.get(name, "") for name in ("category", "code", "reason"))
    what = What(category, code, reason)
    return what if what.is_possible or request.method == "POST" else What()


@require_http_methods(FORM_METHODS)
@known_to("lifecycle.view_failuremode")
def edit_failure_mode(request: HttpRequest, pk: int) -> HttpResponse:
    """Change the words of a failure mode."""
    mode = _mode(pk)
    require(request.user, "lifecycle.change_failuremode")
    initial = {"title": mode.title, "response": mode.response}
    form = FailureModeForm(request.POST or None, initial=initial)
    if request.method == "POST":
        verb = services.change_failure_mode
        if _saved(request, form, lambda told: verb(mode, **told)):
            return redirect("failure_modes", mode.automation.slug)
    context = {
        "title": "Change a failure mode",
        "automation": mode.automation,
        "mode": mode,
        "about": failing.what_of(mode).title,
        "form": form,
    }
    return render(request, "lifecycle/failuremode_form.html", context)


@require_POST
@known_to("lifecycle.view_failuremode")
def remove_failure_mode(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a failure mode."""
    mode = _mode(pk)
    verb, done = services.remove_failure_mode, f"“{mode}” is removed."
    tell(request, lambda: verb(mode, by=request.user), done)
    return redirect("failure_modes", mode.automation.slug)


# --- what both need ------------------------------------------------------------------------


def _saved(
    request: HttpRequest, form: forms.BaseForm, verb: Callable[[dict[str, Any]], object]
) -> bool:
    """Do what a form asks for; what is wrong with it is said in it. Tell whether it was done."""
    if not form.is_valid():
        return False
    try:
        verb({**form.cleaned_data, "by": request.user})
    except NotAllowed:
        raise
    except ValidationError as error:
        form.add_error(None, error)
        return False
    except AutomationsError as error:
        form.add_error(None, str(error))
        return False
    messages.success(request, "Saved.")
    return True


def _automation(slug: str) -> Automation:
    return get_object_or_404(Automation.objects.select_related("live_version"), slug=slug)


def _criterion(pk: int) -> Criterion:
    return get_object_or_404(Criterion.objects.select_related("automation"), pk=pk)


def _mode(pk: int) -> FailureMode:
    return get_object_or_404(FailureMode.objects.select_related("automation"), pk=pk)

"""The checks of a version: listed, added, changed, moved; tried on past runs before they count."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, TimestampSigner
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from automations import services, validators
from automations.backtests import BackTest, back_test
from automations.errors import AutomationsError, NotAllowed
from automations.models import ValidatorRule, Version
from automations.validators import Validator
from automations.views.access import known_to, sentences, tell

FORM_METHODS = ["GET", "HEAD", "POST"]
SEEN_FOR_S = 3600
STEPS = {"up": -1, "down": 1}


@dataclass(frozen=True, slots=True)
class Said:
    """A check in words."""

    row: ValidatorRule
    label: str
    settings: str
    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of check as the form shows it."""

    kind: str
    label: str
    help: str
    has_settings: bool


@require_safe
@known_to("automations.view_version")
def listed(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a version's checks by direction, in the order in which they judge."""
    version = _version(pk)
    rules = list(version.validator_rules.all())
    context = {
        "title": "Checks",
        "version": version,
        "automation": version.automation,
        "parts": [(value, label, _said(rules, value)) for value, label in _directions()],
        "may_edit": request.user.has_perm("automations.change_validatorrule"),
        "may_draft": request.user.has_perm("automations.add_version"),
    }
    return render(request, "automations/check_list.html", context)


def _directions() -> list[tuple[str, str]]:
    return [(str(value), str(label)) for value, label in ValidatorRule.Direction.choices]


def _said(rules: list[ValidatorRule], direction: str) -> list[Said]:
    mine = [rule for rule in rules if rule.direction == direction]
    last = len(mine) - 1
    return [
        Said(rule, kind.label, kind.summary(rule.settings), at == 0, at == last)
        for at, rule in enumerate(mine)
        for kind in [validators.registry.get(rule.kind)]
    ]


@require_http_methods(FORM_METHODS)
@known_to("automations.view_version")
def new(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a check of the direction in `?direction=` and the kind in `?kind=`."""
    services.require(request.user, "automations.add_validatorrule")
    direction = request.GET.get("direction", ValidatorRule.Direction.OUTPUT)
    if direction not in ValidatorRule.Direction.values:
        raise Http404
    known = validators.kinds(direction)
    kind = request.GET.get("kind", known[0])
    if kind not in known:
        raise Http404
    settings = validators.registry.get(kind).defaults(direction)
    rule = ValidatorRule(version=_version(pk), direction=direction, kind=kind, settings=settings)
    return _edit(request, rule)


@require_http_methods(FORM_METHODS)
@known_to("automations.view_version")
def shown(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a check's settings; its kind stays."""
    services.require(request.user, "automations.change_validatorrule")
    return _edit(request, _rule(pk))


@require_POST
@known_to("automations.view_version")
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a check."""
    rule = _rule(pk)
    label = validators.registry.get(rule.kind).label
    done = f"The {rule.get_direction_display().lower()} check “{label}” is removed."
    tell(request, lambda: services.remove_check(rule, by=request.user), done)
    return _to_list(rule)


@require_POST
@known_to("automations.view_version")
def move(request: HttpRequest, pk: int) -> HttpResponse:
    """Move a check up or down among those of its direction."""
    rule, steps = _rule(pk), STEPS.get(request.POST.get("to", ""), 0)
    verb = services.move_check
    tell(request, lambda: verb(rule, steps=steps, by=request.user), "The order is changed.")
    return _to_list(rule)


def _edit(request: HttpRequest, rule: ValidatorRule) -> HttpResponse:
    kind = validators.registry.get(rule.kind)
    posted = request.POST if request.method == "POST" else None
    form = kind.settings_form(posted, initial=rule.settings)
    if rule.version.is_published:
        return _page(request, rule, kind, form=None)
    if not form.is_bound or not form.is_valid():
        return _page(request, rule, kind, form=form)
    return _try_or_save(request, rule, kind, form)


def _try_or_save(
    request: HttpRequest, rule: ValidatorRule, kind: type[Validator], form: forms.Form
) -> HttpResponse:
    """Save what has been seen on past runs or fails none of them; else show what it fails."""
    settings, wants_save = form.cleaned_data, request.POST.get("do") == "save"
    mark = _mark(request, rule, settings)
    known = bool(rule.pk and settings == rule.settings) or _was_seen(request, mark)
    tried = None if wants_save and known else _tried(rule, settings)
    if wants_save and (tried is None or tried.is_harmless):
        if _saved(request, rule, form, tried):
            return _to_list(rule)
        tried = None
    seen = TimestampSigner(salt="check-seen").sign(mark) if tried else ""
    return _page(
        request, rule, kind, form=form, tried=tried, seen=seen, asks=bool(tried and wants_save)
    )


def _mark(request: HttpRequest, rule: ValidatorRule, settings: dict[str, Any]) -> str:
    """Return what a person has seen when they have seen these settings tried."""
    what = [request.user.pk, rule.version_id, rule.pk, rule.direction, rule.kind, settings]
    return json.dumps(what, sort_keys=True, default=str)


def _was_seen(request: HttpRequest, mark: str) -> bool:
    signer = TimestampSigner(salt="check-seen")
    try:
        return signer.unsign(request.POST.get("seen", ""), max_age=SEEN_FOR_S) == mark
    except BadSignature:
        return False


def _tried(rule: ValidatorRule, settings: dict[str, Any]) -> BackTest:
    return back_test(rule.version.automation, rule.direction, rule.kind, settings)


def _saved(
    request: HttpRequest, rule: ValidatorRule, form: forms.Form, tried: BackTest | None
) -> bool:
    rule.settings = form.cleaned_data
    try:
        services.save_check(rule, by=request.user)
    except ValidationError as error:
        form.add_error(None, sentences(error))
        return False
    except NotAllowed:
        raise
    except AutomationsError as error:
        messages.error(request, str(error))
        return True
    found = f" {tried.sentence}" if tried else ""
    messages.success(request, f"The check is saved.{found}")
    return True


def _page(
    request: HttpRequest, rule: ValidatorRule, kind: type[Validator], **more: Any
) -> HttpResponse:
    version = rule.version
    context = {
        "title": f"{kind.label}, {rule.direction}" if rule.pk else f"New {rule.direction} check",
        "version": version,
        "automation": version.automation,
        "rule": rule,
        # Not the class itself: a template would call it.
        "kind": Kind(kind.kind, kind.label, kind.help, bool(kind.settings_form.base_fields)),
        "kinds": [] if rule.pk else validators.choices(rule.direction),
        "settings_in_words": kind.summary(rule.settings),
        "back": reverse("version_checks", args=[version.pk]),
        "may_draft": request.user.has_perm("automations.add_version"),
        **more,
    }
    return render(request, "automations/check_form.html", context)


def _to_list(rule: ValidatorRule) -> HttpResponse:
    return redirect("version_checks", rule.version_id)


def _version(pk: int) -> Version:
    return get_object_or_404(Version.objects.select_related("automation__live_version"), pk=pk)


def _rule(pk: int) -> ValidatorRule:
    related = ValidatorRule.objects.select_related("version__automation__live_version")
    return get_object_or_404(related, pk=pk)

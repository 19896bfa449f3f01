"""What starts an automation by itself: its triggers in forms, their addresses, their history."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from automations import connectors, curl, services, triggers
from automations.environment import read as read_environment
from automations.errors import NotAllowed
from automations.forms import ChainForm, HookForm, TriggerForm
from automations.models import Automation, Hook, Trigger
from automations.services.hooks import Shown
from automations.services.loops import CHAIN, upstream_of
from automations.stops import stopped_because
from automations.triggers import cron
from automations.triggers.schedule import PRESETS, Schedule
from automations.views.access import known_to, sentences, tell

FORM_METHODS = ["GET", "HEAD", "POST"]
SHOWN_TIMES = 5
HISTORY = 50
MADE, REMEMBERED = "triggers_made", 20


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of trigger as the form offers it."""

    kind: str
    label: str
    help: str


@dataclass(frozen=True, slots=True)
class Line:
    """A trigger as the lists show it; `stopped` says what keeps an active one from starting."""

    row: Trigger
    kind: str
    summary: str
    stopped: str


def lines_of(automation: Automation) -> list[Line]:
    """Return an automation's triggers, ready for a list."""
    stopped = stopped_because(automation)
    return [_line(row, stopped) for row in automation.triggers.order_by("pk")]


def _line(row: Trigger, stopped: str) -> Line:
    known = row.kind in triggers.kinds.kinds()
    label = triggers.kinds.get(row.kind).label if known else row.kind
    return Line(row, label, str(row), stopped if row.is_active else "")


def startable_by_others(automation: Automation) -> dict[str, Any]:
    """Return what the connections page says of triggers, chains and the API."""
    place = reverse("api:start_run", args=[automation.slug])
    return {
        "triggers": lines_of(automation),
        "upstream": upstream_of(automation),
        "api_line": curl.api_line(f"{settings.SITE_URL}{place}", automation),
    }


@require_http_methods(FORM_METHODS)
@never_cache
@known_to("automations.view_automation")
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a trigger of the kind in `?kind=`."""
    services.require(request.user, "automations.add_trigger")
    automation = _automation(slug)
    kind = request.POST.get("kind") or request.GET.get("kind") or Schedule.kind
    if kind == CHAIN and CHAIN in connectors.destinations.kinds():
        return _after_another(request, automation)
    if kind not in triggers.kinds.kinds():
        raise Http404
    return _edit(request, Trigger(automation=automation, kind=kind), _new(kind))


def _new(kind: str) -> str:
    label = _label(kind)
    return label if label.startswith("New ") else f"New {label.lower()}"


@require_http_methods(FORM_METHODS)
@never_cache
@known_to("automations.view_automation")
def shown(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Show a trigger with its history; who may edit it gets the form."""
    row = _trigger(slug, pk)
    if request.method == "POST":
        services.require(request.user, "automations.change_trigger")
    return _edit(request, row, _label(row.kind))


def _edit(request: HttpRequest, row: Trigger, title: str) -> HttpResponse:
    is_new = row._state.adding
    if is_new and (made := request.session.get(MADE, {}).get(request.POST.get("key"))):
        # The page that showed an address was loaded again.
        return redirect("trigger", row.automation.slug, made)
    parts = _parts(request, row)
    own, form = parts[0], parts[-1]
    checked = "check" in request.POST
    if own.is_bound and all([part.is_valid() for part in parts]) and not checked:  # noqa: C419
        row.settings, row.is_active = form.cleaned_data, own.cleaned_data["is_active"]
        saved = _saved(request, row, form, signed=own.cleaned_data.get("requires_signature", False))
        if saved is not None and is_new:
            _remember(request, row)
        if saved is not None and (saved.token or saved.secret):
            return _page(request, row, title, shown=saved)
        if saved is not None:
            messages.success(request, "The trigger is saved.")
            return redirect("trigger" if is_new else "automation_connections", *_args(row, is_new))
    return _page(request, row, title, parts=parts)


def _remember(request: HttpRequest, row: Trigger) -> None:
    """Keep what a form made, so that sending it again makes nothing."""
    key = request.POST.get("key")
    if not key:
        return
    recent = list(request.session.get(MADE, {}).items())[-REMEMBERED:]
    request.session[MADE] = {**dict(recent), key[:60]: row.pk}


def _args(row: Trigger, is_new: bool) -> list[Any]:  # noqa: FBT001
    return [row.automation.slug, *([row.pk] if is_new else [])]


def _parts(request: HttpRequest, row: Trigger) -> list[forms.Form]:
    """Return what every trigger of this sort has, then the form of its kind."""
    posted = request.POST if request.method == "POST" else None
    kind = triggers.kinds.get(row.kind)
    hook = Hook.objects.filter(trigger=row).first() if row.pk else None
    own = {
        "is_active": row.is_active,
        "requires_signature": hook.requires_signature if hook else True,
    }
    given = {name: request.GET[name] for name in ("cron", "timezone") if name in request.GET}
    first = (HookForm if kind.has_hook else TriggerForm)(posted, initial=own)
    return [first, kind.settings_form(posted, initial={**row.settings, **given})]


def _saved(request: HttpRequest, row: Trigger, form: forms.Form, *, signed: bool) -> Shown | None:
    try:
        return services.save_trigger(row, by=request.user, requires_signature=signed)
    except ValidationError as error:
        named = set(getattr(error, "error_dict", {}))
        form.add_error(None, error if named and named <= set(form.fields) else sentences(error))
    except ImproperlyConfigured as error:
        form.add_error(None, str(error))
    return None


def _page(
    request: HttpRequest, row: Trigger, title: str, *, parts: list[forms.Form] | None = None,
    shown: Shown | None = None,
) -> HttpResponse:  # fmt: skip
    kind = triggers.kinds.get(row.kind)
    hook = Hook.objects.filter(trigger=row).first() if row.pk else None
    right = "automations.change_trigger" if row.pk else "automations.add_trigger"
    context = {
        "title": title,
        "automation": row.automation,
        "row": row,
        "line": _line(row, stopped_because(row.automation)),
        "kind": kind,
        "kinds": [] if row.pk else choices(),
        "parts": parts or _parts(_without_post(request), row),
        "may_edit": request.user.has_perm(right),
        "hook": hook,
        "old_secret": hook and hook.old_secret_until and hook.old_secret_until > timezone.now(),
        "place": f"{settings.SITE_URL}/hooks/",
        "firings": _history(row),
        "history": HISTORY,
        "key": request.POST.get("key") or uuid.uuid4(),
        "zones": cron.zone_names() if row.kind == Schedule.kind else (),
        "presets": PRESETS if row.kind == Schedule.kind and not row.pk else (),
        **_times(request, row),
        **(_once(row, shown) if shown else {}),
    }
    return render(request, "automations/trigger_form.html", context)


def _without_post(request: HttpRequest) -> HttpRequest:
    """Return a request that fills forms from what is stored."""
    fresh = HttpRequest()
    fresh.method, fresh.user = "GET", request.user
    return fresh


def _history(row: Trigger) -> list[Any]:
    if row._state.adding:
        return []
    return list(row.firings.select_related("run", "batch").order_by("-pk")[:HISTORY])


def _once(row: Trigger, shown: Shown) -> dict[str, Any]:
    """Return what is shown this once: the address, the secret, and how to call it."""
    token = shown.token or "ADDRESS"
    secret = shown.secret or ("whsec_..." if row.hook.requires_signature else "")
    address = f"{settings.SITE_URL}{reverse('hook', args=[token])}"
    return {
        "shown": shown,
        "address": address if shown.token else "",
        "call": curl.hook_line(address, _sample(row), secret=secret),
    }


def _sample(row: Trigger) -> Any:
    if row.kind != "object_event":
        return curl.sample_payload(row.automation, row.settings.get("field", ""))
    stored = row.automation.source.settings
    bucket = stored.get("bucket") or read_environment("CONTENT_BUCKET")
    return curl.sample_event(bucket, _sample_key(stored))


def _sample_key(stored: Mapping[str, Any]) -> str:
    return re.sub(r"[*?]+", "example", str(stored.get("pattern") or "**"))


@require_safe
@known_to("automations.view_automation")
def times(request: HttpRequest, slug: str) -> HttpResponse:
    """Return the fragment with the next times of `?cron=` in `?timezone=`."""
    _automation(slug)
    given = (request.GET.get("cron", ""), request.GET.get("timezone", ""))
    return render(request, "automations/_trigger_times.html", next_times(*given))


def next_times(expression: str, zone: str) -> dict[str, Any]:
    """Return the next five times of an expression, or the sentence that says what is wrong."""
    now: datetime = timezone.now()
    zone = zone.strip() or "UTC"
    try:
        tidy = cron.check(expression[:100])
        return {
            "zone": zone,
            "words": cron.in_words(tidy),
            "ticks": cron.ticks(tidy, zone, after=now, count=SHOWN_TIMES),
            "clock_changes": cron.clock_changes(tidy, zone, after=now),
        }
    except ValueError as error:
        return {"fault": str(error) if expression.strip() else "", "ticks": []}


def _times(request: HttpRequest, row: Trigger) -> dict[str, Any]:
    if row.kind != Schedule.kind:
        return {}
    given = request.POST if request.method == "POST" else request.GET
    known = [str(given.get(name, row.settings.get(name, ""))) for name in ("cron", "timezone")]
    return next_times(*known)


@require_POST
@known_to("automations.view_automation")
def remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Remove a trigger with its address and its history."""
    row = _trigger(slug, pk)
    done = "The trigger is removed."
    tell(request, lambda: services.remove_connection(row, by=request.user), done)
    return redirect("automation_connections", slug)


@require_POST
@never_cache
@known_to("automations.view_automation")
def new_address(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Give a hook a new address, and show it once."""
    return _show_once(request, _trigger(slug, pk), services.rotate_address, "The old one is gone.")


@require_POST
@never_cache
@known_to("automations.view_automation")
def new_secret(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Give a hook a new secret, and show it once."""
    done = "Here is the new secret; the old one is valid for another day."
    return _show_once(request, _trigger(slug, pk), services.rotate_secret, done)


@require_POST
@known_to("automations.view_automation")
def end_old_secret(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """End the old secret before its day is over."""
    row = _trigger(slug, pk)
    done = "Only the newest secret is valid now."
    tell(request, lambda: services.end_old_secret(row, by=request.user), done)
    return redirect("trigger", slug, pk)


def _show_once(request: HttpRequest, row: Trigger, verb: Any, done: str) -> HttpResponse:
    try:
        made = tell(request, lambda: verb(row, by=request.user), done)
    except ImproperlyConfigured as error:
        messages.error(request, str(error))
        made = None
    if made is None:
        return redirect("trigger", row.automation.slug, row.pk)
    return _page(request, row, _label(row.kind), shown=made)


def _after_another(request: HttpRequest, automation: Automation) -> HttpResponse:
    """Let another automation start this one: a destination on its side."""
    posted = request.POST if request.method == "POST" else None
    own = ChainForm(automation, posted)
    form = connectors.destinations.get(CHAIN).settings_form(posted)
    del form.fields["automation"]
    if (
        own.is_bound
        and own.is_valid() & form.is_valid()
        and _chained(request, automation, own, form)
    ):
        return redirect("automation_connections", automation.slug)
    context = {
        "title": "After another automation",
        "automation": automation,
        "kind": choices()[-1],
        "kinds": choices(),
        "parts": [own, form],
        "may_edit": True,
    }
    return render(request, "automations/trigger_form.html", context)


def _chained(
    request: HttpRequest, automation: Automation, own: forms.Form, form: forms.Form
) -> bool:
    upstream: Automation = own.cleaned_data["upstream"]
    values = {"name": own.cleaned_data["name"], "settings": form.cleaned_data}
    try:
        services.start_after(upstream, automation, by=request.user, **values)
    except NotAllowed:
        raise
    except ValidationError as error:
        own.add_error(None, sentences(error))
        return False
    messages.success(request, f"Each output of {upstream} starts {automation} from now on.")
    return True


def choices() -> list[Choice]:
    """Return the kinds that people choose from, the chain last."""
    known = [Choice(kind.kind, kind.label, kind.help) for kind in triggers.kinds]
    if CHAIN in connectors.destinations.kinds():
        told = "Starts with each output of another automation, which gets a destination for it."
        known.append(Choice(CHAIN, "After another automation", told))
    return known


def _label(kind: str) -> str:
    return triggers.kinds.get(kind).label if kind in triggers.kinds.kinds() else kind


def _automation(slug: str) -> Automation:
    return get_object_or_404(Automation.objects.select_related("source"), slug=slug)


def _trigger(slug: str, pk: int) -> Trigger:
    rows = Trigger.objects.select_related("automation__source")
    return get_object_or_404(rows, automation__slug=slug, pk=pk, kind__in=triggers.kinds.kinds())

"""Run again what is selected: the preview with count and cost, and its start."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from automations import services
from automations.errors import AutomationsError, NotAllowed
from automations.estimates import Estimate, estimate
from automations.models import Automation, Batch, Run
from automations.services.replaying import (
    EVERY,
    FROM_DELIVERY,
    FROM_START,
    LIVE,
    MISSING,
    SAME,
    Selection,
    Wish,
)
from automations.services.replays import Share, bounded, chosen_versions, preview
from automations.views.access import known_to

MOST_IDS = 500
LARGEST_KEY = 2**63 - 1


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@known_to("automations.view_run")
def replay(request: HttpRequest) -> HttpResponse:
    """Show what a replay would do and cost; a POST starts it, once per form."""
    services.require(request.user, "automations.start_run")
    asked = request.POST if request.method == "POST" else request.GET
    unknown = _unknown(asked)
    if unknown:
        messages.error(request, unknown)
    selection, wish = None if unknown else _selection(asked), _wish(asked)
    if request.method == "POST" and not unknown:
        started = _start(request, selection, wish)
        if started:
            return redirect(_address(started))
    fixed = bounded(selection) if selection else None
    shares = preview(fixed, wish) if fixed else []
    context = {
        "title": "Run again",
        "selection": fixed,
        "wish": wish,
        "shares": [_shown(share, wish) for share in shares],
        "total": sum(share.taken for share in shares if share.goes),
        "resent": sum(share.resent for share in shares if share.goes),
        "in_production": any(
            share.goes and share.automation.stage == Automation.Stage.PRODUCTION for share in shares
        ),
        "key": uuid.uuid4(),
    }
    return render(request, "automations/replay.html", context)


def _unknown(asked: QueryDict) -> str:
    """Say which part of a filter is not known: dropped, it would select more than was meant."""
    known = {"status": Run.Status.values, "origin": Run.Origin.values}
    for name, values in known.items():
        wanted = asked.get(name, "")
        if wanted and wanted not in values:
            return f"No {name} is called “{wanted[:40]}”, so no run was selected."
    upto = asked.get("upto", "")
    return f"“{upto[:40]}” is no run, so no run was selected." if upto and not _is_key(upto) else ""


def _selection(asked: QueryDict) -> Selection | None:
    """Return what is selected, or None: nothing is not everything."""
    ids = tuple(sorted({int(text) for text in asked.getlist("run")[:MOST_IDS] if _is_key(text)}))
    if ids:
        return Selection(ids=ids)
    if "all" not in asked or "run" in asked:
        return None
    return Selection(
        status=asked.get("status", ""),
        automation=asked.get("automation", "")[:80],
        upto=int(asked.get("upto") or 0),
        origin=asked.get("origin", ""),
    )


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= LARGEST_KEY


def _wish(asked: Mapping[str, Any]) -> Wish:
    def one_of(name: str, *known: str) -> str:
        return asked[name] if asked.get(name) in known else known[0]

    return Wish(
        start=one_of("start", FROM_START, FROM_DELIVERY),
        version=one_of("version", LIVE, SAME),
        to=one_of("to", MISSING, EVERY),
        resends="resends" in asked,
    )


def _start(request: HttpRequest, selection: Selection | None, wish: Wish) -> list[Batch]:
    if selection is None:
        messages.error(request, "No run is selected; choose some on the list of runs.")
        return []
    if "needs_confirm" in request.POST and "confirm" not in request.POST:
        messages.error(request, "Tick the box to say that this shall run in production.")
        return []
    try:
        return services.start_replay(
            selection, wish, by=request.user, key=_key(request), canary="canary" in request.POST
        )
    except NotAllowed:
        raise
    except AutomationsError as error:
        messages.error(request, str(error))
        return []


def _key(request: HttpRequest) -> str:
    try:
        return f"replay-{uuid.UUID(request.POST.get('key', ''))}"
    except ValueError:
        return f"replay-{uuid.uuid4()}"


def _address(batches: list[Batch]) -> str:
    return reverse("batch", args=[batches[0].pk]) if len(batches) == 1 else reverse("batches")


def _shown(share: Share, wish: Wish) -> dict[str, Any]:
    return {
        "share": share,
        "version": chosen_versions(share, wish),
        "estimate": _estimate(share, wish),
    }


def _estimate(share: Share, wish: Wish) -> Estimate | None:
    if not share.goes or share.version is None:
        return None
    if wish.start == FROM_DELIVERY:
        note = "No model is asked; only deliveries are made."
        return Estimate(Decimal(0), note, None, "depends on the destinations")
    return estimate(share.version, rows=share.taken)

"""Promotions: moves between stages and of the live version."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from automations.models import Automation, Version
from automations.views.access import known_to, tell
from automations.views.paging import LARGEST_KEY, page_of
from lifecycle import checklists, moves, promotions, services
from lifecycle.models import Promotion
from lifecycle.phases import BOXES
from lifecycle.services.promotions import LEAST_CHARACTERS, MOST_CHARACTERS
from lifecycle.sidebar import address

PAGE = 20
VIEW = "lifecycle.view_promotion"
# Where a button may be, and the page to return to.
PLACES = {
    "promotions": "promotions",
    "checklist": "checklist",
    "versions": "automation_versions",
    "prototype": "prototype",
}
RELATED = ("asked_by", "decided_by", "from_version", "to_version")
ASKED = "Asked for: nothing has moved yet; another approver must agree."


@require_safe
@known_to(VIEW)
def listed(request: HttpRequest, slug: str) -> HttpResponse:
    """Show where an automation stands, the moves it can make, and those it has made."""
    automation = _automation(slug)
    view = checklists.current(automation)
    found = moves.moves_of(automation, view, request.user)
    following = moves.next_of(automation, found)
    history = Promotion.objects.filter(automation=automation).select_related(*RELATED)
    context = {
        "title": f"Promotions of {automation}",
        "automation": automation,
        "view": view,
        "track": moves.track(automation),
        "next": following,
        "others": [move for move in found if move != following and move.may],
        "back": moves.way_back(automation, request.user),
        "overridden": history.filter(overrides=True, state=Promotion.State.DONE).count(),
        "page": page_of(history, request, size=PAGE),
        **_limits(request),
        **_waiting(automation, request),
    }
    return render(request, "lifecycle/promotions.html", context)


def _limits(request: HttpRequest) -> dict[str, Any]:
    return {
        "may_override": request.user.has_perm(promotions.RIGHT),
        "least": LEAST_CHARACTERS,
        "most": MOST_CHARACTERS,
    }


def _waiting(automation: Automation, request: HttpRequest) -> dict[str, Any]:
    waiting = moves.waiting_of(automation)
    if waiting is None:
        return {"waiting": None}
    return {
        "waiting": waiting,
        "may_decide": moves.may_decide(waiting, request.user),
        "may_withdraw": waiting.asked_by_id == request.user.pk,
        "changed": promotions.what_changed(waiting, automation),
    }


@require_safe
@known_to(VIEW)
def shown(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one move with all boxes as they stood, and what has become of them."""
    promotion = _promotion(pk)
    automation = promotion.automation
    view = checklists.current(automation)
    phases = moves.compared(promotion, view)
    context = {
        "title": f"{promotion.get_kind_display()} of {automation}",
        "automation": automation,
        "promotion": promotion,
        "phases": phases,
        "changed_boxes": sum(box.has_changed for phase in phases for box in phase.boxes),
        "owed": _owed(promotion),
        "view": view,
        **_limits(request),
        **(_waiting(automation, request) if promotion.is_waiting else {}),
    }
    return render(request, "lifecycle/promotion.html", context)


def _owed(promotion: Promotion) -> list[tuple[str, date]]:
    return [
        (f"{owed['number']}. {BOXES[owed['number']].title}", date.fromisoformat(owed["due_on"]))
        for owed in promotion.owed
        if owed.get("number") in BOXES
    ]


def _automation(slug: str) -> Automation:
    return get_object_or_404(Automation.objects.select_related("live_version"), slug=slug)


def _promotion(pk: int) -> Promotion:
    related = ("automation__live_version", *RELATED)
    return get_object_or_404(Promotion.objects.select_related(*related), pk=min(pk, LARGEST_KEY))


def _version(pk: int) -> Version:
    related = Version.objects.select_related("automation__live_version")
    return get_object_or_404(related, pk=min(pk, LARGEST_KEY))


@require_POST
@known_to(VIEW)
def move(request: HttpRequest, slug: str) -> HttpResponse:
    """Move an automation to the stage named in the form, or ask for it."""
    automation, sent = _automation(slug), request.POST
    tell(
        request,
        lambda: services.promote(
            automation,
            sent.get("stage", ""),
            by=request.user,
            reason=sent.get("reason", ""),
            override=sent.get("override") == "yes",
        ),
        _moved,
    )
    return _back(request, automation)


def _moved(promotion: Promotion) -> str:
    if promotion.is_waiting:
        return ASKED
    stage = Automation.Stage(promotion.to_stage).label.lower()
    said = f"{promotion.automation} is in {stage} now."
    if promotion.to_stage == Automation.Stage.RETIRED:
        said = f"{promotion.automation} is retired: nothing of it runs any more."
    kept = " The checklist was overridden; the reason is kept."
    return said + (kept if promotion.overrides else "")


@require_POST
@known_to(VIEW)
def make_live(request: HttpRequest, pk: int) -> HttpResponse:
    """Point the automation at a published version, or ask for it."""
    version, reason = _version(pk), request.POST.get("reason", "")
    tell(
        request,
        lambda: services.go_live(version, by=request.user, reason=reason),
        lambda done: ASKED if done.is_waiting else f"{version} is live.",
    )
    return _back(request, version.automation, version)


@require_POST
@known_to(VIEW)
def release(request: HttpRequest, pk: int) -> HttpResponse:
    """Publish a draft and make it live, both or neither; or ask for both."""
    version, reason = _version(pk), request.POST.get("reason", "")
    tell(
        request,
        lambda: services.release(version, by=request.user, reason=reason),
        lambda done: ASKED if done.is_waiting else f"{version} is published and live.",
    )
    return _back(request, version.automation, version)


@require_POST
@known_to(VIEW)
def roll_back(request: HttpRequest, slug: str) -> HttpResponse:
    """Make the version live again that was live before."""
    automation, sent = _automation(slug), request.POST
    tell(
        request,
        lambda: services.roll_back(
            automation,
            by=request.user,
            reason=sent.get("reason", ""),
            seen=_seen(sent),
        ),
        _rolled_back,
    )
    return _back(request, automation)


def _seen(sent: QueryDict) -> int | None:
    """Return the version that the button stood beside; 0, which none is, for anything else."""
    said = sent.get("seen")
    if said is None:
        return None
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else 0


def _rolled_back(promotion: Promotion) -> str:
    if promotion.is_waiting:
        return ASKED
    version = promotion.to_version
    number = version.number if version else ""
    return f"v{number} is live again: new runs use it; what has begun or is queued does not."


@require_POST
@known_to(VIEW)
def rehearse(request: HttpRequest, slug: str) -> HttpResponse:
    """Look whether a rollback would work, and keep what was found."""
    automation = _automation(slug)
    made = tell(
        request,
        lambda: services.rehearse(automation, by=request.user),
        lambda done: "The rehearsal is kept; here is what was looked at.",
    )
    return redirect(made) if made else _back(request, automation)


@require_POST
@known_to(VIEW)
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Grant or decline a request that waits for a second person."""
    promotion, sent = _promotion(pk), request.POST
    decision = sent.get("decision", "")
    tell(
        request,
        lambda: services.decide_promotion(
            promotion, decision, by=request.user, answer=sent.get("answer", "")
        ),
        "Agreed, and done." if decision == "approve" else "Declined; nothing has moved.",
    )
    return redirect("promotions", promotion.automation.slug)


@require_POST
@known_to(VIEW)
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back one's own request."""
    promotion = _promotion(pk)
    tell(
        request,
        lambda: services.withdraw_promotion(promotion, by=request.user),
        "Withdrawn; nothing has moved.",
    )
    return redirect("promotions", promotion.automation.slug)


def _back(
    request: HttpRequest, automation: Automation, version: Version | None = None
) -> HttpResponse:
    """Return to the page the button was on; without word of that, to the automation's."""
    place = request.POST.get("from", "")
    if place == "version" and version:
        return redirect(version)
    return redirect(address(PLACES.get(place, "automation"), automation.slug) or automation)

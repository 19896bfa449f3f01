"""The checklist of one automation: the 29 boxes, their history, exemptions and attestations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from automations.errors import WrongState
from automations.models import Automation
from automations.services import require
from automations.views.access import known_to, tell
from automations.views.paging import page_of
from lifecycle import checklists, progress, services
from lifecycle.checklists import BoxView, ChecklistView, PhaseView
from lifecycle.evidence.base import Link
from lifecycle.forms.boxes import AttestationForm, BoxForm, ExemptionForm
from lifecycle.models import Attestation, Exemption, Scorecard
from lifecycle.phases import BOXES

RECENT = 6
PER_PAGE = 50
SEEN = "lifecycle.view_checklist"


@dataclass(frozen=True, slots=True)
class Line:
    """A box with what this person can do about it."""

    view: BoxView
    step: Link | None
    exemption: Exemption | None
    forms: list[BoxForm]
    attestation: Attestation | None


@dataclass(frozen=True, slots=True)
class Section:
    """A phase with its boxes; `tone` is how it stands: whole, owed, late, current or ahead."""

    view: PhaseView
    rule: str
    tone: str
    lines: list[Line]
    is_open: bool


@require_safe
@never_cache
@known_to(SEEN)
def shown(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the checklist; `?all` unfolds every phase."""
    return _page(request, _automation(slug))


def _automation(slug: str) -> Automation:
    people = Automation.objects.select_related("owner", "deputy")
    return get_object_or_404(people.defer("input_schema"), slug=slug)


def _page(
    request: HttpRequest, automation: Automation, wrong: tuple[int, BoxForm] | None = None
) -> HttpResponse:
    view = checklists.current(automation)
    context = {
        "title": f"Checklist of {automation}",
        "automation": automation,
        "view": view,
        "sections": _sections(request, view, wrong),
        "every": "all" in request.GET,
        "lights": progress.lights(view),
        "ready": progress.is_production_ready(view),
        "tally": progress.tally(view),
        "live": progress.gone_live(automation),
        "scorecard": Scorecard.objects.filter(automation=automation).newest_first().first(),
        "changes": _named(progress.changes(automation)[:RECENT]),
    }
    return render(request, "lifecycle/checklist.html", context)


def _sections(
    request: HttpRequest, view: ChecklistView, wrong: tuple[int, BoxForm] | None
) -> list[Section]:
    open_ones = Exemption.objects.filter(automation=view.automation, ended_at=None)
    held = {exemption.number: exemption for exemption in open_ones.select_related("by")}
    reached = view.current.phase.number if view.current else 0
    sections = []
    for phase in view.phases:
        lines = [
            _line(request, view.automation, box, held.get(box.box.number), wrong)
            for box in phase.boxes
        ]
        has_wrong = any(wrong and box.box.number == wrong[0] for box in phase.boxes)
        is_open = has_wrong or phase.is_current or "all" in request.GET
        tone = _tone(phase, reached)
        sections.append(Section(phase, progress.rule(phase), tone, lines, is_open))
    return sections


def _tone(phase: PhaseView, reached: int) -> str:
    if phase.is_current:
        return "current"
    if phase.is_whole:
        return "whole"
    if not phase.may_be_left or (reached and phase.phase.number > reached):
        return "ahead"
    if not phase.owed:
        return "whole"
    return "late" if phase.is_late else "owed"


def _line(
    request: HttpRequest,
    automation: Automation,
    view: BoxView,
    exemption: Exemption | None,
    wrong: tuple[int, BoxForm] | None,
) -> Line:
    may = request.user.has_perm
    number = view.box.number
    holds = exemption is not None and exemption.holds
    offered: list[BoxForm] = []
    if view.box.attestable and may("lifecycle.add_attestation"):
        offered.append(AttestationForm(number))
    if not view.is_satisfied and not holds and may("lifecycle.add_exemption"):
        offered.append(ExemptionForm(number))
    if wrong and wrong[0] == number:
        offered = [wrong[1] if type(form) is type(wrong[1]) else form for form in offered]
    ends = exemption if holds and may("lifecycle.change_exemption") else None
    attested = _attested(automation, view) if may("lifecycle.add_attestation") else None
    return Line(view, _step(view), ends, offered, attested)


def _attested(automation: Automation, view: BoxView) -> Attestation | None:
    """Return the attestation of a box that holds today: the newest one counts."""
    if not view.box.attestable:
        return None
    made = Attestation.objects.filter(automation=automation, number=view.box.number)
    newest = made.order_by("-pk").first()
    return newest if newest and newest.expires_on >= timezone.localdate() else None


def _step(view: BoxView) -> Link | None:
    """Return what to do next for a missing box; that it is this very box says its own form."""
    leads_here = view.step and view.step.url.endswith(f"#box-{view.box.number}")
    return None if view.is_satisfied or leads_here else view.step


@require_safe
@never_cache
@known_to(SEEN)
def history(request: HttpRequest, slug: str) -> HttpResponse:
    """Show every change of a box, newest first; `?box=` shows one box's."""
    automation = _automation(slug)
    changes = progress.changes(automation)
    asked = request.GET.get("box", "")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 3 else 0
    if number in BOXES:
        changes = changes.filter(number=number)
    page = page_of(changes, request, size=PER_PAGE)
    context = {
        "title": f"Changes of the boxes of {automation}",
        "automation": automation,
        "page": page,
        "rows": _named(page.rows),
        "boxes": BOXES.values(),
        "chosen": BOXES.get(number),
    }
    return render(request, "lifecycle/checklist_history.html", context)


def _named(changes: Any) -> list[tuple[Any, Any]]:
    return [(change, BOXES[change.number]) for change in changes]


@require_POST
@known_to(SEEN)
def exempt(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Let a box pass until a day."""
    require(request.user, "lifecycle.add_exemption")
    return _send(request, slug, number, ExemptionForm, services.exempt)


@require_POST
@known_to(SEEN)
def attest(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Vouch for a box that data cannot prove."""
    require(request.user, "lifecycle.add_attestation")
    return _send(request, slug, number, AttestationForm, services.attest)


def _send(
    request: HttpRequest, slug: str, number: int, kind: type[BoxForm], verb: Callable[..., Any]
) -> HttpResponse:
    if number not in BOXES:
        raise Http404
    automation = _automation(slug)
    form = kind(number, request.POST)
    if form.is_valid():
        try:
            verb(automation, number, by=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.take(error)
        except WrongState as error:
            messages.error(request, str(error))
            return _back(slug, number)
        else:
            messages.success(request, _said(form))
            return _back(slug, number)
    return _page(request, automation, (number, form))


def _said(form: BoxForm) -> str:
    """Say what holds now, and until when."""
    attests = "expires_on" in form.cleaned_data
    until = form.cleaned_data["expires_on" if attests else "until"]
    return f"{'Attested' if attests else 'Exempt'} until {progress.say_day(until)}."


def _back(slug: str, number: int) -> HttpResponseRedirect:
    return redirect(f"{reverse('checklist', args=[slug])}#box-{number}")


@require_POST
@known_to(SEEN)
def end_exemption(request: HttpRequest, pk: int) -> HttpResponse:
    """End an exemption now."""
    exemption = get_object_or_404(Exemption.objects.select_related("automation"), pk=pk)
    ended = f"The exemption has ended; “{BOXES[exemption.number].title}” stands for itself."
    tell(request, lambda: services.end_exemption(exemption, by=request.user), ended)
    return _back(exemption.automation.slug, exemption.number)


@require_POST
@known_to(SEEN)
def withdraw_attestation(request: HttpRequest, pk: int) -> HttpResponse:
    """End an attestation now."""
    attestation = get_object_or_404(Attestation.objects.select_related("automation"), pk=pk)
    done = f"Withdrawn: nobody vouches for “{BOXES[attestation.number].title}” any more."
    tell(request, lambda: services.withdraw_attestation(attestation, by=request.user), done)
    return _back(attestation.automation.slug, attestation.number)

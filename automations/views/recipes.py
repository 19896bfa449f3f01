"""A draft's recipe edited in a form, and two versions compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from automations import recipes, services
from automations.differences import Comparison, by_lines
from automations.errors import AutomationsError, ChangedMeanwhile, NotAllowed
from automations.models import AuditEvent, Version
from automations.playground import key_of
from automations.recipe_form import RecipeForm, merged, titles_of
from automations.views.access import known_to, sentences
from automations.views.versions import rights, state_of, version_of

OFFERED = 200
CHANGES = ("save draft", "change version")


@dataclass(frozen=True, slots=True)
class Clash:
    """A field that two people changed: theirs beside what was typed."""

    label: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What somebody else saved while this form was open."""

    who: str
    at: Any
    labels: str
    clashes: tuple[Clash, ...]


@require_http_methods(["GET", "HEAD", "POST"])
@known_to("automations.view_version")
def edited(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a draft's recipe as a form; a POST saves it, or says who saved something else."""
    services.require(request.user, "automations.change_version")
    version = version_of(pk)
    if request.method != "POST":
        if version.is_published:
            messages.info(request, f"{version} is published and never changes; make a new draft.")
            return redirect(version)
        return _page(request, version, RecipeForm(instance=version))
    form = RecipeForm(request.POST, instance=version)
    if form.is_valid():
        return _save(request, version, form)
    return _page(request, version_of(pk), form)


def _save(request: HttpRequest, version: Version, form: RecipeForm) -> HttpResponse:
    try:
        if request.POST.get("do") == "new":
            return _leave(request, services.draft_like(version, by=request.user), ["note"])
        names = services.save_draft(version, by=request.user, seen=form.seen_marks)
        return _leave(request, version, names)
    except ChangedMeanwhile as clash:
        return _told(request, version, clash)
    except ValidationError as error:
        form.add_error(None, sentences(error))
    except NotAllowed:
        raise
    except AutomationsError as error:
        form.add_error(None, str(error))
    return _page(request, version_of(version.pk), form)


def _leave(request: HttpRequest, version: Version, names: list[str]) -> HttpResponse:
    """Go on to the version, or back to the playground with the input that was tried."""
    said = "is saved" if names else "is as it was; there was nothing to save"
    messages.success(request, f"Draft v{version.number} {said}.")
    if request.POST.get("do") == "try":
        address = reverse("playground", args=[version.automation.slug])
        run = key_of(request.POST.get("run", ""))
        return redirect(f"{address}?version={version.pk}" + (f"&run={run}" if run else ""))
    return redirect(version)


def _told(request: HttpRequest, mine: Version, clash: ChangedMeanwhile) -> HttpResponse:
    """Show the form again with both people's work, and who changed what."""
    stored = version_of(mine.pk)
    data, both = merged(request.POST, mine, stored, clash.names)
    last = _last_change(stored)
    meanwhile = Meanwhile(
        last.by_name if last else "Somebody",
        last.at if last else timezone.now(),
        ", ".join(recipes.LABELS[name] for name in recipes.EDITED if name in clash.names),
        tuple(_clash(stored, mine, name) for name in both),
    )
    form = RecipeForm(data, instance=version_of(mine.pk))
    form.is_valid()
    return _page(request, stored, form, meanwhile=meanwhile)


def _clash(stored: Version, mine: Version, name: str) -> Clash:
    theirs, typed = recipes.text_of(stored, name), recipes.text_of(mine, name)
    return Clash(recipes.LABELS[name], by_lines(theirs, typed))


def _last_change(version: Version) -> AuditEvent | None:
    events = AuditEvent.objects.filter(object_type="version", object_id=str(version.pk))
    return events.filter(action__in=CHANGES).order_by("-pk").first()


def _page(
    request: HttpRequest, version: Version, form: RecipeForm, *, meanwhile: Meanwhile | None = None
) -> HttpResponse:
    """Show the form; `version` is the stored one, which says whether it may still be saved."""
    asked = request.POST if request.method == "POST" else request.GET
    context = {
        "title": f"Edit {version}",
        "version": version,
        "automation": version.automation,
        "form": form,
        "names": titles_of(version),
        "refused": recipes.lengths_refused(version),
        "meanwhile": meanwhile,
        "run": key_of(asked.get("run", "")),
        **rights(request, version.automation),
    }
    return render(request, "automations/version_form.html", context)


@require_safe
@known_to("automations.view_version")
def compared(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what differs from `?against=` (else the live version, else the one before) to this."""
    version = version_of(pk)
    if asked := request.GET.get("to", ""):
        return _chosen(request, version, asked)
    offered = list(
        _mates(version).only("number", "note", "published_at", "automation_id")[:OFFERED]
    )
    for mate in offered:
        mate.automation = version.automation
    against = _against(request, version)
    context = {
        "title": f"Compare {version}",
        "automation": version.automation,
        "version": version,
        "against": against,
        "offered": [(mate, state_of(mate)) for mate in offered],
        "state": state_of(version),
        "against_state": state_of(against) if against else "",
        "recipe": recipes.compare(against, version) if against else None,
        **rights(request, version.automation),
    }
    return render(request, "automations/version_diff.html", context)


def _chosen(request: HttpRequest, version: Version, asked: str) -> HttpResponse:
    """Go to the address of the two versions that were chosen in the form."""
    to = get_object_or_404(_mates(version), pk=key_of(asked))
    address = reverse("version_diff", args=[to.pk])
    against = key_of(request.GET.get("against", ""))
    return redirect(f"{address}?against={against}" if against else address)


def _mates(version: Version) -> Any:
    return Version.objects.filter(automation_id=version.automation_id).order_by("-number")


def _against(request: HttpRequest, version: Version) -> Version | None:
    asked = request.GET.get("against", "")
    if asked:
        found = version_of(key_of(asked) or 0)
        if found.automation_id != version.automation_id:
            raise Http404
        return found
    live = version.automation.live_version_id
    if live and live != version.pk:
        return version_of(live)
    others = Version.objects.filter(automation_id=version.automation_id).exclude(pk=version.pk)
    before = others.filter(number__lt=version.number).order_by("-number").first()
    return version_of(before.pk) if before else None

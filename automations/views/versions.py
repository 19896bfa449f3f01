"""The versions of an automation: all of them, one of them, and drafting and publishing."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from automations import recipes, services
from automations.answering import answerer_of
from automations.errors import WrongState
from automations.models import Automation, Drill, Version
from automations.results import NEWEST_RUNS, PER_VERSION, Results, drills_of, results_of
from automations.text import clean_text
from automations.views.access import known_to, tell
from automations.views.paging import page_of

PAGE = 25
LONGEST_NOTE = 200


@dataclass(frozen=True, slots=True)
class Line:
    """A version as the list shows it."""

    version: Version
    state: str
    results: Results
    drill: Drill | None


@require_safe
@known_to("automations.view_version")
def listed(request: HttpRequest, slug: str) -> HttpResponse:
    """Show an automation's versions, newest first, with what came of each."""
    automation = _automation(slug)
    versions = automation.versions.select_related("created_by", "published_by", "provider")
    page = page_of(versions.defer(*_LONG), request, size=PAGE)
    context = {
        "title": "Versions",
        "automation": automation,
        "page": page,
        "lines": _lines(automation, page.rows),
        "newest_runs": NEWEST_RUNS,
        "per_version": PER_VERSION,
        **rights(request, automation),
    }
    return render(request, "automations/version_list.html", context)


_LONG = ("system_prompt", "user_prompt", "examples", "output_schema", "output_template")


def _lines(automation: Automation, versions: list[Version]) -> list[Line]:
    results, drills = results_of(automation), drills_of(version.pk for version in versions)
    for version in versions:
        version.automation = automation
    return [
        Line(version, state_of(version), results.get(version.pk, Results()), drills.get(version.pk))
        for version in versions
    ]


def state_of(version: Version) -> str:
    """Return live, published or draft."""
    if version.is_live:
        return "live"
    return "published" if version.is_published else "draft"


def rights(request: HttpRequest, automation: Automation) -> dict[str, bool]:
    """Return what a person may do with the versions of an automation."""
    has = request.user.has_perm
    early = automation.stage not in services.APPROVERS_ONLY and has("automations.change_version")
    return {
        "may_edit": has("automations.change_version"),
        "may_draft": has("automations.add_version"),
        "may_check": has("automations.change_validatorrule"),
        "may_publish": has("automations.publish_version"),
        "may_release": early or has("automations.make_live"),
        "may_try": any(has(right) for right in services.TRY)
        and automation.stage != Automation.Stage.RETIRED,
    }


@require_safe
@known_to("automations.view_version")
def shown(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one version: its recipe, what came of it, and what can be done with it."""
    version = version_of(pk)
    automation = version.automation
    context = {
        "title": str(version),
        "automation": automation,
        "version": version,
        "state": state_of(version),
        "parts": recipes.parts_of(version),
        "examples": version.examples,
        "checks": recipes.checks_of(version),
        "refused": recipes.lengths_refused(version),
        "preview": recipes.previewed(version),
        "answerer": answerer_of(version),
        "unused": recipes.unused_names(version),
        "untouched": not version.is_published and recipes.is_untouched(version),
        "wants_note": _wants_note(version),
        "results": results_of(automation).get(version.pk, Results()),
        "drill": drills_of([version.pk]).get(version.pk),
        "older": _neighbour(version, "-number", number__lt=version.number),
        "newer": _neighbour(version, "number", number__gt=version.number),
        **rights(request, automation),
    }
    return render(request, "automations/version_detail.html", context)


def _neighbour(version: Version, order: str, **where: int) -> Version | None:
    mates = Version.objects.filter(automation_id=version.automation_id, **where)
    return mates.only("pk", "number").order_by(order).first()


def _wants_note(version: Version) -> bool:
    """Tell whether it must be said what is different before a draft is published."""
    return not version.is_published and not version.note and version.number > 1


@require_POST
@known_to("automations.view_automation")
def draft(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a new draft of the newest version and open it."""
    automation = _automation(slug)
    verb = services.create_draft
    made = tell(request, lambda: verb(automation, by=request.user), "Here is your new draft.")
    return _to_draft(request, made, automation)


@require_POST
@known_to("automations.view_version")
def draft_from(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a new draft from one version and open it."""
    version = version_of(pk)
    made = tell(
        request,
        lambda: services.create_draft(version.automation, by=request.user, source=version),
        f"Here is a new draft, made from v{version.number}.",
    )
    return _to_draft(request, made, version.automation)


def _to_draft(request: HttpRequest, made: Version | None, automation: Automation) -> HttpResponse:
    """Open the draft where the button was: among the checks, else its recipe."""
    if made is None:
        return redirect(automation)
    if request.POST.get("from") == "checks":
        return redirect("version_checks", made.pk)
    return redirect("version_edit" if request.user.has_perm("automations.change_version")
                    else "version", made.pk)  # fmt: skip


@require_POST
@known_to("automations.view_version")
def publish(request: HttpRequest, pk: int) -> HttpResponse:
    """Publish a draft, with the note that the form holds; every version but the first has one."""
    version = version_of(pk)
    done = f"{version} is published; it is not live yet."
    tell(request, lambda: _published(request, version), done)
    return redirect(version if request.POST.get("from") == "version" else version.automation)


def _published(request: HttpRequest, version: Version) -> Version:
    typed = clean_text(request.POST.get("note", "")).text.strip()[:LONGEST_NOTE]
    if _wants_note(version) and not typed:
        services.require(request.user, "automations.publish_version")
        raise WrongState(f"Say in a note what is different in {version}, then publish it.")
    return services.publish_version(version, by=request.user, note=typed or None)


def version_of(pk: int) -> Version:
    """Return a version with its automation and provider.

    Raises:
        Http404: there is none.
    """
    related = ("automation__live_version", "provider", "created_by", "published_by")
    return get_object_or_404(Version.objects.select_related(*related), pk=pk)


def _automation(slug: str) -> Automation:
    return get_object_or_404(Automation.objects.select_related("live_version"), slug=slug)

"""The page of two tries of the same input, side by side, with its live part."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from automations import pairs, recipes, tracing, waiting
from automations.models import Automation, Run
from automations.playground import LARGEST_KEY
from automations.schemas import fields_of
from automations.views.access import known_to
from automations.views.runs import STOP_POLLING, interval, place_of
from automations.views.versions import rights, state_of

Pair = tuple[pairs.Side, pairs.Side]


@require_safe
@never_cache
@known_to("automations.view_run")
def shown(request: HttpRequest, slug: str, first: int, second: int) -> HttpResponse:
    """Show both tries: progress while they last, then outputs, checks, numbers and differences."""
    automation = _automation(slug)
    pair = _pair(automation, first, second)
    return render(request, "automations/playground_pair.html", _page(request, automation, pair))


@require_safe
@never_cache
@known_to("automations.view_run")
def progress(request: HttpRequest, slug: str, first: int, second: int) -> HttpResponse:
    """Return the live part: 204 when nothing changed, 286 (stop asking) when both have ended."""
    automation = _automation(slug)
    pair = _pair(automation, first, second)
    live = _live(request, automation, pair)
    if not live["settled"] and request.GET.get("mark") == live["mark"]:
        return HttpResponse(status=204)
    answer = render(request, "automations/_pair_live.html", {**live, "alone": True})
    answer.status_code = STOP_POLLING if live["settled"] else 200
    return answer


def _automation(slug: str) -> Automation:
    related = Automation.objects.select_related("live_version", "source")
    return get_object_or_404(related, slug=slug)


def _pair(automation: Automation, first: int, second: int) -> Pair:
    """Return both sides; two tries of this automation that had the same input, else 404."""
    if max(first, second) > LARGEST_KEY:
        raise Http404
    tries = Run.objects.filter(
        automation_id=automation.slug, origin=Run.Origin.PLAYGROUND, is_simulated=True
    )
    related = tries.select_related("version__provider", "provider")
    found = {run.pk: run for run in related.filter(pk__in=[first, second])}
    if len(found) != 2 or found[first].input_data != found[second].input_data:
        raise Http404
    return _side(automation, found[first], "a"), _side(automation, found[second], "b")


def _side(automation: Automation, run: Run, key: str) -> pairs.Side:
    version = run.version
    if version is None:
        raise Http404
    run.automation = version.automation = automation
    why = waiting.obstacles(run)
    return pairs.Side(
        key, run, version, state_of(version), tracing.headline(run, place_of(run, why)),
        tuple(why), pairs.verdicts_of(run),
    )  # fmt: skip


def _page(request: HttpRequest, automation: Automation, pair: Pair) -> dict[str, Any]:
    first, second = pair
    return {
        **_live(request, automation, pair),
        "title": f"v{first.version.number} against v{second.version.number}",
        "inputs": _inputs(automation, first.run),
    }


def _inputs(automation: Automation, run: Run) -> list[tuple[str, Any]]:
    titles = {field.name: field.title for field in fields_of(automation.input_schema)}
    return [(titles.get(name, name), value) for name, value in run.input_data.items()]


def _live(request: HttpRequest, automation: Automation, pair: Pair) -> dict[str, Any]:
    """Return what the live part shows."""
    first, second = pair
    settled = all(side.run.is_final for side in pair)
    asked = all(side.run.calls for side in pair)
    every = 0 if settled else interval(max(tracing.elapsed_s(side.run) for side in pair))
    marks = [tracing.mark(s.run, [], every, s.headline, " ".join(s.waits)) for s in pair]
    return {
        "automation": automation,
        "first": first,
        "second": second,
        "sides": pair,
        "settled": settled,
        "every": every,
        "mark": "".join(marks),
        "recipe": recipes.compare(second.version, first.version),
        "figures": pairs.figures_of(first, second) if settled and asked else [],
        "outputs": pairs.outputs_of(first, second) if settled else None,
        "drafts": [(side, pairs.changed_since(side)) for side in pair if side.state == "draft"],
        **rights(request, automation),
    }

"""The first page: what needs you, and the portfolio; and the short guide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from automations.downloads import csv_lines
from automations.models import Worker
from automations.views.access import known_to
from automations.waiting import stopped_providers
from lifecycle import first_steps, phases, portfolio_csv, selection
from lifecycle import portfolio as reading
from lifecycle.models import Team
from lifecycle.needs import needs_of
from lifecycle.portfolio import Line, Row
from lifecycle.views import starting

SHOWN_NEEDS = 6


@require_safe
@login_required
def portfolio(request: HttpRequest) -> HttpResponse:
    """Show what needs this person, the totals, and a page of the automations."""
    if not request.user.has_perm("automations.view_automation"):
        return render(request, "lifecycle/no_role.html", {"title": "Home"})
    found = reading.listed()
    if not found:
        return starting.start(request)
    steps, team = first_steps.progress()
    rows = reading.rows_of(found)
    own = [row for row in rows if row.automation.owner_id == request.user.pk]
    shown, lines = _table(request, rows, own, team)
    mine = [lines[row.automation.pk] for row in own]
    needs = needs_of(request.user, mine, team=team, now=timezone.now())
    context = {
        "title": "Home",
        "needs": needs[:SHOWN_NEEDS],
        "more_needs": needs[SHOWN_NEEDS:],
        "need_count": len(needs),
        "totals": reading.totals_of(rows),
        "steps": None if steps.is_whole or starting.is_skipped(request) else steps,
        "stopped": stopped_providers(),
        "worker_alive": Worker.alive().exists(),
        **shown,
    }
    return render(request, "lifecycle/portfolio.html", context)


@require_safe
@known_to("automations.view_automation")
def automations(request: HttpRequest) -> HttpResponse:
    """Show the list of automations alone."""
    shown, _ = _table(request, reading.rows_of(reading.listed()), [], None)
    return render(request, "lifecycle/automations.html", {"title": "Automations", **shown})


def _table(
    request: HttpRequest, rows: Sequence[Row], own: Sequence[Row], team: Team | None
) -> tuple[dict[str, Any], dict[int, Line]]:
    """Return the context of the list, and the lines that it and `own` need, by automation."""
    choice = selection.choice_of(request.GET)
    kept = selection.chosen(rows, choice, user=request.user)
    part = selection.part_of(kept, choice.page)
    lines = _lines(own, part.items, team)
    context = {
        "lines": [lines[row.automation.pk] for row in part.items],
        "part": part,
        "month": timezone.localdate(),
        "may_add": request.user.has_perm("automations.add_automation"),
        "is_empty": not rows,
        **_filters(choice, rows),
    }
    return context, lines


def _lines(own: Sequence[Row], shown: Sequence[Row], team: Team | None) -> dict[int, Line]:
    """Return the lines of a person's automations and of a page's, each once."""
    rows = {row.automation.pk: row for row in (*own, *shown)}
    found = reading.lines_of(list(rows.values()), team=team)
    return {line.row.automation.pk: line for line in found}


def _filters(choice: selection.Choice, rows: Sequence[Row]) -> dict[str, Any]:
    owners = selection.owners_among(rows)
    return {
        "choice": choice,
        "sortings": selection.sortings(choice),
        "filters": [
            ("stage", "Stage", list(selection.STAGES.items()), choice.stage),
            ("phase", "Phase", [("", "All"), *selection.PHASES.items()], choice.phase),
            ("verdict", "Verdict", [("", "All"), *selection.VERDICTS.items()], choice.verdict),
            ("owner", "Owner", _owners(owners), choice.owner),
        ],
    }


def _owners(names: list[str]) -> list[tuple[str, str]]:
    first = [("", "Everybody"), (selection.MINE, "Mine"), (selection.NOBODY, "Nobody")]
    return [*first, *((name, name) for name in names if name not in dict(first))]


@require_safe
@known_to("automations.view_automation")
def as_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Return all automations that the address's filters leave, as CSV."""
    choice = selection.choice_of(request.GET)
    rows = selection.chosen(reading.rows_of(reading.listed()), choice, user=request.user)
    lines = csv_lines(portfolio_csv.table(reading.lines_of(rows)))
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="portfolio-{timezone.localdate()}.csv"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@require_safe
@login_required
def guide(request: HttpRequest) -> HttpResponse:
    """Explain the words and the way from an idea to production."""
    context = {"title": "How Lifecycle works", "phases": phases.PHASES}
    return render(request, "lifecycle/guide.html", context)

"""Automations side by side."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from automations.models import Automation
from automations.text import clean_text
from automations.views.access import known_to
from lifecycle import comparison, portfolio
from lifecycle.comparison import FEWEST, MOST, Subject
from lifecycle.profit import money_of

FIRST_DAY = date(2000, 1, 1)
ASKED = 20


@require_safe
@known_to("automations.view_automation")
def shown(request: HttpRequest) -> HttpResponse:
    """Show two to four automations, named by `?a=slug&a=slug`, side by side."""
    given = [clean_text(slug[:255]).text for slug in request.GET.getlist("a")[:ASKED]]
    slugs = list(dict.fromkeys(given))
    found = portfolio.listed(slugs)
    known = {automation.slug: automation for automation in found}
    unknown = [slug for slug in slugs if slug not in known]
    chosen = [known[slug] for slug in slugs if slug in known]
    problem = _problem(len(chosen), unknown)
    subjects = [] if problem else _subjects(chosen)
    context = {
        "title": "Compare",
        "problem": problem,
        "subjects": subjects,
        "parts": comparison.compare(subjects) if subjects else [],
    }
    return render(request, "lifecycle/compare.html", context, status=404 if unknown else 200)


def _problem(count: int, unknown: list[str]) -> str:
    if unknown:
        return f"There is no automation {unknown[0][:80]}; choose from the list again."
    if count < FEWEST:
        return "Choose at least two automations to compare."
    return f"Choose at most {MOST}; {count} do not fit side by side." if count > MOST else ""


def _subjects(automations: list[Automation]) -> list[Subject]:
    lines = portfolio.lines_of(portfolio.rows_of(automations))
    ever = money_of(automations, start=FIRST_DAY, end=timezone.localdate())
    return [Subject(line, ever[line.row.automation.pk]) for line in lines]

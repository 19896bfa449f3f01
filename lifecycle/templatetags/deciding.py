"""Template tags that draw how far an automation is and how it does."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.utils import timezone

from automations.models import Automation, Version
from lifecycle import candidates, checklists, moves, portfolio
from lifecycle.capable import who_else
from lifecycle.checklists import ChecklistView
from lifecycle.evidence.base import Link
from lifecycle.models import Checklist
from lifecycle.portfolio import Line, Row

register = template.Library()


@register.inclusion_tag("lifecycle/_phase_circles.html")
def phase_circles(line: Line) -> dict[str, Any]:
    """Draw the seven phases as circles, with a sentence for those who do not see them."""
    return {"line": line}


@register.inclusion_tag("lifecycle/_score_both.html")
def score_both(row: Row, automation: Automation) -> dict[str, Any]:
    """Draw the published and the adjusted score, the verdict, and a mark when they differ."""
    return {"row": row, "automation": automation}


@register.inclusion_tag("lifecycle/_health_strip.html")
def health_strip(row: Row, automation: Automation) -> dict[str, Any]:
    """Draw the last 14 runs as a strip, with the success share under it."""
    return {"health": row.health, "automation": automation}


@register.inclusion_tag("lifecycle/_step.html", takes_context=True)
def step_link(context: Context, step: Link, look: str = "btn-small") -> dict[str, Any]:
    """Draw a next step as a button; for who may not take it as text that says who can."""
    return {"step": step, "who": who_else(step, context["perms"].user), "look": look}


@register.simple_tag(takes_context=True)
def filter_by(context: Context, name: str, value: str = "") -> str:
    """Return the query string of the page at hand with one filter set, or taken away."""
    request: HttpRequest = context["request"]
    query = request.GET.copy()
    for key in (name, "page"):
        query.pop(key, None)
    if value:
        query[name] = value
    return f"?{query.urlencode()}"


@register.inclusion_tag("lifecycle/_lifecycle_card.html", takes_context=True)
def lifecycle_card(context: Context, automation: Automation) -> dict[str, Any]:
    """Draw how far an automation is, its next step, score, figures and profit this month."""
    view = _checklist(automation)
    row = portfolio.row_of(automation)
    return {
        "automation": automation,
        "line": Line(row, view),
        "row": row,
        "view": view,
        "month": timezone.localdate(),
        "perms": context.get("perms"),
    }


def _checklist(automation: Automation) -> ChecklistView:
    """Return the checklist as it is stored; one that was never looked at is looked at now."""
    stored = Checklist.objects.filter(automation=automation).exclude(evaluated_at=None).first()
    return checklists.read(automation, stored) if stored else checklists.current(automation)


@register.inclusion_tag("lifecycle/_go_live.html", takes_context=True)
def go_live(context: Context, version: Version, verb: str) -> dict[str, Any]:
    """Draw the button that makes a version live; in production it says first what opens again.

    `verb` is the name of the address: version_live, or version_release for a draft. While a
    request waits for a second person, that is said in the button's place.
    """
    automation = version.automation
    waiting = moves.waiting_of(automation)
    asks = automation.stage == Automation.Stage.PRODUCTION and waiting is None
    asks = asks and automation.live_version_id is not None
    found = candidates.prospects(version) if asks else []
    return {
        "version": version,
        "automation": automation,
        "verb": verb,
        "waiting": waiting,
        "asks": asks,
        "opening": [one for one in found if one.opens],
        "lacking": [one for one in found if not one.opens and not one.is_satisfied],
        "csrf_token": context.get("csrf_token"),
    }


@register.inclusion_tag("lifecycle/_prospects.html")
def prospects_of(version: Version) -> dict[str, Any]:
    """Draw how the boxes that ask about the live version would stand with this one."""
    return {"version": version, "prospects": candidates.prospects(version)}

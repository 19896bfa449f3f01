"""Template tags that draw how far an automation is and how it does."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.utils import timezone

from automations.models import Automation
from lifecycle import checklists, portfolio
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
    view = checklists.current(automation)
    row = portfolio.row_of(automation)
    return {
        "automation": automation,
        "line": Line(row, view),
        "row": row,
        "view": view,
        "month": timezone.localdate(),
        "perms": context.get("perms"),
    }

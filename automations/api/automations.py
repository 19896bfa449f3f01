"""Operations on automations: list them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from automations.api import cursors, rows, shapes
from automations.api.runs import Cursor, Limit
from automations.api.site import operation
from automations.models import Automation


@operation("GET", "/automations", scope="automations:read", answers={200: shapes.AutomationPage})
def list_automations(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> Any:
    """List the automations, newest first, with the input that each takes."""
    rows.require_sight(request, "automation")
    found = Automation.objects.select_related("live_version")
    shown, further = cursors.page(found, cursor, limit=limit)
    lines = [_line(request, automation) for automation in shown]
    return shapes.AutomationPage(items=lines, next_cursor=further)


def _line(request: HttpRequest, automation: Automation) -> shapes.AutomationLine:
    live = automation.live_version
    return shapes.AutomationLine(
        slug=automation.slug,
        name=automation.name,
        summary=automation.summary,
        stage=automation.stage,  # type: ignore[arg-type]  # the column's choices
        is_paused=automation.is_paused,
        live_version=live.number if live else None,
        input_schema=automation.input_schema,
        page=request.build_absolute_uri(automation.get_absolute_url()),
    )

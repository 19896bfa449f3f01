"""The top floor's operations of the HTTP API; imported before its addresses are built."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from automations.api import rows
from automations.api.errors import not_found
from automations.api.runs import Slug
from automations.api.site import operation
from lifecycle import checklists
from lifecycle.reporting import ChecklistOut, report


@operation(
    "GET",
    "/automations/{slug:slug}/checklist",
    scope="automations:read",
    answers={200: ChecklistOut},
)
def get_checklist(request: HttpRequest, slug: Slug) -> Any:
    """Show how the 29 boxes of an automation stand, with the evidence.

    They are looked at anew if anything has happened. `next_step` is the one thing to do first.
    """
    automation = rows.automation_named(request, slug)
    if not rows.person_of(request).has_perm("lifecycle.view_checklist"):
        raise not_found("automation")
    return report(checklists.current(automation))

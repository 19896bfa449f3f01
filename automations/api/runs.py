"""Operations on runs: start, look, list, cancel."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Status

from automations import services
from automations.api import cursors, rows, shapes
from automations.api.bodies import json_body
from automations.api.describing import json_request
from automations.api.errors import ApiError, not_found
from automations.api.site import operation
from automations.models import Automation, Run

Key = Annotated[int, Path(ge=1, le=rows.LARGEST_KEY)]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(pattern=cursors.PATTERN)]
Slug = Annotated[str, Path(pattern="^[-a-zA-Z0-9_]+$", max_length=255)]


@operation(
    "POST",
    "/automations/{slug:slug}/runs",
    scope="runs:create",
    answers={202: shapes.RunRef, 200: shapes.RunRef},
    errors=(400, 409, 413, 415),
    extra=json_request(shapes.RunIn),
)
def start_run(request: HttpRequest, response: HttpResponse, slug: Slug) -> Any:
    """Start a run of the live version: 202; with a key that was used before, 200 and that run.

    The input is checked against the automation's input schema first: a wrong one costs nothing.
    """
    automation = rows.automation_named(request, slug)
    asked = json_body(request, shapes.RunIn)
    given = rows.input_of(automation, asked.input, where=("input",))
    origin = services.Origin(Run.Origin.API, idempotency_key=rows.key_of(asked.idempotency_key))
    by = rows.person_of(request)
    run, is_new = services.submit_once(automation, given, by=by, origin=origin)
    if not is_new:
        _require_same(run, given)
    started = rows.run_ref(request, run)
    response["Location"] = started.url
    return Status(202 if is_new else 200, started)


def _require_same(run: Run, given: dict[str, Any]) -> None:
    """Refuse a key that was used for another input: answering as if it ran would lose it."""
    if run.input_data and run.input_data != given:
        message = f"This key was used for another input, in run {run.pk}; use a new key."
        raise ApiError(409, "key_used", message, field="idempotency_key")


@operation("GET", "/runs/{run_id}", scope="runs:read", answers={200: shapes.RunOut})
def get_run(request: HttpRequest, run_id: Key) -> Any:
    """Return one run with its input and output."""
    return rows.run_out(request, rows.run_numbered(request, run_id))


@operation("GET", "/runs", scope="runs:read", answers={200: shapes.RunPage})
def list_runs(
    request: HttpRequest,
    automation: Annotated[str | None, Query(max_length=255)] = None,
    status: Annotated[shapes.RunStatus | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """List runs, newest first, of one automation or with one status."""
    rows.require_sight(request, "run")
    found = Run.objects.light().select_related("version")
    if automation is not None:
        if not Automation.objects.filter(slug=automation.replace("\x00", "")).exists():
            raise not_found("automation")
        found = found.filter(automation_id=automation)
    if status is not None:
        found = found.filter(status=status)
    shown, further = cursors.page(found, cursor, limit=limit)
    return shapes.RunPage(items=[rows.run_line(request, run) for run in shown], next_cursor=further)


@operation(
    "POST",
    "/runs/{run_id}/cancel",
    scope="runs:cancel",
    answers={200: shapes.RunRef},
    errors=(409,),
)
def cancel_run(request: HttpRequest, run_id: Key) -> Any:
    """Cancel a run that has not ended; one that a worker holds stops within seconds."""
    run = rows.run_numbered(request, run_id)
    return rows.run_ref(request, services.cancel_run(run, by=rows.person_of(request)))

"""What the operations look up, and how rows become output."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from automations import schemas
from automations.api import shapes
from automations.api.bodies import invalid
from automations.api.errors import ApiError, not_found
from automations.inputs import input_from_text
from automations.models import Automation, Batch, Run

LARGEST_KEY = 2**63 - 1
KEPT_APART = "api:"  # a program's key never meets the keys that forms and chains use


def key_of(idempotency_key: str | None) -> str | None:
    """Return the key as it is stored."""
    return f"{KEPT_APART}{idempotency_key}" if idempotency_key else None


def person_of(request: HttpRequest) -> Any:
    """Return the person whom the token acts for."""
    return request.auth.user  # type: ignore[attr-defined]  # set by ninja


def require_sight(request: HttpRequest, model: str) -> None:
    """Refuse a list to a person without the right to see its rows."""
    if not person_of(request).has_perm(f"automations.view_{model}"):
        raise ApiError(403, "not_allowed", f"You may not see these; the right view_{model} lacks.")


def sees(request: HttpRequest, model: str) -> bool:
    """Tell whether the person may know of such rows at all."""
    return bool(person_of(request).has_perm(f"automations.view_{model}"))


def automation_named(request: HttpRequest, slug: str) -> Automation:
    """Return the automation, or raise a 404."""
    known = Automation.objects.select_related("live_version__automation")
    found = known.filter(slug=slug).first() if sees(request, "automation") else None
    if found is None:
        raise not_found("automation")
    return found


def run_numbered(request: HttpRequest, run_id: int) -> Run:
    """Return the run, or raise a 404."""
    runs = Run.objects.select_related("version").defer("answer", "dialogue", "trace")
    found = runs.filter(pk=run_id).first() if sees(request, "run") else None
    if found is None:
        raise not_found("run")
    return found


def batch_numbered(request: HttpRequest, batch_id: int) -> Batch:
    """Return the batch, or raise a 404."""
    batches = Batch.objects.select_related("automation")
    found = batches.filter(pk=batch_id).first() if sees(request, "batch") else None
    if found is None:
        raise not_found("batch")
    return found


def input_of(automation: Automation, given: Any, *, where: tuple[str | int, ...]) -> dict[str, Any]:
    """Return a run's input, checked against the automation's schema before anything is stored.

    Raises:
        ApiError: 422 with the first thing that is wrong and where.
    """
    data = input_from_text(automation, given) if isinstance(given, str) else given
    unknown = next((name for name in data if name not in automation.input_names), None)
    if unknown is not None:
        known = ", ".join(automation.input_names)
        raise invalid(f"There is no such input field; known are {known}.", where=(*where, unknown))
    problems = schemas.errors_in(data, automation.input_schema)
    if problems:
        path, _, said = problems[0].partition(": ")
        raise invalid(said, where=(*where, *_steps(path)))
    return dict(data)


def _steps(path: str) -> list[str]:
    """Return the names in `$.a.b`; inputs are flat, so there are no others."""
    return [step for step in path.removeprefix("$").split(".") if step]


def run_ref(request: HttpRequest, run: Run) -> shapes.RunRef:
    """Return a run's id, status and address."""
    return shapes.RunRef(id=run.pk, status=run.status, url=_url(request, "get_run", run.pk))  # type: ignore[arg-type]


def run_line(request: HttpRequest, run: Run) -> shapes.RunLine:
    """Return a run as a list has it."""
    return shapes.RunLine(**_facts(request, run))


def run_out(request: HttpRequest, run: Run) -> shapes.RunOut:
    """Return a run with its input and output."""
    return shapes.RunOut(
        **_facts(request, run),
        input_data=run.input_data,
        output_data=run.output_data,
        answered_by=run.answered_by or None,
        model=run.model or None,
        calls=run.calls,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
    )


def _facts(request: HttpRequest, run: Run) -> dict[str, Any]:
    return {
        "id": run.pk,
        "status": run.status,
        "url": _url(request, "get_run", run.pk),
        "page": request.build_absolute_uri(run.get_absolute_url()),
        "automation": run.automation_id,
        "version": run.version.number if run.version else None,
        "batch": run.batch_id,
        "origin": run.origin,
        "created_at": run.queued_at,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "execution_time_ms": run.execution_time_ms,
        "error_category": run.error_category or None,
        "error_code": run.error_code or None,
        "error_message": run.error_message,
        "cost_usd": run.cost_usd,
    }


def batch_ref(request: HttpRequest, batch: Batch) -> shapes.BatchRef:
    """Return a batch's id, size and address."""
    return shapes.BatchRef(
        id=batch.pk, total=batch.expected, url=_url(request, "get_batch", batch.pk)
    )


def batch_out(request: HttpRequest, batch: Batch) -> shapes.BatchOut:
    """Return a batch and the counts of its runs."""
    counted = batch.counts()
    return shapes.BatchOut(
        id=batch.pk,
        total=batch.expected,
        url=_url(request, "get_batch", batch.pk),
        page=request.build_absolute_uri(reverse("batch", args=[batch.pk])),
        automation=batch.automation.slug,
        name=batch.name,
        created_at=batch.created_at,
        cancelled_at=batch.cancelled_at,
        counts={status: counted.get(status, 0) for status in Run.Status.values},  # type: ignore[misc]
    )


def _url(request: HttpRequest, name: str, pk: int) -> str:
    return request.build_absolute_uri(reverse(f"api:{name}", args=[pk]))

"""The public address of hooks: JSON in, JSON out, whatever comes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from automations import services
from automations.api.bodies import read_bytes, require_type, strict_json
from automations.api.errors import ApiError, error_response
from automations.models import Hook, Run
from automations.services.calls import Taken
from automations.text import clean_text

MAX_BYTES = 1024 * 1024
JSON, TEXT = "application/json", "text/plain"
STATUSES = {
    "not_found": 404,
    "bad_request": 400,
    "bad_signature": 401,
    "secret_unreadable": 503,
    "paused": 409,
    "halted": 409,
    "not_runnable": 409,
    "invalid_input": 422,
    "rate_limited": 429,
}


# The caller has no cookie and no form: a token in the address and a signature take their place.
@csrf_exempt
def called(request: HttpRequest, token: str) -> HttpResponse:
    """Start what a call asks for: 202 with the run, 200 when there was nothing to start."""
    if request.method != "POST":
        answer = error_response(405, "wrong_method", "A hook takes POST alone.")
        answer.headers["Allow"] = "POST"
        return answer
    try:
        taken = _take(request, services.find_hook(token.removesuffix("/")))
    except services.CallRefused as refused:
        status = STATUSES[refused.code]
        return error_response(
            status, refused.code, str(refused), retry_after_s=refused.retry_after_s
        )
    except ApiError as error:
        return error_response(error.status, error.code, error.message)
    return JsonResponse(_told(taken), status=202 if taken.runs else 200, headers=NO_STORE)


NO_STORE = {"Cache-Control": "no-store"}


def _take(request: HttpRequest, hook: Hook) -> Taken:
    body = _body(request)
    kind = _kind(request)
    now = timezone.now()
    headers = {name.lower(): value for name, value in request.headers.items()}
    message_id = services.authenticate_call(hook, headers, body, now=now)
    payload = _text(body) if kind == TEXT else strict_json(body)
    return services.take_call(hook, payload, message_id=message_id, now=now)


def _body(request: HttpRequest) -> bytes:
    """Read the raw bytes, which are what is signed."""
    if request.headers.get("Transfer-Encoding") and not request.headers.get("Content-Length"):
        raise ApiError(411, "length_required", "Send the body with a Content-Length header.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ApiError(415, "wrong_content_type", "Send the body without a Content-Encoding.")
    try:
        return read_bytes(request, MAX_BYTES)
    except UnreadablePostError as error:
        raise ApiError(400, "bad_request", "The body ended too early; send it again.") from error


def _kind(request: HttpRequest) -> str:
    """Return the content type; anything that ends in +json is JSON."""
    if (request.content_type or "").lower().endswith("+json"):
        request.content_type = JSON
    return require_type(request, [JSON, TEXT])


def _text(body: bytes) -> str:
    try:
        return clean_text(body.decode("utf-8")).text
    except UnicodeDecodeError as error:
        message = f"The body is not UTF-8 text: byte {error.start} does not belong there."
        raise ApiError(400, "bad_request", message) from error


def _told(taken: Taken) -> dict[str, Any]:
    runs = [_ref(run) for run in taken.runs]
    told: dict[str, Any] = dict(runs[0]) if runs else {"status": "ignored"}
    if len(runs) > 1:
        told["runs"] = runs
    if taken.ignored:
        told["ignored"] = taken.ignored
    return told


def _ref(run: Run) -> dict[str, Any]:
    url = f"{settings.SITE_URL}{run.get_absolute_url()}"
    return {"id": run.pk, "status": run.status, "url": url}

"""Around every request: where it came from; and under /api/ nothing but JSON, whatever happens."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from automations.api.errors import PLAIN, error_response
from automations.audit import Through, through

Next = Callable[[HttpRequest], HttpResponseBase]
COOKIES = "HTTP_COOKIE"


def note_origin(get_response: Next) -> Next:
    """Let the audit trail know the address for as long as the request lasts."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        mark = through.set(Through(address=address_of(request)))
        try:
            return get_response(request)
        finally:
            through.reset(mark)

    return middleware


def json_only(get_response: Next) -> Next:
    """Answer /api/ in JSON alone, also where Django answers by itself; cookies do not count there.

    Without cookies nobody's browser can be made to act, so the API needs no CSRF token.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not is_api(request.path_info):
            return get_response(request)
        request.META.pop(COOKIES, None)
        answer = get_response(request)
        if answer.status_code < 300 or is_json(answer):
            return answer
        return _in_json(answer)

    return middleware


def is_api(path: str) -> bool:
    """Tell whether an address is for programs: the API, or a hook."""
    return path == "/api" or path.startswith(("/api/", "/hooks/"))


def is_json(answer: HttpResponseBase) -> bool:
    """Tell whether an answer is JSON already."""
    return str(answer.headers.get("Content-Type", "")).startswith("application/json")


def _in_json(answer: HttpResponseBase) -> HttpResponse:
    status = answer.status_code if answer.status_code in PLAIN else 404
    made = error_response(status, *PLAIN[status])
    if "Allow" in answer.headers:
        made.headers["Allow"] = answer.headers["Allow"]
    return made


def address_of(request: HttpRequest) -> str:
    """Return the client's address: the peer's, or what the last of our own proxies saw.

    `X-Forwarded-For` is believed for as many steps from the right as there are proxies of ours
    (PROXY_HOPS); what stands further left anybody may have written.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))[:45]
    hops = settings.PROXY_HOPS
    if hops < 1:
        return peer
    seen = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    steps = [step.strip()[:45] for step in seen if step.strip()]
    return steps[-hops] if len(steps) >= hops else peer

"""Who calls: the bearer token, its rate, its scope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from automations.api.errors import ApiError
from automations.audit import Through, through
from automations.models import ApiToken, RefusedAddress
from automations.services.tokens import find_token
from automations.text import clean_text

REFUSED = "Send a valid token as “Authorization: Bearer lc_...”; an administrator makes them."


class Bearer(HttpBearer):
    """Lets a request pass whose token is live, within its rate, and has the operation's scope."""

    openapi_bearerFormat = "lc_..."  # noqa: N815  ninja copies it into the document by this name

    def __init__(self, scope: str, query: Sequence[str]) -> None:
        super().__init__()
        self.scope = scope
        self.query = query

    def __call__(self, request: HttpRequest) -> ApiToken:
        """Return the token that the request may use.

        Raises:
            ApiError: 401 no live token, 403 it lacks the scope, 429 it (or its address) is too
                fast, 422 a query parameter that the operation does not have.
        """
        kind, _, text = str(request.headers.get("Authorization", "")).partition(" ")
        token = find_token(text.strip()) if kind.lower() == "bearer" else None
        if token is None:
            raise _refused("not_authenticated", REFUSED)
        _require_live(token)
        came = through.get() or Through()
        came.token = token.prefix
        _charge(token)
        if self.scope not in token.scopes:
            message = f"This token lacks the scope {self.scope}; make one that has it."
            raise ApiError(403, "missing_scope", message)
        _require_known(request, self.query)
        return token

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """Not called: the class decides before the header is taken apart."""
        raise NotImplementedError


def _require_known(request: HttpRequest, query: Sequence[str]) -> None:
    unknown = next((name for name in request.GET if name not in query), None)
    if unknown is not None:
        told = f"known are {', '.join(query)}" if query else "this address takes none"
        message = f"There is no such query parameter; {told}."
        raise ApiError(422, "invalid", message, field=clean_text(unknown[:80]).text)


def _require_live(token: ApiToken) -> None:
    if token.revoked_at:
        raise _refused("token_revoked", f"{token} was revoked; ask an administrator for another.")
    if not token.is_live:
        raise _refused("token_expired", f"{token} has expired; ask an administrator for another.")
    if not token.user.is_active:
        raise _refused("not_authenticated", f"The person behind {token} is no longer active.")


def _refused(code: str, message: str) -> ApiError:
    """Return the 401; a 429 instead when this address was refused too often.

    A valid token is never held up by it: whoever shares the address is not locked out, and 190
    random bits are not guessed. The limit bounds what guessing costs us.
    """
    came = through.get() or Through()
    wait_s = RefusedAddress.charge(came.address, now=timezone.now())
    return _too_fast("refused tokens", wait_s) if wait_s else ApiError(401, code, message)


def _charge(token: ApiToken) -> None:
    per_minute = settings.API_REQUESTS_PER_MINUTE
    wait_s = ApiToken.objects.charge(token, per_minute=per_minute, now=timezone.now())
    if wait_s:
        raise _too_fast(f"requests ({per_minute} a minute are allowed)", wait_s)


def _too_fast(what: str, wait_s: int) -> ApiError:
    message = f"Too many {what}; wait {wait_s} s."
    return ApiError(429, "too_many_requests", message, retry_after_s=wait_s)

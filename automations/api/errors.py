"""The API's errors: one shape, a fitting status, a sentence that says what to do."""

from __future__ import annotations

from django.http import JsonResponse

# What Django answers by itself, before or instead of an operation.
PLAIN = {
    400: ("bad_request", "The request cannot be read; compare it with the documentation."),
    403: ("not_allowed", "You may not do this."),
    404: ("not_found", "There is nothing at this address; see /api/v1/openapi.json."),
    405: ("wrong_method", "This address does not take that method; the Allow header names those."),
    413: ("too_large", "The body is too large; send less at once."),
    500: ("internal_error", "Lifecycle itself broke, and it is our fault; nothing was kept."),
}


class ApiError(Exception):
    """An answer that is an error; raised anywhere below an operation."""

    def __init__(
        self, status: int, code: str, message: str, *, field: str = "", retry_after_s: int = 0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s


def not_found(what: str) -> ApiError:
    """Return the error for a row that does not exist, or that the person may not know of."""
    return ApiError(404, "not_found", f"There is no such {what}; check the address.")


def error_response(
    status: int, code: str, message: str, *, field: str = "", retry_after_s: int = 0
) -> JsonResponse:
    """Render an error as every error is rendered."""
    error = {"code": code, "message": message, **({"field": field} if field else {})}
    answer = JsonResponse({"error": error}, status=status)
    answer.headers["Cache-Control"] = "no-store"
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="Lifecycle"'
    if retry_after_s:
        answer.headers["Retry-After"] = str(retry_after_s)
    return answer

"""The API object: how operations are registered, guarded and described."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from pydantic import BaseModel

from automations.api.auth import Bearer
from automations.api.errors import PLAIN, ApiError, error_response
from automations.api.shapes import ErrorOut
from automations.errors import NotAllowed, WrongState
from automations.models import SCOPES

logger = logging.getLogger(__name__)
DESCRIPTION = """\
Start automations, follow their runs and batches, cancel them.

Every request carries a token: `Authorization: Bearer lc_...`. It acts as one person, within its
scopes, until it expires. Every error is `{"error": {"code", "message", "field"?}}`.
"""
SCOPE = "x-scope"
View = Callable[..., Any]


class Api(NinjaAPI):
    """A ninja API whose document names the scope that each operation needs."""

    def get_openapi_schema(self, **options: Any) -> Any:
        """Return the OpenAPI document, with the scopes where OpenAPI 3.1 has them."""
        document: Any = super().get_openapi_schema(**options)
        for item in document["paths"].values():
            for described in item.values():
                described["security"] = [{"Bearer": [described.pop(SCOPE)]}]
        return document


api = Api(
    title="Lifecycle",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    docs_url=None,
    openapi_extra={"info": {"license": {"name": "MIT"}}},
)


def operation(
    method: str, path: str, *, scope: str, answers: dict[int, type[BaseModel]],
    errors: tuple[int, ...] = (), extra: dict[str, Any] | None = None,
) -> Callable[[View], View]:  # fmt: skip
    """Register a view as an operation that needs `scope`; its function's name is its id."""
    assert scope in SCOPES, scope  # noqa: S101  a typo would be a hole

    def register(view: View) -> View:
        also = dict.fromkeys((401, 403, 404, 422, 429, 500, *errors), ErrorOut)
        api.api_operation(
            [method],
            path,
            auth=Bearer(scope, _query_names(view)),
            operation_id=view.__name__,
            url_name=view.__name__,
            response={**answers, **also},
            openapi_extra={SCOPE: scope, **(extra or {})},
        )(view)
        return view

    return register


def _query_names(view: View) -> list[str]:
    """Return the names of a view's query parameters: those that have a default."""
    parameters = inspect.signature(view).parameters.values()
    return [p.name for p in parameters if p.default is not inspect.Parameter.empty]


@api.exception_handler(ApiError)
def _api_error(_request: HttpRequest, error: ApiError) -> HttpResponse:
    return error_response(
        error.status, error.code, error.message,
        field=error.field, retry_after_s=error.retry_after_s,
    )  # fmt: skip


@api.exception_handler(ValidationError)
def _invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    return error_response(422, "invalid", _said(first), field=field)


def _said(fault: dict[str, Any]) -> str:
    """Say a fault without the names that Python has for things."""
    if fault["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return 'Send a JSON object here, like {"name": "value"}.'
    if fault["type"] == "too_short" and "min_length" in fault.get("ctx", {}):
        least = fault["ctx"]["min_length"]
        return f"Give at least {least} {'item' if least == 1 else 'items'}."
    return f"{fault['msg']}."


@api.exception_handler(PermissionDenied)
def _not_allowed(_request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    said = str(error) if isinstance(error, NotAllowed) else PLAIN[403][1]
    return error_response(403, "not_allowed", said)


@api.exception_handler(WrongState)
def _wrong_state(_request: HttpRequest, error: WrongState) -> HttpResponse:
    return error_response(409, "wrong_state", str(error))


@api.exception_handler(Http404)
def _not_found(_request: HttpRequest, _error: Http404) -> HttpResponse:
    return error_response(404, *PLAIN[404])


@api.exception_handler(HttpError)
def _http_error(_request: HttpRequest, error: HttpError) -> HttpResponse:
    status = error.status_code if error.status_code in PLAIN else 400
    return error_response(status, *PLAIN[status])


@api.exception_handler(Exception)
def _broken(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("api_broke", exc_info=error, extra={"path": request.path})
    return error_response(500, *PLAIN[500])

"""Request bodies, read strictly: the right type, bounded, JSON without ambiguity."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from django.http import HttpRequest
from pydantic import BaseModel, ValidationError

from automations.api.errors import ApiError
from automations.errors import Problem
from automations.text import NotFinite, clean_data, human_size

JSON = "application/json"
MAX_JSON_BYTES = 1024 * 1024
Model = TypeVar("Model", bound=BaseModel)


def json_body(request: HttpRequest, model: type[Model], *, limit: int = MAX_JSON_BYTES) -> Model:
    """Return the request's JSON body as `model`.

    Raises:
        ApiError: 415 another content type, 413 more than `limit` bytes, 400 not strict JSON,
            422 not what the model asks for, with the field.
    """
    require_type(request, [JSON])
    return fitted(strict_json(read_bytes(request, limit)), model)


def require_type(request: HttpRequest, known: Sequence[str]) -> str:
    """Return the body's content type, which must be one of `known`, in UTF-8."""
    kind = (request.content_type or "").lower()
    charset = request.content_params.get("charset", "utf-8") if request.content_params else "utf-8"
    if kind in known and charset.lower() in ("utf-8", "utf8"):
        return kind
    wanted = " or ".join(known)
    message = f"Send the body as {wanted}, in UTF-8, and say so in the Content-Type header."
    raise ApiError(415, "wrong_content_type", message)


def read_bytes(request: HttpRequest, limit: int) -> bytes:
    """Return the raw body; one that says it is too large is not read at all."""
    if "HTTP_TRANSFER_ENCODING" in request.META:
        message = "Send the body with a Content-Length; one in chunks is not taken."
        raise ApiError(400, "bad_request", message)
    stated = str(request.META.get("CONTENT_LENGTH") or "0")
    size = int(stated) if stated.isascii() and stated.isdigit() else 0
    body = request.body if size <= limit else b""
    if max(size, len(body)) > limit:
        message = f"The body has {human_size(size)}; at most {human_size(limit)} are taken."
        raise ApiError(413, "too_large", message)
    return body


def strict_json(body: bytes) -> object:
    """Parse JSON as RFC 8259 has it, and refuse what parsers disagree about.

    Refused: duplicate names, NaN and Infinity, numbers beyond a float or of thousands of digits, a
    byte order mark, another encoding, more than 64 levels.

    Raises:
        ApiError: 400 with the reason.
    """
    try:
        text = body.decode("utf-8")
        parsed = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
        return clean_data(parsed)
    except UnicodeDecodeError as error:
        raise _bad(f"byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise _bad(f"{error.msg} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise _bad("it is nested too deeply") from error
    except (NotFinite, Problem, ValueError) as error:
        raise _bad(_reason(error)) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Duplicate
    return found


class _Duplicate(ValueError):
    """An object names a member twice."""


def _refuse(name: str) -> object:
    raise NotFinite(name)


def _reason(error: Exception) -> str:
    if isinstance(error, _Duplicate):
        return "an object names the same member twice"
    if isinstance(error, NotFinite):
        return "a number is NaN, infinite or too large"
    if isinstance(error, Problem):
        return "it is nested more than 64 levels deep"
    return "a number has too many digits"


def _bad(reason: str) -> ApiError:
    return ApiError(400, "bad_json", f"The body is no JSON that can be taken: {reason}.")


def fitted(value: object, model: type[Model], *, field: str = "") -> Model:
    """Return parsed JSON as `model`; `field` is the path of the value in the body.

    Raises:
        ApiError: 422 with the first thing that is wrong and where.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _invalid(error, field) from None


def _invalid(error: ValidationError, field: str) -> ApiError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return invalid(f"{first['msg']}.", where=(field, *first["loc"]))


def invalid(message: str, *, where: Sequence[str | int]) -> ApiError:
    """Return a 422 about the part of the request at `where`."""
    path = ""
    for part in where:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return ApiError(422, "invalid", message, field=path[:200])

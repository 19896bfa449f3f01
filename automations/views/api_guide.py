"""The API's documentation for people, made from its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from automations.api.site import api
from automations.models import SCOPES


@dataclass(frozen=True, slots=True)
class Described:
    """One operation in words."""

    method: str
    path: str
    summary: str
    about: str
    scope: str
    takes: list[tuple[str, str]]
    statuses: list[str]


@require_safe
@login_required
def shown(request: HttpRequest) -> HttpResponse:
    """Show what the API can do and how to call it."""
    context = {
        "title": "HTTP API",
        "operations": described(),
        "scopes": SCOPES.items(),
        "document": request.build_absolute_uri(reverse("api:openapi-json")),
        "place": request.build_absolute_uri(reverse("api:list_runs")).removesuffix("/runs"),
        "may_make": request.user.has_perm("automations.add_apitoken"),
    }
    return render(request, "automations/api_guide.html", context)


@cache
def described() -> tuple[Described, ...]:
    """Return every operation of the document."""
    return tuple(_described(api.get_openapi_schema()))


def _described(document: dict[str, Any]) -> Iterator[Described]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            first, _, rest = operation["description"].partition("\n\n")
            yield Described(
                method=method.upper(),
                path=path,
                summary=first.replace("\n", " "),
                about=rest.replace("\n", " "),
                scope=operation["security"][0]["Bearer"][0],
                takes=[*_parameters(operation), *_members(operation)],
                statuses=sorted(str(status) for status in operation["responses"]),
            )


def _parameters(operation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for parameter in operation["parameters"]:
        if parameter["in"] == "query":
            yield parameter["name"], f"in the query, {_kind(parameter['schema'])}"


def _members(operation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    needed = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        yield name, f"in the body, {_kind(member)}{'' if name in needed else ', optional'}"


def _kind(schema: dict[str, Any]) -> str:
    parts = schema.get("anyOf", [schema])
    kinds = [str(part.get("type", "any")) for part in parts if part.get("type") != "null"]
    choices = [choice for part in parts for choice in part.get("enum", [])]
    return " or ".join(kinds) + (f": {', '.join(choices)}" if choices else "")

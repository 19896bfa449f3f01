"""The API's URLs; under /api/ everything else is a JSON 404."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from automations.api import automations, batches, runs  # noqa: F401  registered by being imported
from automations.api.errors import PLAIN, error_response
from automations.api.site import api


@csrf_exempt
def nothing(_request: HttpRequest, **_: Any) -> HttpResponse:
    """Say that there is nothing here."""
    return error_response(404, *PLAIN[404])


urlpatterns = [
    path("v1/", api.urls),
    re_path(r"^.*$", nothing, name="api_nothing"),
]

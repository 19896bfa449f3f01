"""Automations side by side."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse


def shown(_request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404

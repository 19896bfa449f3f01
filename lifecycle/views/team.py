"""The team's own rules."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse


def edited(_request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404

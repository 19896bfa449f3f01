"""The prototype: its clock, day goals, criteria and verdict."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse


def shown(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def start(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def extend(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def decide(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404

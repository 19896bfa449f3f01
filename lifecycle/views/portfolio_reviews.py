"""The monthly portfolio review."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse


def listed(_request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404


def open_month(_request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404


def shown(_request: HttpRequest, month: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def decide(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def close(_request: HttpRequest, month: str) -> HttpResponse:
    """Not there yet."""
    raise Http404

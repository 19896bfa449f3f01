"""Reviews: what waits for a person's verdict, and giving one."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse


def reviews(_request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404


def run_review(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def undo_review(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404

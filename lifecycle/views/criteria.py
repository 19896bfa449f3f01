"""Success criteria and failure modes."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse


def listed(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def edited(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def remove(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def failure_modes(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def edit_failure_mode(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def remove_failure_mode(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404

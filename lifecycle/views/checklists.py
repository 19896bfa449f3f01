"""The checklist of one automation."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse


def shown(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def history(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def exempt(_request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def end_exemption(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def attest(_request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Not there yet."""
    raise Http404

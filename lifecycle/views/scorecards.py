"""Scorecards: the form with its live score, the history, the decision; new ideas."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse


def listed(_request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404


def new(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def preview(_request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404


def history(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def shown(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def decide(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def idea(_request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    raise Http404

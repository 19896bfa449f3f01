"""Profit and effort of one automation."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse


def shown(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def new(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def edited(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def remove(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def add_effort(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def remove_effort(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404

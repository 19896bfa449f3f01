"""Promotions: moves between stages and of the live version."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse


def listed(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def shown(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def move(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def make_live(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def release(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def roll_back(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def rehearse(_request: HttpRequest, slug: str) -> HttpResponse:
    """Not there yet."""
    raise Http404


def decide(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404


def withdraw(_request: HttpRequest, pk: int) -> HttpResponse:
    """Not there yet."""
    raise Http404

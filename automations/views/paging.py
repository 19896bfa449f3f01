"""Lists by key: as fast on the millionth row as on the first, without a count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import models
from django.http import HttpRequest

Row = TypeVar("Row", bound=models.Model)
LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows, newest first, and the addresses of their neighbours; '' where there are none."""

    rows: list[Row]
    newer: str
    older: str


def page_of(rows: models.QuerySet[Any, Any], request: HttpRequest, *, size: int) -> Page[Any]:
    """Return the page that `?before=` or `?after=` (keys) asks for; without either, the newest."""
    before, after = _key(request, "before"), _key(request, "after")
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        shown = found[:size][::-1]
        more_newer, more_older = len(found) > size, True
    else:
        older = rows if before is None else rows.filter(pk__lt=before)
        found = list(older.order_by("-pk")[: size + 1])
        shown = found[:size]
        more_newer, more_older = before is not None, len(found) > size
    return Page(
        shown,
        _address(request, "after", shown[0]) if shown and more_newer else "",
        _address(request, "before", shown[-1]) if shown and more_older else "",
    )


def _key(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    # Python refuses to read a number of thousands of digits; twenty are too large already.
    return min(int(text[:20]), LARGEST_KEY) if text.isascii() and text.isdigit() else None


def _address(request: HttpRequest, name: str, row: models.Model) -> str:
    query = request.GET.copy()
    for key in ("before", "after", "mark"):
        query.pop(key, None)
    query[name] = str(row.pk)
    return f"?{query.urlencode()}"

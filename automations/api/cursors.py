"""Pages by key: a cursor is the last row's key, written so that nobody is tempted to count."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# Twelve digits of base 36 stay below the largest key, so that whatever fits is a place to go on.
PATTERN = "^[0-9a-z]{1,12}$"


def after(cursor: str | None) -> int | None:
    """Return the key that a cursor stands for."""
    return int(cursor, len(DIGITS)) if cursor else None


def cursor_at(key: int) -> str:
    """Return the cursor that goes on after this key."""
    digits = ""
    while key or not digits:
        key, digit = divmod(key, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits


def page(rows: QuerySet[Any], cursor: str | None, *, limit: int) -> tuple[list[Any], str | None]:
    """Return up to `limit` rows, newest first, and the cursor of the next page."""
    key = after(cursor)
    older = rows if key is None else rows.filter(pk__lt=key)
    found = list(older.order_by("-pk")[: limit + 1])
    shown = found[:limit]
    return shown, cursor_at(shown[-1].pk) if len(found) > limit else None

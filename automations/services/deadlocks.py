"""Verbs that lock many rows: begin again when the database ended them to undo a deadlock."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

TRIES = 5
DEADLOCK = "40P01"  # PostgreSQL's SQLSTATE; SQLite has one writer at a time, so none

Given = ParamSpec("Given")
Result = TypeVar("Result")


def again_after_deadlock(verb: Callable[Given, Result]) -> Callable[Given, Result]:
    """Do a verb anew after a deadlock with a worker, which locks rows in an order of its own.

    The verb opens its transaction itself and changes nothing in memory before that has gone well.
    Inside another transaction the error is passed on: only the outermost can begin again.
    """

    @wraps(verb)
    def persistent(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        for _ in range(TRIES - 1):
            try:
                return verb(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or not _is_deadlock(error):
                    raise
        return verb(*args, **kwargs)

    return persistent


def _is_deadlock(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == DEADLOCK

"""What one model call came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from automations.engine.held import ProviderNews
from automations.engine.retry import Again
from automations.errors import Problem
from automations.models import Attempt


@dataclass(slots=True)
class Called:
    """One call's outcome: the run's new values, its attempt row, and what it taught.

    `waiting` are the values with which the run waits if the provider's circuit is to blame.
    """

    values: dict[str, Any]
    attempt: Attempt | None
    news: ProviderNews | None
    note: str
    failure: Problem | None = None
    again: Again | None = None
    cut_off: str = ""
    waiting: dict[str, Any] | None = None

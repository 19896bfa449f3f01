"""How long a server that is asked again wants to be left alone."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_PAUSE_S = 900.0


def pause_asked(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Return the seconds that Retry-After asks for; None if it is absent, odd or above 15 minutes.

    `retry-after-ms` comes first; `retry-after` may hold seconds or an HTTP date (RFC 9110, 10.2.3).
    """
    in_ms = _number(headers.get("retry-after-ms"))
    if in_ms is not None and 0 <= in_ms <= LONGEST_PAUSE_S * 1000:
        return in_ms / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is None and text:
        seconds = _seconds_until(text, now or datetime.now(UTC))
    return seconds if seconds is not None and 0 <= seconds <= LONGEST_PAUSE_S else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds_until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - now).total_seconds()

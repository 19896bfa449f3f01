"""Kinds of triggers, and the next time a schedule is due."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

KINDS = {"schedule": "Schedule"}


def clean_settings(kind: str, settings: Any) -> dict[str, Any]:
    """Return a schedule's settings, {"cron": str, "timezone": str, "input": object}.

    Raises:
        ValueError: one sentence on what is wrong.
    """
    if kind not in KINDS:
        raise ValueError(f"Unknown trigger kind {kind!r}; known: {', '.join(KINDS)}.")
    if not isinstance(settings, dict) or not settings.get("cron"):
        raise ValueError('A schedule needs a cron expression, e.g. {"cron": "0 * * * *"}.')
    cleaned = {"timezone": "UTC", "input": {}, **settings}
    upcoming(cleaned, after=datetime.now(UTC), count=1)
    return cleaned


def next_time(
    kind: str, settings: dict[str, Any], after: datetime | None = None
) -> datetime | None:
    """Return the schedule's next time in UTC after `after` (default now)."""
    if kind != "schedule":
        return None
    return upcoming(settings, after=after or datetime.now(UTC), count=1)[0]


def upcoming(settings: dict[str, Any], *, after: datetime, count: int) -> list[datetime]:
    """Return the next `count` times in UTC.

    Raises:
        ValueError: the cron expression or the time zone is not one, or never matches.
    """
    try:
        zone = ZoneInfo(settings["timezone"])
        ticks = CronSim(settings["cron"], after.astimezone(zone))
        return [next(ticks).astimezone(UTC) for _ in range(count)]
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(
            f"Unknown time zone {settings['timezone']!r}; e.g. Europe/Berlin."
        ) from error
    except CronSimError as error:
        raise ValueError(f"{settings['cron']!r} is not a cron expression: {error}.") from error
    except StopIteration as error:
        raise ValueError(f"{settings['cron']!r} never comes; check day and month.") from error


def summary(kind: str, settings: dict[str, Any]) -> str:
    """Describe a trigger in a few words."""
    if kind != "schedule":
        return KINDS.get(kind, kind)
    return f"{settings.get('cron', '?')} ({settings.get('timezone', 'UTC')})"

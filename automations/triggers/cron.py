"""Cron expressions in their time zones: the next times, and what clock changes do to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

LOOKAHEAD_DAYS = 370
FIELDS = 5
DOUBLED = "Clocks go back: this time comes twice on this day"


@dataclass(frozen=True, slots=True)
class Tick:
    """One time of a schedule: in UTC, in its zone, and what a clock change does to it."""

    at: datetime
    local: datetime
    note: str = ""

    @property
    def local_words(self) -> str:
        """Say when in the schedule's zone, with the offset's name."""
        return f"{self.local:%a} {self.local.day} {self.local:%b %Y, %H:%M %Z}"

    @property
    def utc_words(self) -> str:
        """Say when in UTC."""
        return f"{self.at.day} {self.at:%b, %H:%M}"


@cache
def zone_names() -> tuple[str, ...]:
    """Return the time zones people choose from, by name."""
    return tuple(sorted(available_timezones() - {"localtime", "Factory"}))


def zone_of(name: object) -> ZoneInfo:
    """Return a time zone. Raises `ValueError` with a sentence for a name that is none."""
    if isinstance(name, str) and name in zone_names():
        return ZoneInfo(name)
    raise ValueError(f"Unknown time zone {str(name)[:60]!r}; e.g. Europe/Berlin.")


def upcoming(cron: object, zone: str, *, after: datetime) -> Iterator[datetime]:
    """Yield an expression's times after `after`, in UTC, ascending and each once.

    A time of day that the clocks leap over runs at the first one that exists; one that comes
    twice runs the first time only. Where minute or hour begins with `*`, the wall clock counts
    as it shows: nothing in the gap, both times in the fold (Debian's cron, by cronsim).

    Raises:
        ValueError: the expression or the time zone is not one.
    """
    return _ascending(_simulation(cron, after.astimezone(zone_of(zone))), after)


def _ascending(ticks: CronSim, after: datetime) -> Iterator[datetime]:
    # In the fold cronsim counts by the wall clock and can return a time that has passed already,
    # and a time moved out of the gap can meet the next one.
    last = after
    for tick in ticks:
        at = tick.astimezone(UTC)
        if at > last:
            last = at
            yield at


def next_after(cron: object, zone: str, *, after: datetime) -> datetime:
    """Return the first time after `after`, in UTC.

    Raises:
        ValueError: no expression, no time zone, or a time that never comes.
    """
    for at in upcoming(cron, zone, after=after):
        return at
    raise ValueError(f"{cron!r} never comes; check day and month.")


def ticks(cron: str, zone: str, *, after: datetime, count: int) -> list[Tick]:
    """Return the next `count` times with their notes. Raises as `upcoming` does."""
    return [
        _tick(cron, at, zone_of(zone)) for at in islice(upcoming(cron, zone, after=after), count)
    ]


def clock_changes(cron: str, zone: str, *, after: datetime) -> list[Tick]:
    """Return the times of the coming year that a clock change moves or doubles, one a change."""
    found = []
    for day in _days_of_change(zone_of(zone), after):
        begin = datetime.combine(day, time(), zone_of(zone)).astimezone(UTC) - timedelta(seconds=1)
        that_day = islice(upcoming(cron, zone, after=max(begin, after)), 200)
        odd = (tick for at in that_day if (tick := _tick(cron, at, zone_of(zone))).note)
        if first := next(odd, None):
            found.append(first)
    return found


def in_words(cron: str) -> str:
    """Say an expression in English; empty where a sentence could be misread."""
    day, weekday = cron.split()[2], cron.split()[4]
    restricted = not (day.startswith("*") or weekday.startswith("*"))
    if "/" in cron or restricted:
        return ""
    return str(CronSim(cron, datetime.now(UTC)).explain())


def check(cron: str) -> str:
    """Return the expression with single spaces.

    Raises:
        ValueError: it has other than five fields, is no expression, or never comes.
    """
    parts = cron.split()
    if len(parts) != FIELDS:
        raise ValueError(
            f"{cron!r} is not a cron expression: it has {len(parts)} fields instead of five "
            "(minute, hour, day, month, weekday), e.g. 0 9 * * 1-5."
        )
    tidy = " ".join(parts)
    next_after(tidy, "UTC", after=datetime.now(UTC))
    return tidy


def _simulation(cron: object, start: datetime) -> CronSim:
    try:
        return CronSim(str(cron), start)
    except (CronSimError, ValueError) as error:
        raise ValueError(f"{cron!r} is not a cron expression: {error}.") from error


def _tick(cron: str, at: datetime, zone: ZoneInfo) -> Tick:
    local = at.astimezone(zone)
    simulation = _simulation(cron, local)
    if local.minute not in simulation.minutes or local.hour not in simulation.hours:
        note = (
            "Clocks go forward: the usual time does not exist on this day, so it runs right after "
            "the gap."
        )
    elif _is_doubled(local):
        note = _doubled(local, fixed=simulation.fixup_tz is not None)
    else:
        note = ""
    return Tick(at, local, note)


def _is_doubled(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() > local.replace(fold=1).utcoffset()  # type: ignore[operator]


def _doubled(local: datetime, *, fixed: bool) -> str:
    if fixed:
        return "Clocks go back: this time comes twice on this day; it runs the first time only."
    which = "second" if local.fold else "first"
    return (
        f"Clocks go back: this time comes twice on this day, and it runs both times; the {which}."
    )


def _days_of_change(zone: ZoneInfo, after: datetime) -> Iterator[date]:
    day = after.astimezone(zone).date()
    for _ in range(LOOKAHEAD_DAYS):
        begin, end = (datetime.combine(d, time(), zone) for d in (day, day + timedelta(days=1)))
        if begin.utcoffset() != end.utcoffset():
            yield day
        day += timedelta(days=1)

"""Times of day and durations like 2:24:51."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from automations.validators.grounding.plain import lowered
from automations.validators.grounding.tables import NUMBERS

DAY = 24 * 60
_HOURS = {word: hour for word, hour in NUMBERS["en"].items() if 1 <= hour <= 12}
_TIME = re.compile(
    r"(?<![\w:.,])(?:(?=\d)(?:"
    r"(?P<long>\d{1,3}:[0-5]\d:[0-5]\d)(?![\d:])"
    r"|(?P<hour>[01]?\d|2[0-4])(?::|h|\.(?=\d\d ?(?:[ap]\.?m\b|uhr)))(?P<minute>[0-5]\d)"
    r"(?![\d:])(?: ?(?P<half>[ap])\.?m\b\.?)?"
    r"|(?P<hour2>1[0-2]|0?[1-9]) ?(?P<half2>[ap])\.?m\b\.?"
    r"|(?P<hour3>[01]?\d|2[0-4]) ?(?:uhr|o'clock)\b(?: (?P<minute3>[0-5]\d)\b)?)"
    rf"|(?P<past>half|quarter) (?P<side>past|to) (?P<word>{'|'.join(_HOURS)}|1[0-2]|[1-9])\b"
    r"|(?P<named>noon|midday|midnight|mittags|mitternacht|midi|minuit|mediodía|mezzogiorno)\b)"
)
_NAMED = {"midnight": 0, "mitternacht": 0, "minuit": 0}


@dataclass(frozen=True, slots=True)
class Time:
    """A time as it is written, with every minute of the day it can mean."""

    text: str
    minutes: frozenset[int]
    exact: str = ""


def times_in(text: str) -> tuple[list[Time], str]:
    """Return the times, and the text without them."""
    found: list[Time] = []
    pieces, done = [], 0
    for match in _TIME.finditer(lowered(text)):
        found.append(_time(match, text[match.start() : match.end()].strip()))
        pieces += [text[done : match.start()], " | "]
        done = match.end()
    return found, "".join([*pieces, text[done:]])


def _time(match: re.Match[str], text: str) -> Time:
    if match["long"]:
        return Time(text, frozenset(), match["long"].lstrip("0:"))
    return Time(text, frozenset(_minutes(match)))


def _minutes(match: re.Match[str]) -> Iterator[int]:
    if named := match["named"]:
        yield _NAMED.get(named, DAY // 2)
        return
    if match["past"]:
        yield from _spoken(match)
        return
    hour = int(match["hour"] or match["hour2"] or match["hour3"])
    minute = int(match["minute"] or match["minute3"] or 0)
    half = match["half"] or match["half2"] or ""
    if half:
        yield ((hour % 12) + (12 if half == "p" else 0)) * 60 + minute
        return
    yield (hour * 60 + minute) % DAY
    if 1 <= hour <= 12:  # perhaps of the afternoon
        yield (hour * 60 + minute + DAY // 2) % DAY


def _spoken(match: re.Match[str]) -> Iterator[int]:
    word = match["word"]
    base = (_HOURS.get(word) or int(word)) * 60
    part = 30 if match["past"] == "half" else 15
    minute = base + (part if match["side"] == "past" else -part)
    yield minute % DAY
    yield (minute + DAY // 2) % DAY


def unsupported_times(text: list[Time], source: list[Time], numbers: frozenset[float]) -> list[str]:
    """Return times that the source does not name; a full hour may be a plain number there."""
    minutes = frozenset(minute for time in source for minute in time.minutes)
    exact = {time.exact for time in source}
    return [time.text for time in text if not _is_known(time, minutes, exact, numbers)]


def _is_known(
    time: Time, minutes: frozenset[int], exact: set[str], numbers: frozenset[float]
) -> bool:
    if time.exact:
        return time.exact in exact
    hours = {minute / 60 for minute in time.minutes}
    return bool(time.minutes & minutes or hours & numbers)

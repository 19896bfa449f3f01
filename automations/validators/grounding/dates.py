"""Dates in many forms, each read in every way it can be meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date

from automations.validators.grounding.plain import lowered
from automations.validators.grounding.tables import MONTHS, NOT_ALONE, ON, ORDINALS, WEEKDAYS


@dataclass(frozen=True, slots=True)
class Day:
    """One reading of a date; what is not said is None."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None
    quarter: int | None = None

    @property
    def real(self) -> date | None:
        """Return the calendar day, if it is one and complete."""
        if self.year and self.month and self.day:
            with suppress(ValueError):
                return date(self.year, self.month, self.day)
        return None


@dataclass(frozen=True, slots=True)
class Said:
    """A date as it is written, with its readings."""

    text: str
    readings: tuple[Day, ...]


@dataclass(slots=True)
class Dates:
    """The dates of a text, and the text without them."""

    said: list[Said] = field(default_factory=list)
    rest: str = ""

    def readings(self) -> Iterator[Day]:
        """Yield every reading of every date."""
        for said in self.said:
            yield from said.readings


def _any_of(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


# All patterns read text in lower case, begin at a word, and look back for what stands before a
# date only once there is one: tried at every place, an optional beginning is slow.
_DAY = "(?P<day{0}>0?[1-9]|[12]\\d|3[01])(?:st|nd|rd|th|er|º|°|\\.)?"
_YEAR = "(?P<year{0}>1[5-9]\\d\\d|20\\d\\d)(?!\\d|[.,]\\d)"
_OF = "(?:of |de |del |di |d')?"
_AND = " ?(?:-|/|and|to|und|bis|et|au|y|al|e|en|tot|or) ?"
_MONTHS, _DAYS = _any_of(MONTHS), _any_of(WEEKDAYS)
_PREPOSITION = "in|since|until|of|by|early|late|last|next|mid|from|to|through|before|after|during"


def _part(text: str, number: int) -> str:
    return text.replace("{0}", str(number))


_NUMERIC = (
    r"(?P<iso>(?:1[5-9]|20)\d\d(?P<s1>[-/.])[01]?\d(?P=s1)[0-3]?\d)(?![\w-]|\.\d)",
    r"(?P<dmy>[0-3]?\d(?P<s2>[./-])[0-3]?\d(?P=s2)(?:\d{4}|\d\d))(?![\w/-]|\.\d)",
    # 22 April 2025
    rf"{_part(_DAY, 1)} ?{_OF}(?P<month1>{_MONTHS})\b\.?(?:,? (?:de |del |of )?{_part(_YEAR, 1)})?",
)
_WORDED = (
    # April 22, 2025; Nov 27-30; April 2025; April
    rf"(?P<month2>{_MONTHS})\b\.?(?:"
    rf" {_part(_DAY, 2)}(?![\w%]|[.,:]\d)(?:{_AND}(?P<also2>[0-3]?\d)(?![\w%:]))?"
    rf"(?:,? {_part(_YEAR, 2)})?|,? (?:of |de |del )?{_part(_YEAR, 3)}|)",
    rf"q(?P<quarter>[1-4])\b(?: ?/? ?{_part(_YEAR, 4)})?",
    rf"(?P<ordinal>{_any_of(ORDINALS)}) (?:quarter|quartal|trimestre|kwartaal)\b"
    rf"(?: (?:of )?{_part(_YEAR, 5)})?",
    rf"(?:{ON.replace(' ', '|')}) (?P<on>{_DAYS})\b(?!,? \d)",
    r"(?:am|bis|vom|ab|zum|den|dem|seit|vor|nach) (?P<short>[0-3]?\d\.[01]?\d\.)(?!\w)",
)
_DATE = re.compile(rf"(?<![\w./-])(?:(?=\d)(?:{'|'.join(_NUMERIC)})|(?=\D)(?:{'|'.join(_WORDED)}))")
_BEFORE = re.compile(
    rf"(?:\b(?P<weekday>{_DAYS})\b,? (?:the |den |dem |le |el |il |o )?)?"
    rf"(?:\b(?P<also>[0-3]?\d)\.?{_AND})?\Z"
)
_ASKED = re.compile(rf"\b(?:{_PREPOSITION}) \Z")
_WEEKDAY_WORD = re.compile(rf"\b(?P<on>{_DAYS})s?\b")
BACK = 30


def dates_in(text: str) -> Dates:
    """Find dates, each with its readings; days first and months first are both tried."""
    low, found, pieces, done = lowered(text), Dates(), [], 0
    for match in _DATE.finditer(low):
        before = _BEFORE.search(low, max(done, match.start() - BACK), match.start())
        readings = tuple(_readings(match, before))
        if readings:
            start = before.start() if before and match["month1"] else match.start()
            start = max(start, done)
            found.said.append(Said(text[start : match.end()].strip(), readings))
            pieces += [text[done:start], " | "]
            done = match.end()
    found.rest = "".join([*pieces, text[done:]])
    return found


def weekdays_in(text: str) -> frozenset[int]:
    """Return every day of the week that a text names."""
    return frozenset(WEEKDAYS[match["on"]] for match in _WEEKDAY_WORD.finditer(text.lower()))


def _readings(match: re.Match[str], before: re.Match[str] | None) -> Iterator[Day]:
    parts = {name: value for name, value in match.groupdict().items() if value is not None}
    if "iso" in parts:
        yield from _valid([tuple(map(int, re.split("[-/.]", parts["iso"])))])
    elif "dmy" in parts or "short" in parts:
        yield from _numeric(parts.get("dmy") or parts["short"].rstrip("."))
    elif "quarter" in parts or "ordinal" in parts:
        yield from _quarter(parts)
    elif "on" in parts:
        yield Day(weekday=WEEKDAYS[parts["on"]])
    elif not _is_other_word(match, parts):
        yield from _worded(parts, before)


def _is_other_word(match: re.Match[str], parts: dict[str, str]) -> bool:
    """Say whether a lone "may" or "mars" is no month: only a preposition and a capital make it."""
    month = parts.get("month2")
    if not month or month not in NOT_ALONE or match.end() > match.start() + len(month) + 1:
        return False
    return not _ASKED.search(match.string, max(0, match.start() - BACK), match.start())


def _numeric(written: str) -> Iterator[Day]:
    """Read 3/4/2026 as a day of April and of March; two digits of a year as 20xx and 19xx."""
    first, second, *rest = map(int, re.split("[-/.]", written))
    years = [None] if not rest else [rest[0]] if rest[0] > 99 else [2000 + rest[0], 1900 + rest[0]]
    yield from _valid([(year, m, d) for year in years for d, m in _orders(first, second)])


def _orders(first: int, second: int) -> list[tuple[int, int]]:
    return [(first, second), (second, first)]


def _valid(candidates: Iterable[tuple[int | None, ...]]) -> Iterator[Day]:
    for year, month, day in candidates:
        if month and day and 1 <= month <= 12 and 1 <= day <= 31:
            yield Day(year, month, day)


def _quarter(parts: dict[str, str]) -> Iterator[Day]:
    number = int(parts.get("quarter") or ORDINALS[parts["ordinal"]])
    if number <= 4:
        yield Day(year=_number(parts, "year"), quarter=number)


def _worded(parts: dict[str, str], before: re.Match[str] | None) -> Iterator[Day]:
    month = MONTHS[parts.get("month1") or parts["month2"]]
    year, day = _number(parts, "year"), _number(parts, "day")
    weekday = WEEKDAYS[before["weekday"]] if before and before["weekday"] else None
    yield Day(year, month, day, weekday)
    also = before["also"] if before and "month1" in parts else None
    if number := int(also or parts.get("also2") or 0):
        yield Day(year, month, number)


def _number(parts: dict[str, str], name: str) -> int | None:
    found = [value for key, value in parts.items() if key[:-1] == name]
    return int(found[0]) if found else None


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a source says about days."""

    days: tuple[Day, ...]
    years: frozenset[int]
    weekdays: frozenset[int]

    def supports(self, said: Said) -> bool:
        """Say whether one of a date's readings agrees with the source."""
        return any(self._agrees(reading) for reading in said.readings)

    def _agrees(self, reading: Day) -> bool:
        if reading.month is None and reading.quarter is None:
            return reading.weekday in self.weekdays
        matching = [day for day in self.days if self._covers(day, reading)]
        return bool(matching) and self._right_weekday(reading, matching)

    def _covers(self, known: Day, reading: Day) -> bool:
        year_fits = reading.year is None or reading.year == known.year
        year_fits = year_fits or (known.year is None and reading.year in self.years)
        if reading.quarter is not None:
            quarter = known.quarter or (known.month and (known.month + 2) // 3)
            return year_fits and quarter == reading.quarter
        same_day = reading.day is None or reading.day == known.day
        return year_fits and known.month == reading.month and same_day

    def _right_weekday(self, reading: Day, matching: list[Day]) -> bool:
        if reading.weekday is None:
            return True
        real = [day.real.weekday() for day in (*matching, reading) if day.real]
        said = [day.weekday for day in matching if day.weekday is not None]
        return reading.weekday in (real or said or self.weekdays)


def calendar_of(dates: Dates, text: str, years: Iterable[int]) -> Calendar:
    """Gather what a source says about days; `years` are numbers in it that look like years."""
    days = tuple(dict.fromkeys(dates.readings()))
    real = {day.real.weekday() for day in days if day.real}
    known_years = {day.year for day in days if day.year} | set(years)
    return Calendar(days, frozenset(known_years), weekdays_in(text) | real)

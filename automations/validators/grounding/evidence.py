"""What a text holds that a source must support, and what a source supports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from automations.validators.grounding import dates, figures, mentions, times
from automations.validators.grounding.links import Links, links_in
from automations.validators.grounding.names import known_words
from automations.validators.grounding.number_words import ordinals_in
from automations.validators.grounding.plain import language_of, plain
from automations.validators.grounding.quotes import Wording

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Reading:
    """A text taken apart: each part is read once and is not read again as another."""

    text: str
    language: str
    links: Links
    dates: dates.Dates
    times: list[times.Time]
    numbers: list[mentions.Number]
    codes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a source supports."""

    links: Links
    calendar: dates.Calendar
    times: list[times.Time]
    figures: figures.Figures
    plain_numbers: frozenset[float]
    codes: frozenset[str]
    wording: Wording
    words: frozenset[str]


def read(text: str, *, language: str = "") -> Reading:
    """Take a text apart; without a language its number words are read in the likeliest one."""
    text = plain(text)
    language = language or language_of(text)
    links = links_in(text)
    clock, rest = times.times_in(links.rest)
    days = dates.dates_in(rest)
    numbers = mentions.numbers_in(days.rest, language)
    return Reading(text, language, links, days, clock, numbers, mentions.codes_in(days.rest))


def evidence_of(source: str, instructions: str) -> Evidence:
    """Return what input and instructions support; conclusions are drawn from the input only."""
    given, told = read(source), read(instructions)
    whole = f"{given.text}\n{told.text}"
    allowed = [value for number in told.numbers for value, _ in number.values]
    years = {day.year for day in (*given.dates.readings(), *told.dates.readings()) if day.year}
    more = {*allowed, *map(float, years), *ordinals_in(whole), 1.0}
    known = figures.figures_of(given.numbers, more, _spans(given))
    plain_numbers = frozenset(known.values)
    all_dates = dates.Dates(said=[*given.dates.said, *told.dates.said])
    looks_like_years = {int(value) for value in known.values if 1500 <= value <= 2100}
    return Evidence(
        links=_both(given.links, told.links),
        calendar=dates.calendar_of(all_dates, whole, looks_like_years),
        times=[*given.times, *told.times],
        figures=known,
        plain_numbers=plain_numbers,
        codes=frozenset(given.codes) | frozenset(told.codes),
        wording=Wording.of(whole),
        words=known_words(whole),
    )


def _both(first: Links, second: Links) -> Links:
    return Links(first.urls | second.urls, first.emails | second.emails, "")


def _spans(given: Reading) -> Iterator[float]:
    """Yield the seconds between neighbouring dates, and between neighbouring times of day."""
    days = [day for said in given.dates.said for day in said.readings[:1]]
    for first, second in pairwise(days):
        year = first.year or second.year
        early = dates.Day(first.year or year or 2024, first.month, first.day).real
        late = dates.Day(second.year or year or 2024, second.month, second.day).real
        if early and late:
            yield float(abs((late - early).days) * DAY_S)
            yield float((abs((late - early).days) + 1) * DAY_S)
    clock = [min(time.minutes) for time in given.times if time.minutes]
    yield from (float(abs(late - early) * 60) for early, late in pairwise(clock))

"""Cron expressions: what they mean on the days on which clocks change, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.triggers import cron

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(expression: str, zone: str, after: str, count: int) -> list[str]:
    found = islice(cron.upcoming(expression, zone, after=at(after)), count)
    return [f"{moment:%d %H:%M}" for moment in found]


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        # The night in which 02:00 becomes 03:00: right after the gap, then as usual.
        ("30 2 * * *", BERLIN, "2026-03-28T12:00", ["29 01:00", "30 00:30"]),
        ("0 2 * * *", BERLIN, "2026-03-28T12:00", ["29 01:00", "30 00:00"]),
        ("30 2 * * *", NEW_YORK, "2026-03-07T12:00", ["08 07:00", "09 06:30"]),
        ("0 2 * * *", NEW_YORK, "2026-03-07T12:00", ["08 07:00", "09 06:00"]),
        # The night in which 03:00 becomes 02:00 (in New York 02:00 becomes 01:00): once.
        ("30 2 * * *", BERLIN, "2026-10-24T12:00", ["25 00:30", "26 01:30"]),
        ("0 2 * * *", BERLIN, "2026-10-24T12:00", ["25 00:00", "26 01:00"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31T12:00", ["01 05:30", "02 06:30"]),
        ("30 2 * * *", NEW_YORK, "2026-10-31T12:00", ["01 07:30", "02 07:30"]),
        ("0 2 * * *", NEW_YORK, "2026-10-31T12:00", ["01 07:00", "02 07:00"]),
        # Moved out of the gap onto a time that was due anyway: one.
        ("0 2,3 * * *", BERLIN, "2026-03-28T12:00", ["29 01:00", "30 00:00", "30 01:00"]),
    ],
)
def test_a_time_of_day_comes_once_whatever_the_clocks_do(
    expression: str, zone: str, after: str, expected: list[str]
) -> None:
    assert times(expression, zone, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        (BERLIN, "2026-03-28T23:00"),
        (BERLIN, "2026-10-24T22:00"),
        (NEW_YORK, "2026-03-08T05:00"),
        (NEW_YORK, "2026-11-01T04:00"),
    ],
)
def test_every_quarter_of_an_hour_keeps_its_distance(zone: str, midnight: str) -> None:
    begin = at(midnight) - timedelta(seconds=1)
    found = list(islice(cron.upcoming("*/15 * * * *", zone, after=begin), 30))
    assert [later - earlier for earlier, later in pairwise(found)] == [timedelta(minutes=15)] * 29


def test_a_doubled_time_is_not_due_again_in_the_second_hour() -> None:
    # 02:10 for the second time: the wall clock says that 02:30 is still to come.
    second = at("2026-10-25T01:10")
    assert cron.next_after("30 2 * * *", BERLIN, after=second) == at("2026-10-26T01:30")


@given(
    st.sampled_from(["30 2 * * *", "0 2,3 * * *", "*/7 2 * * *", "15 1-3 * * *", "*/20 * * * *"]),
    st.sampled_from([BERLIN, NEW_YORK, "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 400 * 24 * 60),
)
def test_times_ascend_and_are_never_in_the_past(expression: str, zone: str, minutes: int) -> None:
    after = at("2026-01-01T00:00") + timedelta(minutes=minutes)
    found = [after, *islice(cron.upcoming(expression, zone, after=after), 8)]
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("expression", "zone", "after", "note"),
    [
        ("30 2 * * *", BERLIN, "2026-03-28T12:00", "does not exist on this day"),
        ("30 2 * * *", BERLIN, "2026-10-24T12:00", "runs the first time only"),
        ("30 2 * * *", BERLIN, "2026-06-01T12:00", ""),
        ("*/15 2 * * *", BERLIN, "2026-10-24T12:00", "runs both times"),
    ],
)
def test_the_note_says_what_a_clock_change_does(
    expression: str, zone: str, after: str, note: str
) -> None:
    first = cron.ticks(expression, zone, after=at(after), count=1)[0]
    assert note in first.note
    assert bool(note) == bool(first.note)


def test_coming_clock_changes_are_told_of_months_ahead() -> None:
    told = cron.clock_changes("30 2 * * *", BERLIN, after=at("2026-11-22T10:00"))
    assert [tick.local_words for tick in told] == [
        "Sun 28 Mar 2027, 03:00 CEST",
        "Sun 31 Oct 2027, 02:30 CEST",
    ]
    assert cron.clock_changes("0 9 * * *", BERLIN, after=at("2026-11-22T10:00")) == []
    assert cron.clock_changes("30 2 * * *", "UTC", after=at("2026-11-22T10:00")) == []


GOOD = """
* * * * *|*/5 * * * *|0 * * * *|0 9 * * *|0 9 * * 1-5|0 9 * * mon-fri|0 9 * * MON,WED,FRI
0 0 1 * *|0 0 L * *|0 0 LW * *|0 0 29 2 *|0 0 31 * *|0 0 31 1,3,5 *|30 4 1,15 * 5|0 22 * * 1-5
23 0-20/2 * * *|5 4 * * sun|0 0,12 1 */2 *|0 4 8-14 * *|0 0 1 1 *|0 0 * * 0|0 0 * * 7|5-5 * * * *
0 0 5-5 * *|59 23 31 12 *|0 0 1 jan *|0 0 1 JAN-MAR *|0 0 * * 1#2|0 0 * * 5L|0 0 * * mon#1
*/7 3 * * *|5/7 3 * * *|0-59 * * * *|0,30 * * * *|15,45 8-18 * * 1-5|00 09 * * *|0 0 30 4 *
""".replace("\n", "|").split("|")

BAD = """
|* * * *|* * * * * *|* * * * * * *|60 * * * *|* 24 * * *|* * 32 * *|* * 0 * *|* * * 13 *|* * * 0 *
* * * * 8
-1 * * * *|1- * * * *|-5 * * * *|5-1 * * * *|*/0 * * * *|*/ * * * *|/5 * * * *|1,,2 * * * *
,1 * * * *|1, * * * *|a * * * *|1.5 * * * *|1e1 * * * *|0x1 * * * *|** * * * *|*5 * * * *|? * * * *
0 9 * * 1?|0 9 * * monday|0 9 * * MO|0 9 * foo *|@daily|@reboot|@every 5m|every day|at nine|9:00
0 0 31 2 *|0 0 30 2 *|0 0 31 4 *|0 0 31 4,6,9,11 *|0 0 32 1 *|0 0 * * 1#6|0 0 * * 1#0|0 0 * * L#1
0 0 W * *|0 0 1W * *|0 0 L-3 * *|\u0660 * * * *|\uff10 * * * *|² * * * *|1\u200b * * * *|0;0 * * * *
0 0 * * *; rm -rf /|$(date) * * * *|`id` * * * *|{{ x }} * * * *|<b> * * * *|'0' * * * *
""".replace("\n", "|").split("|")
NASTY = [
    "9" * 90 + " * * * *",
    "1," * 40 + "1 * * * x",
    "\x00 * * * *",
    "*/1/1/x * * * *",
    "0 9 * * é",
]


@pytest.mark.parametrize("expression", [text for text in GOOD if text])
def test_an_expression_is_taken_and_shows_five_times(expression: str) -> None:
    tidy = cron.check(f"  {expression} ")
    found = cron.ticks(tidy, BERLIN, after=at("2026-11-22T10:00"), count=5)
    assert len({tick.at for tick in found}) == 5


@pytest.mark.parametrize("expression", [*dict.fromkeys(BAD), *NASTY])
def test_an_expression_is_refused_in_a_sentence(expression: str) -> None:
    with pytest.raises(ValueError, match=r"is not a cron expression|never comes"):
        cron.check(expression)


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len([text for text in GOOD if text]) + len(set(BAD)) + len(NASTY) >= 100


@given(st.text(max_size=100))
def test_any_text_is_judged_without_a_crash(text: str) -> None:
    try:
        assert cron.check(text).count(" ") == 4
    except ValueError as error:
        # A refusal, in a sentence.
        refusal = str(error)
    else:
        refusal = "."
    assert refusal.endswith((".", ")"))


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Base", "Europe", "../../etc/passwd", "/etc/localtime", "europe/berlin", "UTC+1",
     "localtime", "Factory", "Europe/Berlin\0", "posixrules", None, 7],
)  # fmt: skip
def test_what_is_no_time_zone_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="Unknown time zone"):
        cron.zone_of(name)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 9 * * 1-5", "At 09:00 on Monday through Friday"),
        ("30 2 * * *", "At 02:30 every day"),
        ("0 0 13 * 5", ""),  # the 13th or a Friday: easily misread
        ("*/45 * * * *", ""),
    ],
)
def test_words_are_left_out_where_they_could_mislead(expression: str, words: str) -> None:
    assert cron.in_words(expression) == words

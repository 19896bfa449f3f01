"""The grounding validator: what it supports, what it refuses, what it only warns about."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from automations import validators
from automations.validators import Subject, Verdict

pytestmark = pytest.mark.once

SOURCE = (
    "On Tuesday 12 May 2026 the council of Ferrow voted by 17 to 9 for a path of 3.8 km. It costs "
    "4,612,300 kroner, 60 per cent of it from the state, and takes 18 months. In 2024 some 1,046 "
    "cyclists were counted. Ms Brandt said: “We have talked about this path since I was a "
    "schoolboy.” Write to paths@ferrow.example or see https://ferrow.example/plans/Cycle?id=7. "
    "Doors open at 19:30. Three quarters of the route is new; two schools lie on it."
)


def verdict(text: str, source: str = SOURCE, **more: Any) -> Verdict:
    told = {name: more.pop(name) for name in ("data", "instructions") if name in more}
    settings = validators.clean_settings("grounding", more, "output")
    subject = Subject(text=text, input_text=source, **told)
    return validators.registry.get("grounding")(settings).check(subject)


@pytest.mark.parametrize(
    "text",
    [
        "17 voted yes, nine no.", "17-9", "It is 3.8 kilometres, about 4 km, or 3,800 m long.",
        "It costs 4.6 million kroner.", "It costs 4,6 Mio. Kronen.", "Cost: 4 612 300 kr",
        "Cost: 4'612'300", "Cost: 4.612.300", "4.6m", "almost 5 million", "some 4,600,000 kroner",
        "60%", "60 %", "sixty percent", "six in ten", "a share of 0.6", "three fifths",
        "It takes a year and a half, 18 months, eighteen months or 1.5 years.",
        "In 2024 more than 1,000 were counted", "1046 cyclists", "just over 1,000",
        "75 percent is new, three quarters that is.", "2 schools",
        "12 May 2026", "May 12, 2026", "12.05.2026", "2026-05-12", "05/12/2026", "12/5/26",
        "Tuesday, May 12th", "in May", "am 12. Mai 2026", "le 12 mai 2026", "12 de mayo de 2026",
        "in the second quarter of 2026", "Q2 2026", "on Tuesday",
        "7:30 pm", "19.30 Uhr", "half past seven", "19h30",
        "https://ferrow.example/plans/Cycle?id=7.", "(https://FERROW.example/plans/Cycle?id=7)",
        "http://www.ferrow.example/plans/Cycle?id=7", "see ferrow.example",
        "Paths@Ferrow.example", "paths@ferrow.example.",
        '"We have talked about this path since I was a schoolboy," she said.',
        "„We have talked about this path, since I was a schoolboy“",
        "«We have talked ... since I was a schoolboy»", "'It is new'", '"so called new path"'[:13],
        "1. New\n2. Long\n3) Cheap\n10. Fine", "Three takeaways from Ferrow", "One more thing.",
        "The 2020s", "B2B, 5G and 4K", "I may go. They march on.", "",
    ],
)  # fmt: skip
def test_what_the_input_supports_passes(text: str) -> None:
    found = verdict(text)
    assert found.passed, found.message


@pytest.mark.parametrize(
    ("text", "code", "passage"),
    [
        ("The path is 3.9 km long.", "unsupported_number", "3.9 km"),
        ("It costs 4.7 million.", "unsupported_number", "4.7 million"),
        ("1,064 cyclists", "unsupported_number", "1,064"),
        ("Seven schools lie on it.", "unsupported_number", "Seven"),
        ("61 percent", "unsupported_number", "61 percent"),
        ("In 2023 it began.", "unsupported_number", "2023"),
        ("Doors open at 20:30.", "unsupported_number", "20:30"),
        ("The 1980s", "unsupported_number", "1980s"),
        ("Form XR-2207", "unsupported_number", "XR-2207"),
        ("13 May 2026", "unsupported_date", "13 May 2026"),
        ("May 2025", "unsupported_date", "May 2025"),
        ("Monday, 12 May 2026", "unsupported_date", "Monday, 12 May 2026"),
        ("on Friday", "unsupported_date", "on Friday"),
        ("in June", "unsupported_date", "june"),
        ("12.06.2026", "unsupported_date", "12.06.2026"),
        ("Q3 2026", "unsupported_date", "Q3 2026"),
        ("https://ferrow.example/plans/cycle?id=7", "unsupported_url", "plans/cycle?id=7"),
        ("https://ferrow.example/plans/Cycle?id=8", "unsupported_url", "id=8"),
        ("https://ferrow.example.evil.example/", "unsupported_url", "evil.example"),
        ("path@ferrow.example", "unsupported_email", "path@ferrow.example"),
        ("“Nobody ever asked us about that.”", "unsupported_quote", "Nobody ever asked"),
        ("«Personne ne nous a jamais demandé»", "unsupported_quote", "Personne ne"),
    ],
)
def test_what_the_input_does_not_support_fails(text: str, code: str, passage: str) -> None:
    found = verdict(text)
    assert (found.passed, found.code, found.category) == (False, code, "ai_hallucination")
    assert any(passage.lower() in one.lower() for one in found.found), found.found
    assert "not in the input" in found.message
    assert found.message.endswith("; 0 allowed")


def test_all_faults_are_told_by_kind() -> None:
    found = verdict("3.9 km in June, “Nobody ever asked us that.” 99 schools.")
    assert found.message == (
        "2 numbers not in the input: “3.9 km”, “99”; 1 date not in the input: “June”; "
        "1 quotation not in the input: “Nobody ever asked us that.”; 0 allowed"
    )


def test_numbers_worked_out_are_a_warning() -> None:
    found = verdict("A majority of 8, with 26 votes cast.")
    assert found.passed
    assert found.warning == "Worked out from the input? “8”, “26”."


def test_a_slip_of_one_digit_is_no_sum() -> None:
    source = "In 2024 there were 1,046 cyclists, 18 more than the 1,028 of 2023, and 200 cars."
    assert verdict("1,064 cyclists", source).code == "unsupported_number"


def test_unknown_names_are_a_warning_that_can_be_switched_off() -> None:
    text = "The council of Ferrow followed Ms Brandt and Mr Okonkwo."
    assert verdict(text).passed
    assert verdict(text).warning == "Names not in the input: “Okonkwo”."
    assert verdict(text, names=False).warning == ""
    assert verdict(text, allowed="Okonkwo").warning == ""
    assert verdict("Der Rat von Ferrow folgte der Idee und nicht dem Plan.").warning == ""


def test_what_is_allowed_needs_no_support() -> None:
    text = "99 schools, 3 June 2030, https://ours.example/blog, press@ours.example"
    assert not verdict(text).passed
    assert verdict(text, allowed=text.split(", ")).passed


def test_each_kind_can_be_switched_off() -> None:
    for setting, text in (
        ("numbers", "99 schools"), ("dates", "in June"), ("links", "https://x.example/y"),
        ("quotations", "“Nobody ever asked us that.”"),
    ):  # fmt: skip
        assert not verdict(text).passed
        assert verdict(text, SOURCE, **{setting: False}).passed


def test_a_check_of_nothing_is_refused() -> None:
    off = dict.fromkeys(["numbers", "dates", "links", "quotations", "names"], False)
    with pytest.raises(ValidationError, match="Switch on at least one kind"):
        verdict("x", SOURCE, **off)


def test_numbers_of_the_instructions_are_allowed() -> None:
    told = "Stay under 1,300 characters and end with https://ours.example/blog."
    assert not verdict("1,300 reasons: https://ours.example/blog").passed
    assert verdict("1,300 reasons: https://ours.example/blog", instructions=told).passed


def test_structured_output_is_checked_value_by_value() -> None:
    data = {"km": 3.8, "facts": ["60 per cent", {"votes": 17}], "confidence": 0.93, "ok": True}
    assert verdict("{}", data=data).found == ("0.93",)
    assert verdict("{}", data=data, skipped_fields="confidence").passed
    assert verdict("https://template.example", data={"km": 3.8}).passed  # the template's own words


@pytest.mark.parametrize("sentence", ["The vote was 9 to 17.", "The path was not built, say 9."])
def test_swaps_and_negations_go_unseen_and_the_help_says_so(sentence: str) -> None:
    assert verdict(sentence).passed
    assert "do not prove a text true" in " ".join(validators.registry.get("grounding").help.split())


@given(st.floats(0.1, 1e9), st.sampled_from(["{:,.2f}", "{:.1f}", "{:,.0f}", "{:.3g}"]))
def test_a_number_supports_itself_in_any_form(value: float, form: str) -> None:
    written = form.format(value)
    if "e" not in written:
        assert verdict(f"Value {written} units", f"It was {value:,.4f} units.").passed


@given(st.dates())
def test_a_day_supports_itself_in_any_form(day: Any) -> None:
    if day.year < 1500:
        return
    source = f"It was on {day:%Y-%m-%d} there."
    for form in ("%d.%m.%Y", "%d %B %Y", "%B %d, %Y", "%A, %d %B %Y", "%b %d, %Y", "%B %Y"):
        found = verdict(f"Since {day.strftime(form)} all is well.", source)
        assert found.passed or day.year > 2099, (form, found)


@given(st.text(max_size=2_000))
def test_a_text_supports_itself(text: str) -> None:
    found = verdict(text, text)
    assert found.passed, found


@pytest.mark.parametrize(
    "piece",
    ['"', "«", "„", "‘", "1", "1.", "1,", "1 ", "a@", "a.", "www.", "1-", "May ", "twenty-", "[",
     "(", "1/", "2026-", "http://", "½", "€1", "B-1", "1:", "\n1. ", "x" * 50 + "@", "Q1 "],
)  # fmt: skip
def test_no_text_takes_more_than_its_length_in_time(piece: str) -> None:
    """Twenty thousand hostile characters come to an end; quadratic rules ran into the limit."""
    hostile = (piece * 20_000)[:20_000]
    assert verdict(hostile, SOURCE).message
    assert verdict("17", hostile).message


@pytest.mark.parametrize(
    ("text", "source", "said"),
    [
        (
            "a " * 100_001,
            "a",
            "The output is too long to be checked: 200,002 characters of at most",
        ),
        ("a", "a " * 500_001, "The input is too long to be checked: 1,000,002 characters of at"),
    ],
)
def test_what_is_too_long_to_be_checked_in_good_time_fails_at_once(
    text: str, source: str, said: str
) -> None:
    began = time.monotonic()
    found = verdict(text, source)
    assert (found.passed, found.code) == (False, "too_long_to_check")
    assert found.message.startswith(said)
    assert time.monotonic() - began < 0.5

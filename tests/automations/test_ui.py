"""Icons, pills, durations, amounts and moments as people read them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from automations.models import Automation, Delivery, Run
from automations.templatetags import ui

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "\N{EN DASH}"),
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (59_949, "59.9 s"),
        (59_950, "1 min 0 s"),
        (125_000, "2 min 5 s"),
        (3_599_400, "59 min 59 s"),
        (3_599_600, "1 h 0 min"),
        (90_000_000, "25 h 0 min"),
    ],
)
def test_a_duration_is_said_in_its_natural_unit(value: int | None, words: str) -> None:
    assert ui.duration_ms(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "\N{EN DASH}"),
        (Decimal(0), "$0"),
        (Decimal("0.00004"), "under $0.0001"),
        (Decimal("0.0031"), "$0.0031"),
        (Decimal("1.5"), "$1.50"),
        (Decimal("12345.678"), "$12,345.68"),
    ],
)
def test_an_amount_has_as_many_digits_as_matter(value: Decimal | None, words: str) -> None:
    assert ui.cost(value) == words


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(seconds=42), "42 seconds ago"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=2, minutes=59), "2 hours ago"),
        (timedelta(days=30), "30 days ago"),
        (timedelta(minutes=-5), "in 5 minutes"),
    ],
)
def test_a_moment_is_said_from_now(delta: timedelta, words: str) -> None:
    with time_machine.travel(NOON, tick=False):
        html = ui.ago(NOON - delta)
    assert f">{words}</time>" in html


def test_a_moment_keeps_its_exact_time() -> None:
    with time_machine.travel(NOON, tick=False):
        html = ui.ago(NOON - timedelta(days=1))
    assert 'datetime="2026-11-21T12:00:00+00:00"' in html
    assert 'title="21 Nov 2026, 12:00:00 UTC"' in html


def test_no_moment_is_a_dash() -> None:
    assert ui.ago(None) == "\N{EN DASH}"


def test_a_pill_says_its_status_in_words_shape_and_colour() -> None:
    html = ui.pill(Run.Status.FAILED)
    assert 'class="pill pill-bad"' in html
    assert "#cross" in html
    assert html.endswith("Failed</span>")


def test_every_status_of_the_models_has_a_look() -> None:
    statuses = {*Run.Status.values, *Delivery.State.values, *Automation.Stage.values}
    assert statuses - set(ui.LOOKS) == set()


def test_an_unknown_status_is_neutral_and_escaped() -> None:
    assert "pill-off" in ui.pill("half_done")
    assert "Half done" in ui.pill("half_done")
    assert "<b>" not in ui.pill("x", "<b>")


@pytest.mark.parametrize("nothing", ["", None, "not_sampled"])
def test_nothing_to_say_is_no_pill(nothing: str | None) -> None:
    assert ui.pill(nothing) == ""


def test_an_icon_is_decoration_unless_it_is_named() -> None:
    assert 'aria-hidden="true"' in ui.icon("run")
    assert 'role="img" aria-label="Runs"' in ui.icon("run", "Runs")


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "0 characters"), ("x", "1 character"), ("é" * 1234, "1,234 characters")],
)
def test_a_text_is_measured_in_characters(text: str | None, words: str) -> None:
    assert ui.chars(text) == words

"""Charts as numbers: where lines, dots and words stand, in both sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.charts import (
    NARROW,
    WIDE,
    Axis,
    Chart,
    Level,
    Moment,
    Plot,
    Point,
    Series,
    axis_around,
    line_chart,
    scatter,
)

pytestmark = pytest.mark.once

TENTHS = Axis("Value", low=1, high=10, step=1)


def lines(*values: Sequence[float | None]) -> Chart:
    labels = [f"{n} Nov" for n in range(1, len(values[0]) + 1)]
    series = [Series(f"Line {n}", given) for n, given in enumerate(values)]
    return line_chart(
        series, labels, axis=TENTHS, label="A sentence.", levels=[Level(7.5, "7.5 build")],
        moments=[Moment(1, "new weights")],
    )  # fmt: skip


def points_of(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_higher_values_stand_higher_and_later_points_further_right() -> None:
    (line,) = lines([1, 5, 10]).wide.lines
    (x1, y1), (x2, y2), (x3, y3) = points_of(line.d)
    assert x1 < x2 < x3
    assert (y1, y3) == (WIDE.plot_bottom, WIDE.top)
    assert y3 < y2 < y1


def test_a_gap_interrupts_the_line() -> None:
    (line,) = lines([1, None, 3, 4]).wide.lines
    assert line.d.count("M") == 2
    assert len(line.marks) == 3


def test_thresholds_and_moments_are_drawn_with_their_words() -> None:
    plot = lines([1, 10]).wide
    (level,) = plot.levels
    assert level.text == "7.5 build"
    assert level.y1 == pytest.approx(
        WIDE.plot_bottom - (7.5 - 1) / 9 * (WIDE.plot_bottom - WIDE.top), abs=0.1
    )
    (moment,) = plot.moments
    (first, _), (second, _) = points_of(plot.lines[0].d)
    assert first < moment.x1 < second


@pytest.mark.parametrize("index", range(1, 12))
def test_words_beside_a_moment_stay_inside_the_picture(index: int) -> None:
    words = "adjusted formula, equal weights"
    labels = [str(number) for number in range(12)]
    moments = [Moment(index, words)]
    chart = line_chart([], labels, axis=TENTHS, label="x", moments=moments)
    for plot in (chart.wide, chart.narrow):
        (rule,) = plot.moments
        width = len(words) * 6.2
        start = rule.word_x - width if rule.leans_left else rule.word_x
        assert start >= 0
        assert start + width <= plot.size.width


def test_every_series_has_its_own_dashes_and_marker() -> None:
    chart = lines(*[[n, n + 1] for n in range(1, 7)])
    assert [line.number for line in chart.wide.lines] == [1, 2, 3, 4, 5, 6]
    assert len({key.marker for key in chart.legend}) == 6


@given(st.lists(st.lists(st.integers(1, 10), min_size=2, max_size=2), min_size=1, max_size=6))
def test_names_at_the_ends_never_cover_each_other(values: list[list[float | None]]) -> None:
    ends = [line.end for line in lines(*values).wide.lines]
    heights = sorted(end.y for end in ends if end)
    assert len(heights) == len(values)
    assert all(below - above >= 14.8 for above, below in pairwise(heights))


def test_a_phone_gets_few_dates_and_the_newest_is_among_them() -> None:
    chart = lines([float(1 + n % 10) for n in range(40)])
    assert len(chart.narrow.x_ticks) <= 5
    assert chart.narrow.x_ticks[-1].text == "40 Nov"
    assert all(line.end is None for line in chart.narrow.lines)
    assert chart.narrow.size.width == NARROW.width


def test_a_single_point_stands_in_the_middle() -> None:
    (line,) = lines([5]).wide.lines
    assert len(points_of(line.d)) == 1


@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False), max_size=20))
def test_an_axis_holds_zero_and_every_value_on_a_few_round_steps(values: list[float]) -> None:
    axis = axis_around("Money", values)
    slack = axis.step * 1e-6
    assert axis.low <= slack
    assert axis.high >= -slack
    assert all(axis.low - slack <= value <= axis.high + slack for value in values)
    assert 2 <= len(axis.ticks()) <= 8


def test_amounts_in_words() -> None:
    axis = axis_around("Net", [-50.0, 1200.0], prefix="$")
    assert axis.words(1200) == "$1,200"
    assert axis.words(-50) == "-$50"
    assert axis.words(7.5) == "$7.5"


def of_points() -> Chart:
    points = [Point(6.0, 12.5, "Writer", "/a/"), Point(8.4, -3.0, "Sorter")]
    levels = [Level(6.0, "Prototype"), Level(7.5, "Build")]
    y = axis_around("Net per hour", [12.5, -3.0], prefix="$")
    return scatter(points, x=Axis("Score", 1, 10, 1), y=y, label="Two dots.", x_levels=levels)


def test_dots_are_numbered_in_order_and_a_loss_lies_under_the_zero_line() -> None:
    plot: Plot = of_points().wide
    assert [dot.text for dot in plot.dots] == ["1", "2"]
    (zero,) = plot.levels
    assert plot.dots[0].y < zero.y1 < plot.dots[1].y
    assert plot.dots[0].x == plot.moments[0].x1
    assert plot.dots[0].x < plot.dots[1].x


def test_a_scatter_is_rendered_with_its_sentence_and_the_names_of_its_dots() -> None:
    page = render_to_string("lifecycle/_chart_scatter.html", {"chart": of_points()})
    assert page.count('role="img" aria-label="Two dots."') == 2
    assert '<a class="small-target" href="/a/">Writer</a>' in page
    assert "<li>Sorter</li>" in page


def test_lines_are_rendered_with_what_each_point_says() -> None:
    page = render_to_string("lifecycle/_chart_lines.html", {"chart": lines([1, 10], [3, 2])})
    assert "<title>Line 1, 2 Nov: 2</title>" in page
    assert page.count("legend-key") == 2

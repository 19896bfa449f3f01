"""The 70 % rule: enough boxes, and no must box missing."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.phases import BOXES, PHASE_OF, PHASES, Box, Phase, current_phase

SOME = st.sets(st.sampled_from(sorted(BOXES)))


def test_seven_phases_have_29_boxes_in_order() -> None:
    numbers = [box.number for phase in PHASES for box in phase.boxes]
    assert numbers == list(range(1, 30))
    assert [phase.number for phase in PHASES] == list(range(1, 8))


@pytest.mark.parametrize(
    ("number", "satisfied", "may"),
    [
        (1, {1, 2}, False),  # 67 %
        (1, {1, 2, 3}, True),
        (2, {4, 5, 6}, True),  # 75 %
        (2, {4, 6, 7}, False),  # 75 %, but a must box is missing
        (2, {4, 5}, False),
        (3, {8, 9, 10, 11}, True),  # 80 %
        (3, {8, 9, 10}, False),  # 60 %
        (3, {9, 10, 11, 12}, False),
        (4, {13, 14, 15}, True),
        (5, {18, 19, 20}, True),
        (6, {21, 22, 23}, False),
        (7, {25, 26, 27, 28}, True),
        (7, {25, 28, 29}, False),
    ],
)
def test_the_edges_of_every_phase(number: int, satisfied: set[int], may: object) -> None:
    assert PHASES[number - 1].may_be_left(satisfied) is may


def test_exactly_70_percent_is_enough() -> None:
    ten = Phase(1, "Ten", "Ten", tuple(Box(number, str(number)) for number in range(10)))
    assert ten.may_be_left(range(7))
    assert not ten.may_be_left(range(6))


@given(satisfied=SOME)
def test_a_phase_may_be_left_at_70_percent_with_every_must_box(satisfied: set[int]) -> None:
    for phase in PHASES:
        done = [box for box in phase.boxes if box.number in satisfied]
        enough = Fraction(len(done), len(phase.boxes)) >= Fraction(7, 10)
        musts = {box.number for box in phase.boxes if box.must} <= satisfied
        assert phase.may_be_left(satisfied) == (enough and musts)


@given(satisfied=SOME, another=st.sampled_from(sorted(BOXES)))
def test_one_more_box_never_takes_a_phase_back(satisfied: set[int], another: int) -> None:
    assert current_phase(satisfied | {another}) >= current_phase(satisfied)
    before = PHASE_OF[another].may_be_left(satisfied)
    assert PHASE_OF[another].may_be_left(satisfied | {another}) >= before


def test_all_boxes_leave_all_phases() -> None:
    assert current_phase(BOXES) == 8
    assert current_phase([]) == 1

"""The labelled set is what the README says, and the rules keep what it promises."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from benchmarks import grounding
from benchmarks.grounding_set import pairs

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return grounding.measure()


def test_half_of_at_least_200_pairs_is_clean() -> None:
    labels = Counter(bool(pair.kind) for pair in pairs())
    assert labels[True] == labels[False] >= 100


def test_a_planted_fault_stands_in_the_output_and_not_in_the_source() -> None:
    for pair in pairs():
        assert pair.source
        assert pair.output
        if pair.kind:
            assert pair.planted in pair.output, pair
            assert pair.planted not in pair.source, pair


def test_a_third_is_held_out_and_nothing_is_there_twice() -> None:
    everything = pairs()
    assert len({(pair.name, pair.output) for pair in everything}) == len(everything)
    assert sum(pair.held_out for pair in everything) * 3 == len(everything)


@pytest.mark.parametrize("part", ["all", "open", "held_out"])
def test_the_rules_keep_their_precision(figures: dict[str, Any], part: str) -> None:
    assert figures["rules"][part]["precision"] >= 0.95


def test_the_rules_find_what_is_planted(figures: dict[str, Any]) -> None:
    for kind, (caught, planted) in figures["rules"]["all"]["recall"].items():
        assert caught >= grounding.GOALS.get(kind, 0.85) * planted, kind


def test_the_naive_check_is_worse(figures: dict[str, Any]) -> None:
    assert figures["verbatim"]["all"]["precision"] < 0.6


def test_the_table_names_the_goals(figures: dict[str, Any]) -> None:
    table = grounding.table(figures)
    assert "≥ 0.95" in table
    assert "held out" in table

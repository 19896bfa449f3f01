"""The interval of a share and the rank correlation, against SciPy and against what is known."""

from __future__ import annotations

from math import isclose

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from monitoring.stats import ranks, spearman, wilson

pytestmark = pytest.mark.once

counts = st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
number = st.integers(-1_000, 1_000).map(lambda value: value / 8)
pairs = st.lists(st.tuples(number, number), min_size=5, max_size=60)


def percents(successes: int, n: int) -> tuple[int, int]:
    low, high = wilson(successes, n)
    return round(low * 100), round(high * 100)


def test_fourteen_of_twenty_is_48_to_85_percent() -> None:
    assert percents(14, 20) == (48, 85)


def test_nine_of_nine_has_a_lower_bound_of_seventy_percent() -> None:
    low, high = wilson(9, 9)
    assert (round(low, 2), high) == (0.70, 1.0)
    assert wilson(8, 8)[0] < 0.70 < wilson(14, 15)[0]


def test_none_of_ten_begins_at_zero() -> None:
    low, high = wilson(0, 10)
    assert low == 0
    assert round(high, 3) == 0.278


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (1, 0), (-1, 5), (6, 5)])
def test_an_impossible_count_has_no_interval(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="at least one trial"):
        wilson(successes, n)


@given(counts)
def test_the_interval_is_scipys(count: tuple[int, int]) -> None:
    successes, n = count
    theirs = scipy_stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    low, high = wilson(successes, n)
    assert isclose(low, theirs.low, abs_tol=1e-12)
    assert isclose(high, theirs.high, abs_tol=1e-12)


@given(counts)
def test_the_bounds_hold_the_share_within_0_and_1(count: tuple[int, int]) -> None:
    successes, n = count
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= high <= 1


@given(counts, st.integers(2, 50))
def test_more_trials_of_the_same_share_make_it_narrower(count: tuple[int, int], k: int) -> None:
    successes, n = count
    low, high = wilson(successes, n)
    lower, higher = wilson(successes * k, n * k)
    assert higher - lower < high - low


@given(counts)
def test_more_confidence_makes_it_wider(count: tuple[int, int]) -> None:
    low, high = wilson(*count)
    lower, higher = wilson(*count, confidence=0.99)
    assert higher - lower > high - low


@given(st.lists(number, max_size=60))
def test_ranks_are_scipys_average_ranks(values: list[float]) -> None:
    assert ranks(values) == list(scipy_stats.rankdata(values))


@given(pairs)
def test_rho_is_scipys(found: list[tuple[float, float]]) -> None:
    left, right = zip(*found, strict=True)
    assume(len(set(left)) > 1 and len(set(right)) > 1)
    theirs = scipy_stats.spearmanr(left, right).statistic
    ours = spearman(found)
    assert ours is not None
    assert isclose(ours, theirs, abs_tol=1e-12)


@given(pairs)
def test_rho_only_knows_the_order(found: list[tuple[float, float]]) -> None:
    assert spearman([(x**3, y * 5 + 2) for x, y in found]) == spearman(found)


def test_the_same_order_is_one_and_the_opposite_is_minus_one() -> None:
    up = [(n, n * n) for n in range(7)]
    assert spearman(up) == 1
    assert spearman([(x, -y) for x, y in up]) == -1


def test_fewer_than_five_pairs_or_no_variation_have_no_rho() -> None:
    four = [(n, n) for n in range(4)]
    assert spearman(four) is None
    assert spearman([*four, (4, 4)]) == 1
    assert spearman([(n, 3) for n in range(9)]) is None
    assert spearman([]) is None

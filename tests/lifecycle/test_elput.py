"""The score and its bands as pure functions: the published edges, and properties of all scores."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle import elput
from lifecycle.elput import Formula, Verdict
from tests.lifecycle.makers import PUBLISHED
from tests.lifecycle.scoring import EDGES, Edge

pytestmark = pytest.mark.once

VALUES = st.fixed_dictionaries(dict.fromkeys(elput.KEYS, st.integers(1, 10)))


@st.composite
def hundredths(draw: st.DrawFn) -> dict[str, int]:
    """Five whole numbers that sum to 100."""
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=4, max_size=4)))
    parts = [high - low for low, high in zip([0, *cuts], [*cuts, 100], strict=True)]
    return dict(zip(elput.KEYS, parts, strict=True))


def as_weights(parts: dict[str, int]) -> dict[str, str]:
    return {key: f"{part // 100}.{part % 100:02d}" for key, part in parts.items()}


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.exact)
def test_every_published_edge(edge: Edge) -> None:
    scored = elput.score(edge.values, edge.weights)
    assert scored == Decimal(edge.score)
    assert elput.verdict_of(scored) == edge.verdict
    assert elput.verdict_of(Decimal(edge.exact)) == edge.verdict, "the band rounds first"


def test_the_articles_own_example_is_both_prototype_and_build() -> None:
    assert elput.score(PUBLISHED, elput.EQUAL) == Decimal("6.0")
    assert elput.verdict_of(Decimal("6.0")) == Verdict.PROTOTYPE
    adjusted = elput.score(PUBLISHED, elput.EQUAL, Formula.ADJUSTED)
    assert adjusted == Decimal("8.4")
    assert elput.verdict_of(adjusted) == Verdict.BUILD


def test_the_example_under_fragile_weights() -> None:
    # 0.30 * 7 + 0.20 * 3 + 0.20 * 2 + 0.15 * 9 + 0.15 * 9 = 5.80; with 8 and 9: 8.20
    assert elput.score(PUBLISHED, elput.FRAGILE) == Decimal("5.8")
    assert elput.score(PUBLISHED, elput.FRAGILE, Formula.ADJUSTED) == Decimal("8.2")


def test_raising_only_the_risk_raises_the_published_score_and_lowers_the_adjusted() -> None:
    risky = {**PUBLISHED, "risk": 10}
    assert elput.score(risky, elput.EQUAL) == Decimal("7.6")
    assert elput.score(risky, elput.EQUAL, Formula.ADJUSTED) == Decimal("6.8")


@given(VALUES, hundredths())
def test_rounding_agrees_with_whole_numbers(values: dict[str, int], parts: dict[str, int]) -> None:
    total = sum(parts[key] * values[key] for key in elput.KEYS)  # in hundredths
    tenths = total // 10 + (total % 10 >= 5)
    assert elput.score(values, as_weights(parts)) * 10 == tenths


@given(VALUES, hundredths())
def test_the_adjusted_score_is_the_published_one_of_turned_values(
    values: dict[str, int], parts: dict[str, int]
) -> None:
    turned = {f.key: 11 - values[f.key] if f.lower_is_better else values[f.key]
              for f in elput.FACTORS}  # fmt: skip
    weights = as_weights(parts)
    assert elput.score(values, weights, Formula.ADJUSTED) == elput.score(turned, weights)
    assert elput.counted_values(values, Formula.ADJUSTED) == turned


@given(VALUES, st.permutations(elput.KEYS))
def test_under_equal_weights_it_does_not_matter_which_factor_has_which_value(
    values: dict[str, int], order: list[str]
) -> None:
    moved = dict(zip(order, values.values(), strict=True))
    assert elput.score(moved, elput.EQUAL) == elput.score(values, elput.EQUAL)


@given(VALUES, hundredths(), st.permutations(elput.KEYS))
def test_the_order_in_which_factors_come_does_not_matter(
    values: dict[str, int], parts: dict[str, int], order: list[str]
) -> None:
    weights = as_weights(parts)
    shuffled = {key: values[key] for key in order}, {key: weights[key] for key in order}
    for formula in Formula:
        assert elput.score(*shuffled, formula) == elput.score(values, weights, formula)


def test_the_bands_part_every_score_into_exactly_one_verdict() -> None:
    every = [Decimal(tenths) / 10 for tenths in range(10, 101)]
    found = [elput.verdict_of(score) for score in every]
    assert found == [Verdict.SKIP] * 50 + [Verdict.PROTOTYPE] * 15 + [Verdict.BUILD] * 26
    assert [every[50], every[65]] == [elput.PROTOTYPE_FROM, elput.BUILD_FROM]


@given(st.decimals(1, 10, places=4))
def test_a_score_before_rounding_has_the_verdict_of_the_rounded_one(value: Decimal) -> None:
    ten_thousandths = int(value * 10_000)
    tenths = (ten_thousandths + 500) // 1_000
    expected = (
        Verdict.BUILD if tenths >= 75 else Verdict.PROTOTYPE if tenths >= 60 else Verdict.SKIP
    )
    assert elput.verdict_of(value) == expected


@given(hundredths(), st.sampled_from(elput.KEYS), st.integers(1, 50))
def test_weights_that_do_not_sum_to_one_are_refused(
    parts: dict[str, int], key: str, more: int
) -> None:
    parts = {name: part // 2 for name, part in parts.items()}
    parts[key] += 100 - sum(parts.values()) - more
    if parts[key] < 0:
        return
    with pytest.raises(ValueError, match="sum to"):
        elput.score(PUBLISHED, as_weights(parts))


NEARLY = {**elput.EQUAL, "risk": "0.2000000000000000000000000000000000001"}


@pytest.mark.parametrize(
    "weights",
    [
        {}, None, [], "equal", {**elput.EQUAL, "risk": "much"}, {**elput.EQUAL, "risk": "NaN"},
        {**elput.EQUAL, "risk": "-0.20"}, {**elput.EQUAL, "risk": "Infinity"},
        {**elput.EQUAL, "risk": None}, {**elput.EQUAL, "risk": {}}, NEARLY,
        {**elput.EQUAL, "risk": "1e-999999"}, {**elput.EQUAL, "risk": "2e9"},
    ],
    ids=str,
)  # fmt: skip
def test_what_are_no_weights_is_refused(weights: Any) -> None:
    with pytest.raises(ValueError, match="weight"):
        elput.score(PUBLISHED, weights)


def test_weights_may_be_numbers_as_json_has_them() -> None:
    assert elput.score(PUBLISHED, dict.fromkeys(elput.KEYS, 0.2)) == Decimal("6.0")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, 11, -1, 5.5, "5", None, True])
@pytest.mark.parametrize("key", elput.KEYS)
def test_a_value_outside_one_to_ten_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match="whole number from 1 to 10"):
        elput.score({**PUBLISHED, key: value}, elput.EQUAL)


def test_every_preset_sums_to_one() -> None:
    assert {sum(elput.weights_of(w).values()) for _, w in elput.PRESETS.values()} == {Decimal(1)}
    assert list(elput.FRAGILE.values()) == ["0.30", "0.20", "0.20", "0.15", "0.15"]


def test_scores_and_weights_in_words() -> None:
    times = elput.TIMES
    assert elput.in_words(PUBLISHED, elput.EQUAL, Formula.PUBLISHED) == "(7 + 3 + 2 + 9 + 9) ÷ 5"
    assert elput.in_words(PUBLISHED, elput.EQUAL, Formula.ADJUSTED) == "(7 + 8 + 9 + 9 + 9) ÷ 5"
    said = elput.in_words(PUBLISHED, elput.FRAGILE, Formula.PUBLISHED)
    assert said.startswith(f"0.30 {times} 7 + 0.20 {times} 3")
    assert elput.weights_in_words(elput.EQUAL) == "equal weights"
    assert elput.weights_in_words(elput.FRAGILE) == "0.30 / 0.20 / 0.20 / 0.15 / 0.15"


def test_there_are_five_factors_with_three_questions_each() -> None:
    assert [factor.label for factor in elput.FACTORS if factor.lower_is_better] == [
        "Time to implement",
        "Risk",
    ]
    keys = [question.key for factor in elput.FACTORS for question in factor.questions]
    assert len(elput.FACTORS) == 5
    assert len(set(keys)) == 15

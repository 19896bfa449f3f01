"""Predictions against what came: who counts, in which unit, and what is said of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from automations.models import Automation
from lifecycle import elput
from lifecycle.accuracy import accuracy, better, meaning_of
from lifecycle.models import Scorecard
from tests.lifecycle.makers import (
    make_decision,
    make_effort,
    make_period,
    make_promotion,
    make_scorecard,
)
from tests.makers import make_automation

pytestmark = pytest.mark.django_db

FIRST, LAST = date(2026, 9, 1), date(2026, 9, 30)


def make_earner(
    number: int, *, gross: int, values: tuple[int, ...] = (7, 3, 2, 9, 9), **options: Any
) -> Automation:
    """Make an automation with 30 days of profit, a scorecard from before and ten hours."""
    automation = make_automation(f"earner{number}")
    factors = dict(zip(elput.KEYS, values, strict=True))
    scored = elput.score(factors, elput.EQUAL)
    sample = options.get("is_sample", False)
    on = options.get("scored_on", date(2026, 8, 1))
    entered = datetime(on.year, on.month, on.day, 12, tzinfo=UTC)
    make_scorecard(
        automation, date=on, created_at=options.get("entered", entered), elput_score=scored,
        is_sample=sample, **factors,
    )  # fmt: skip
    make_period(
        automation, starts_on=FIRST, ends_on=options.get("ends_on", LAST), kind="revenue",
        gross_usd=Decimal(gross), is_sample=sample,
    )  # fmt: skip
    if options.get("hours", 10):
        hours = Decimal(options.get("hours", 10))
        make_effort(automation, on=FIRST, hours=hours, is_sample=sample)
    return automation


def make_five(**options: Any) -> list[Automation]:
    """Make five automations that earned as their scores foretold."""
    values = [(n, 5, 5, 5, 5) for n in (2, 4, 6, 8, 10)]
    return [
        make_earner(at, gross=100 * (at + 1), values=given, **options)
        for at, given in enumerate(values)
    ]


def test_the_same_order_is_a_rho_of_one_per_hour_of_effort() -> None:
    make_five()
    found = accuracy()
    assert found.per_hour
    assert [pair.realised_usd for pair in found.pairs] == [50, 40, 30, 20, 10]
    assert [(rho.value, rho.n) for rho in found.rhos] == [(1, 5)] * 3
    assert "nearly in the order" in found.rhos[0].says


def test_the_two_formulas_have_their_own_rho() -> None:
    for at, (risk, gross) in enumerate(((2, 500), (4, 400), (6, 300), (8, 200), (10, 100))):
        make_earner(at, gross=gross, values=(5, 5, risk, 5, 5))
    decided, published, adjusted = accuracy().rhos
    assert (decided.value, published.value, adjusted.value) == (-1, -1, 1)
    assert "wrong way" in published.says


def test_four_are_too_few() -> None:
    for automation in make_five()[:1]:
        automation.profit_periods.all().delete()
    found = accuracy()
    assert [rho.value for rho in found.rhos] == [None] * 3
    assert found.rhos[0].says == "Too few: 4 of 5 needed."
    assert found.missing == 1
    assert {bias.says for bias in found.biases} == {""}


def test_without_effort_it_is_per_month_for_all() -> None:
    make_five(hours=0)
    found = accuracy()
    assert (found.per_hour, found.unit) == (False, "per month")
    assert found.pairs[0].realised_usd == 500


def test_who_has_no_effort_is_left_out_when_five_others_have() -> None:
    make_five()
    idle = make_earner(9, gross=9999, hours=0)
    found = accuracy()
    assert [(one.automation, one.why) for one in found.left_out] == [
        (idle, "No effort is logged for it.")
    ]
    assert idle not in [pair.automation for pair in found.pairs]


def test_twenty_eight_days_of_profit_count_and_twenty_seven_do_not() -> None:
    make_earner(1, gross=10, ends_on=date(2026, 9, 28))
    make_earner(2, gross=10, ends_on=date(2026, 9, 27))
    found = accuracy()
    assert [pair.automation.slug for pair in found.pairs] == ["earner1"]
    assert found.left_out[0].why == "27 days of profit are recorded; 28 are needed."


def test_days_that_two_periods_cover_count_once() -> None:
    automation = make_earner(1, gross=10, ends_on=date(2026, 9, 20))
    make_period(automation, starts_on=date(2026, 9, 11), ends_on=date(2026, 9, 27))
    assert "27 days" in accuracy().left_out[0].why


def test_a_scorecard_made_after_the_profit_began_predicts_nothing() -> None:
    make_earner(1, gross=10, scored_on=date(2026, 9, 2))
    make_earner(2, gross=10, scored_on=date(2026, 9, 1))
    found = accuracy()
    assert "no scorecard from before" in found.left_out[0].why
    assert [pair.automation.slug for pair in found.pairs] == ["earner2"]


def test_the_scorecard_that_was_current_then_is_compared() -> None:
    automation = make_earner(1, gross=10)
    make_scorecard(automation, date=date(2026, 10, 20), elput_score=Decimal("9.9"))
    entered = datetime(2026, 8, 20, tzinfo=UTC)
    newer = make_scorecard(
        automation, date=date(2026, 8, 20), created_at=entered, elput_score=Decimal("4.4")
    )
    assert accuracy().pairs[0].scorecard == newer


def test_samples_count_only_where_there_is_nothing_else() -> None:
    make_earner(1, gross=10, is_sample=True)
    assert (accuracy().is_sample, len(accuracy().pairs)) == (True, 1)
    make_earner(2, gross=10)
    found = accuracy()
    assert (found.is_sample, [pair.automation.slug for pair in found.pairs]) == (False, ["earner2"])


def test_bias_is_the_rating_of_the_lower_half_minus_that_of_the_upper() -> None:
    ratings = ((2, 9), (4, 9), (6, 5), (8, 3), (10, 3))  # impact foretells, scalability misleads
    for at, (earning, volume) in enumerate(ratings):
        make_earner(at, gross=100 * (at + 1), values=(earning, 5, at + 1, volume, 5))
    biases = {bias.factor.key: bias for bias in accuracy().biases}
    impact, scalability = biases["revenue_impact"], biases["scalability"]
    assert (impact.low_mean, impact.high_mean, impact.difference) == (3, 9, -6)
    assert impact.says == "Tells them apart: rated 6.0 points higher where more came."
    assert scalability.difference == 6
    assert scalability.says == "Too kind to what earned little, by 6.0 points."
    assert biases["reusability"].says == "Rated alike in both halves, so it says little."
    # Higher risk earned more here: turned round, the ratings were kind to what earned little.
    assert biases["risk"].difference == 3


def test_a_lower_is_better_factor_is_turned_round() -> None:
    card = Scorecard(revenue_impact=7, time_to_implement=3, risk=1, scalability=9, reusability=9)
    assert [better(factor, card) for factor in elput.FACTORS] == [7, 8, 10, 9, 9]


def test_all_the_same_profit_has_no_halves() -> None:
    for at in range(5):
        make_earner(at, gross=100)
    assert {bias.says for bias in accuracy().biases} == {"All of them earned the same."}


@pytest.mark.parametrize(
    ("rho", "n", "says"),
    [
        (None, 4, "Too few"),
        (None, 9, "same score"),
        (0.7, 9, "nearly"),
        (0.69, 9, "tends to"),
        (0.39, 9, "says little"),
        (-0.39, 9, "says little"),
        (-0.4, 9, "wrong way"),
    ],
)
def test_what_a_rho_means(rho: float | None, n: int, says: str) -> None:
    assert says in meaning_of(rho, n)


def test_a_scorecard_entered_after_the_profit_came_predicts_nothing_whatever_its_date() -> None:
    make_earner(1, gross=10, entered=datetime(2026, 10, 30, 12, tzinfo=UTC))
    found = accuracy()
    assert found.pairs == ()
    assert [left.why for left in found.left_out] == [
        "Its scorecard of 2026-08-01 was entered on 2026-10-30, "
        "after its profit began on 2026-09-01."
    ]


def test_a_sample_scorecard_is_taken_at_its_word() -> None:
    make_earner(1, gross=10, is_sample=True, entered=datetime(2026, 10, 30, 12, tzinfo=UTC))
    assert len(accuracy().pairs) == 1


@pytest.mark.parametrize("sample", ["decision", "promotion"])
def test_sample_moves_tell_nothing_of_how_long_real_ones_took(sample: str) -> None:
    automation = make_earner(1, gross=10)
    decided, live = datetime(2026, 8, 2, tzinfo=UTC), datetime(2026, 8, 20, tzinfo=UTC)
    card = automation.scorecards.get()
    make_decision(card, decided_at=decided, is_sample=sample == "decision")
    make_promotion(
        automation, "stage", to_stage="production", decided_at=live,
        is_sample=sample == "promotion",
    )  # fmt: skip
    assert accuracy().delays == ()


def test_time_to_implement_is_compared_with_the_days_it_took() -> None:
    automation = make_earner(1, gross=10)
    decided = datetime(2026, 8, 2, tzinfo=UTC)
    make_decision(automation.scorecards.get(), decided_at=decided)
    make_promotion(
        automation, "stage", to_stage="production", decided_at=datetime(2026, 8, 20, tzinfo=UTC)
    )
    make_earner(2, gross=10)
    assert [(d.automation, d.rated, d.days) for d in accuracy().delays] == [(automation, 3, 18)]


def test_the_page_asks_the_same_number_of_questions_for_two_and_for_twelve(
    client: Client, viewer: Any, django_assert_num_queries: Any
) -> None:
    client.force_login(viewer)
    client.get(reverse("accuracy"))
    make_five()
    with django_assert_num_queries(5):
        accuracy()
    for number in range(10, 17):
        make_earner(number, gross=number)
    with django_assert_num_queries(5):
        accuracy()
    page = client.get(reverse("accuracy")).content.decode()
    assert "Score and net profit per hour of effort" in page
    assert "Earner3" in page


def test_an_empty_page_says_what_is_needed(client: Client, viewer: Any) -> None:
    client.force_login(viewer)
    page = client.get(reverse("accuracy")).content.decode()
    assert "Nothing to compare yet" in page


def test_one_automation_makes_a_page_without_a_correlation(client: Client, viewer: Any) -> None:
    make_earner(1, gross=-0)
    client.force_login(viewer)
    page = client.get(reverse("accuracy")).content.decode()
    assert "Too few: 1 of 5 needed." in page


def test_a_row_with_strange_weights_is_scored_with_equal_ones(client: Client, viewer: Any) -> None:
    automation = make_earner(1, gross=10)
    automation.scorecards.update(weights={"risk": "7"})
    client.force_login(viewer)
    assert client.get(reverse("accuracy")).status_code == 200
    assert accuracy().pairs[0].published == Decimal("6.0")


def test_strangers_do_not_find_it(client: Client, stranger: Any) -> None:
    client.force_login(stranger)
    assert client.get(reverse("accuracy")).status_code == 404
    client.force_login(stranger)
    assert client.post(reverse("accuracy")).status_code in {404, 405}

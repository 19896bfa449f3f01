"""The pages of profit and of the portfolio review, as people use them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from automations.models import Automation
from lifecycle import services
from lifecycle.models import Effort, PortfolioDecision, PortfolioReview, ProfitPeriod, Team
from tests.lifecycle.makers import (
    make_effort,
    make_period,
    make_portfolio_review,
    make_scorecard,
)
from tests.makers import make_automation

pytestmark = pytest.mark.django_db

WEEK = {"kind": "saving", "starts_on": "2026-10-05", "ends_on": "2026-10-11", "hours_saved": "10",
        "hour_rate_usd": "240", "gross_usd": "", "review_rate_usd": "40", "note": ""}  # fmt: skip


@pytest.fixture(autouse=True)
def november() -> Any:
    """It is 22 November 2026."""
    with time_machine.travel("2026-11-22 12:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture
def automation() -> Automation:
    found = make_automation(stage="production")
    Automation.objects.update(created_at=datetime(2026, 5, 1, tzinfo=UTC))
    return found


def text_of(answer: Any) -> str:
    return str(answer.content.decode()).replace("&#x27;", "'").replace("&quot;", '"')


# --- profit --------------------------------------------------------------------------------


def test_the_page_says_where_the_costs_of_shared_days_are_counted(
    client: Client, viewer: Any, automation: Automation
) -> None:
    make_period(automation, kind="revenue", hours_saved=None, hour_rate_usd=None)
    make_period(automation, starts_on=date(2026, 10, 8), is_sample=True)
    make_period(automation, starts_on=date(2026, 10, 8))
    client.force_login(viewer)
    page = text_of(client.get(reverse("profit", args=["writer"])))
    says = "costs of 8 Oct to 11 Oct are counted in the revenue period from 5 Oct 2026"
    assert page.count(says) == 1
    assert "verdict that was undone do not count" in page


def test_sample_money_is_marked(client: Client, viewer: Any, automation: Automation) -> None:
    make_period(automation, is_sample=True)
    client.force_login(viewer)
    assert "$2,400 gross, sample data" in text_of(client.get(reverse("profit", args=["writer"])))


def test_an_editor_records_the_articles_week(
    client: Client, editor: Any, automation: Automation
) -> None:
    client.force_login(editor)
    make_scorecard(automation, date=date(2026, 10, 1))
    answer = client.post(reverse("profit_new", args=["writer"]), WEEK, follow=True)
    page = text_of(answer)
    assert answer.redirect_chain
    assert "The period is saved; its costs were measured: $0.00 for the model" in page
    assert "$2,400" in page
    assert "10 h x $240" in page
    assert ">6.0<" in page


def test_the_form_begins_with_the_teams_rates_and_the_day_after_the_last_period(
    client: Client, editor: Any, automation: Automation
) -> None:
    client.force_login(editor)
    Team.current()
    Team.objects.update(hour_rate_usd=Decimal(85), review_rate_usd=Decimal(40))
    form = client.get(reverse("profit_new", args=["writer"])).context["form"]
    assert (form["starts_on"].value(), form["ends_on"].value()) == (
        date(2026, 11, 16),
        date(2026, 11, 22),
    )
    assert (form["hour_rate_usd"].value(), form["review_rate_usd"].value()) == (85, 40)
    make_period(automation, ends_on=date(2026, 11, 3))
    form = client.get(reverse("profit_new", args=["writer"])).context["form"]
    assert form["starts_on"].value() == date(2026, 11, 4)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"hours_saved": "NaN"}, "Enter a number."),
        ({"hours_saved": "Infinity"}, "Enter a number."),
        ({"hours_saved": "1e30"}, "no more than"),
        ({"hours_saved": "ten"}, "Enter a number."),
        ({"hours_saved": ""}, "Fill this in"),
        ({"hours_saved": "-1"}, "0 or more"),
        ({"hours_saved": "9999999", "hour_rate_usd": "9999999"}, "no more than"),
        ({"kind": "revenue"}, "Write the revenue of these days"),
        ({"kind": "revenue", "gross_usd": "1e400"}, "no more than"),
        ({"kind": ""}, "This field is required."),
        ({"kind": "\x00"}, "not one of the available choices"),
        ({"ends_on": "2026-10-01"}, "before the first"),
        ({"ends_on": "2026-11-23"}, "today at the latest"),
        ({"ends_on": "99999-01-01"}, "valid date"),
        ({"starts_on": "0001-01-01"}, "before the year 2000"),
        ({"note": "a\x00b"}, "Null characters"),
        ({"note": "x" * 201}, "at most 200"),
    ],
)
def test_mistakes_are_told_at_the_form(
    client: Client, editor: Any, automation: Automation, values: dict[str, str], says: str
) -> None:
    client.force_login(editor)
    answer = client.post(reverse("profit_new", args=["writer"]), {**WEEK, **values})
    assert answer.status_code == 200
    assert says in text_of(answer)
    assert not ProfitPeriod.objects.exists()


def test_what_is_not_asked_for_may_hold_anything(
    client: Client, editor: Any, automation: Automation
) -> None:
    client.force_login(editor)
    client.post(reverse("profit_new", args=["writer"]), {**WEEK, "gross_usd": "nonsense"})
    assert ProfitPeriod.objects.get().gross_usd == Decimal(2400)


def test_an_overlap_is_told_at_the_form(
    client: Client, editor: Any, automation: Automation
) -> None:
    client.force_login(editor)
    make_period(automation)
    answer = client.post(reverse("profit_new", args=["writer"]), WEEK)
    assert "overlap the time saved period from 2026-10-05" in text_of(answer)


def test_a_period_is_changed_measured_and_removed(
    client: Client, editor: Any, automation: Automation
) -> None:
    client.force_login(editor)
    stored = make_period(automation, model_cost_usd=Decimal(9), unpriced_runs=3)
    address = reverse("profit_period", args=[stored.pk])
    assert "at least $9" in text_of(client.get(reverse("profit", args=["writer"])))
    assert client.get(address).status_code == 200
    client.post(address, {**WEEK, "hours_saved": "5"})
    stored.refresh_from_db()
    assert stored.gross_usd == Decimal(1200)
    ProfitPeriod.objects.update(model_cost_usd=8)
    assert "measured again" in text_of(client.post(address, {"do": "measure"}, follow=True))
    stored.refresh_from_db()
    assert stored.model_cost_usd == 0
    client.post(reverse("profit_remove", args=[stored.pk]))
    assert not ProfitPeriod.objects.exists()
    assert client.post(address, WEEK).status_code == 404


def test_a_new_installation_has_dashes_and_no_division(
    client: Client, viewer: Any, automation: Automation
) -> None:
    client.force_login(viewer)
    page = text_of(client.get(reverse("profit", args=["writer"])))
    assert "No profit is recorded" in page
    assert "no effort is logged" in page
    assert "New period" not in page


def test_the_running_month_is_pro_rata_and_says_so(
    client: Client, viewer: Any, automation: Automation
) -> None:
    client.force_login(viewer)
    make_period(automation, starts_on=date(2026, 10, 29))  # 3 of 7 days in October
    page = text_of(client.get(reverse("profit", args=["writer"])))
    assert "$1,371" in page
    assert "by day from 1 November: a period that began before counts in part" in page


def test_an_operator_logs_hours_and_takes_back_ones_own(
    client: Client, operator: Any, editor: Any, automation: Automation
) -> None:
    client.force_login(operator)
    hours = {"on": "2026-11-20", "phase": "3", "hours": "1.5", "note": ""}
    answer = client.post(reverse("effort_add", args=["writer"]), hours, follow=True)
    assert "1.5 h are logged." in text_of(answer)
    assert "Remove 1.5 h" in text_of(answer)
    theirs = make_effort(automation, by=editor)
    assert client.post(reverse("effort_remove", args=[theirs.pk])).status_code == 403
    own = Effort.objects.get(by=operator)
    client.post(reverse("effort_remove", args=[own.pk]))
    assert list(Effort.objects.all()) == [theirs]


@pytest.mark.parametrize(
    "values",
    [{"hours": "0"}, {"hours": "25"}, {"hours": "nan"}, {"phase": "9"}, {"on": "2999-01-01"}, {}],
)
def test_hours_with_mistakes_keep_the_page(
    client: Client, operator: Any, automation: Automation, values: dict[str, str]
) -> None:
    client.force_login(operator)
    given = {"on": "2026-11-20", "phase": "3", "hours": "1", **values} if values else {}
    answer = client.post(reverse("effort_add", args=["writer"]), given)
    assert answer.status_code == 200
    assert "errorlist" in text_of(answer)
    assert not Effort.objects.exists()


def test_the_profit_page_asks_as_much_for_many_rows(
    client: Client, editor: Any, automation: Automation, django_assert_max_num_queries: Any
) -> None:
    client.force_login(editor)
    client.get(reverse("profit", args=["writer"]))
    for week in range(9):
        make_period(automation, starts_on=date(2026, 8, 1) + timedelta(days=7 * week))
        make_effort(automation, by=editor)
        make_scorecard(automation)
    with django_assert_max_num_queries(20):
        assert client.get(reverse("profit", args=["writer"])).status_code == 200
    for _ in range(9):
        make_effort(automation, by=editor)
        make_scorecard(automation)
    with django_assert_max_num_queries(20):
        client.get(reverse("profit", args=["writer"]))


# --- portfolio review ----------------------------------------------------------------------


def test_an_approver_opens_decides_and_closes(
    client: Client, approver: Any, automation: Automation
) -> None:
    client.force_login(approver)
    make_period(automation)
    listed = text_of(client.get(reverse("portfolio_review")))
    assert "October 2026 has ended and is not reviewed yet" in listed
    page = text_of(client.post(reverse("portfolio_review_open"), {"month": "2026-10"}, follow=True))
    assert "0 of 1 decided" in page
    assert "Close the review" not in page
    row = PortfolioDecision.objects.get()
    decide = reverse("portfolio_review_decide", args=[row.pk])
    answer = client.post(decide, {"decision": "kill", "reason": ""})
    assert "The suggestion is to keep; say why not." in text_of(answer)
    answer = client.post(decide, {"decision": "kill", "reason": "Enough."}, follow=True)
    page = text_of(answer)
    assert "Writer: kill." in page
    assert "Retire it on its Promotions page" in page
    assert "Close the review" in page
    month = reverse("portfolio_review_close", args=["2026-10"])
    page = text_of(client.post(month, follow=True))
    assert "stay as they are here" in page
    assert "<textarea" not in page
    again = client.post(decide, {"decision": "keep", "reason": "x"}, follow=True)
    assert "This review is closed" in text_of(again)
    assert "has ended and is not reviewed" not in text_of(client.get(reverse("portfolio_review")))


@pytest.mark.parametrize("month", ["2026-13", "abc", "0000-01", "26-10", "2026-1"])
def test_what_is_no_month_is_not_found(client: Client, approver: Any, month: str) -> None:
    client.force_login(approver)
    assert client.get(f"/portfolio-review/{month}/").status_code == 404
    assert client.post(f"/portfolio-review/{month}/").status_code == 404
    assert client.post(f"/portfolio-review/{month}/close/").status_code == 404
    answer = client.post(reverse("portfolio_review_open"), {"month": month}, follow=True)
    assert "Choose a month, written like 2026-11." in text_of(answer)


def test_months_without_a_review_say_what_to_do(
    client: Client, approver: Any, viewer: Any, automation: Automation
) -> None:
    client.force_login(approver)
    october, december = "/portfolio-review/2026-10/", "/portfolio-review/2026-12/"
    assert "Open the review of October 2026" in text_of(client.get(october))
    assert "has not begun" in text_of(client.get(december))
    client.force_login(viewer)
    assert "Open the review of October 2026" not in text_of(client.get(october))
    assert client.post(october).status_code == 403


def test_a_choice_that_is_none_is_told_at_its_form(
    client: Client, approver: Any, automation: Automation
) -> None:
    row = make_portfolio_review(automation)
    client.force_login(approver)
    decide = reverse("portfolio_review_decide", args=[row.pk])
    assert "Choose one of the four." in text_of(client.post(decide, {}))
    assert "not one of the available choices" in text_of(client.post(decide, {"decision": "no"}))
    long = client.post(decide, {"decision": "kill", "reason": "x" * 2001})
    assert "at most 2000" in text_of(long)
    assert not PortfolioDecision.objects.exclude(decision="").exists()


def test_what_a_person_wrote_is_text(client: Client, approver: Any, automation: Automation) -> None:
    row = make_portfolio_review(automation)
    client.force_login(approver)
    decide = reverse("portfolio_review_decide", args=[row.pk])
    client.post(decide, {"decision": "kill", "reason": "<script>1</script>\x00"})
    page = client.get(row.review.get_absolute_url()).content.decode()
    assert "&lt;script&gt;1&lt;/script&gt;" in page
    assert "<script>1" not in page


def test_readers_see_a_review_without_forms(
    client: Client, viewer: Any, automation: Automation
) -> None:
    row = make_portfolio_review(automation)
    client.force_login(viewer)
    page = text_of(client.get(row.review.get_absolute_url()))
    assert "Suggested:" in page
    assert 'name="decision"' not in page
    assert "Compute again" not in page


def test_the_review_page_asks_as_much_for_many_automations(
    client: Client, approver: Any, automation: Automation, django_assert_max_num_queries: Any
) -> None:
    row = make_portfolio_review(automation)
    client.force_login(approver)
    address = row.review.get_absolute_url()
    client.get(address)
    with django_assert_max_num_queries(12):
        client.get(address)
    for number in range(8):
        PortfolioDecision.objects.create(
            review=row.review, automation=make_automation(f"other{number}"),
            figures=row.figures, suggested="keep", decided_by=approver, decision="keep",
        )  # fmt: skip
    with django_assert_max_num_queries(12):
        client.get(address)
    with django_assert_max_num_queries(14):
        client.get(reverse("portfolio_review"))


def test_the_newest_month_stands_first(client: Client, viewer: Any, automation: Automation) -> None:
    for month in (9, 10, 8):
        make_portfolio_review(automation, month=date(2026, month, 1))
    client.force_login(viewer)
    reviews = client.get(reverse("portfolio_review")).context["reviews"]
    assert [review.month.month for review in reviews] == [10, 9, 8]


def test_computing_again_shows_what_is_new(
    client: Client, approver: Any, automation: Automation
) -> None:
    review = services.open_review(date(2026, 10, 1), by=approver)
    make_period(automation)
    client.force_login(approver)
    answer = client.post(review.get_absolute_url(), follow=True)
    assert "computed again" in text_of(answer)
    assert "It earned $2,400" in text_of(answer)
    assert PortfolioReview.objects.get().decisions.count() == 1

"""The monthly review: who is in it, its figures, deciding, freezing, following up."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Automation
from lifecycle import portfolio_reviewing as reviewing
from lifecycle import services
from lifecycle.models import PortfolioDecision, PortfolioReview, Team
from lifecycle.portfolio_figures import figures_of, last_day, month_before, thawed
from tests.lifecycle.makers import (
    make_decision,
    make_effort,
    make_period,
    make_portfolio_review,
    make_promotion,
    make_review,
    make_scorecard,
)
from tests.makers import make_automation, make_live, make_run
from tests.people import make_person

pytestmark = pytest.mark.django_db

NOW = "2026-11-22 12:00Z"
OCTOBER, SEPTEMBER = date(2026, 10, 1), date(2026, 9, 1)
DAY = datetime(2026, 10, 9, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def november() -> Any:
    """It is 22 November 2026."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def make_old(slug: str = "writer", **values: Any) -> Automation:
    """Make an automation that has been there since May."""
    automation = make_automation(slug, **{"stage": "production", **values})
    created = datetime(2026, 5, 1, tzinfo=UTC)
    Automation.objects.filter(pk=automation.pk).update(created_at=created)
    return automation


def ran(automation: Automation, *statuses: str, **values: Any) -> list[Any]:
    version = automation.live_version or make_live(automation)
    defaults = {"started_at": DAY, "completed_at": DAY, "calls": 1, "cost_usd": Decimal("0.1")}
    return [make_run(version, status=status, **{**defaults, **values}) for status in statuses]


# --- months --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["2026-13", "2026-00", "2026-1", "abc", "", "0000-01", "1999-12", "2100-01", "2026-10-01",
     "2026-10\n", "\u0662\u0660\u0662\u0666-10", "999999"],
)  # fmt: skip
def test_what_is_no_month(text: str) -> None:
    assert reviewing.month_of(text) is None


def test_months_have_ends_and_neighbours() -> None:
    assert reviewing.month_of("2026-10") == OCTOBER
    assert (last_day(date(2026, 2, 1)), last_day(date(2024, 2, 1))) == (
        date(2026, 2, 28),
        date(2024, 2, 29),
    )
    assert last_day(date(2026, 12, 1)) == date(2026, 12, 31)
    assert month_before(date(2026, 1, 1)) == date(2025, 12, 1)


def test_the_month_that_ended_is_due_until_its_review_is_closed(approver: Any) -> None:
    now = timezone.now()
    assert reviewing.review_due(now) is None
    automation = make_old(stage="idea")
    assert reviewing.review_due(now) is None
    Automation.objects.filter(pk=automation.pk).update(stage="prototype")
    assert reviewing.review_due(now) == OCTOBER
    row = make_portfolio_review(automation)
    assert reviewing.review_due(now) == OCTOBER
    services.decide_portfolio(row, "keep", by=approver)
    services.close_review(row.review, by=approver)
    assert reviewing.review_due(now) is None
    assert reviewing.review_due(now + timedelta(days=15)) == date(2026, 11, 1)


def test_what_began_this_month_owes_no_review() -> None:
    make_automation(stage="production")
    assert reviewing.review_due(timezone.now()) is None


# --- who is in it --------------------------------------------------------------------------


def test_work_and_earners_are_in_it_and_bare_ideas_are_not() -> None:
    make_old("at_work", stage="prototype")
    make_old("bare_idea", stage="idea")
    make_scorecard(make_old("scored_idea", stage="idea"), date=date(2026, 9, 1))
    skipped = make_scorecard(make_old("skipped", stage="idea"), date=date(2026, 9, 1))
    make_decision(skipped, verdict="skip")
    make_scorecard(make_old("scored_later", stage="idea"), date=date(2026, 11, 2))
    ran(make_old("ran", stage="idea"), "success")
    ran(make_old("tried_only", stage="idea"), "success", is_simulated=True)
    make_period(make_old("earned", stage="retired"))
    make_old("long_retired", stage="retired")
    gone = make_old("retired_now", stage="retired")
    make_promotion(gone, "stage", to_stage="retired", decided_at=DAY)
    make_automation("too_new", stage="production")
    ran(make_automation("with_history", stage="production"), "success", is_sample=True)
    found = [automation.slug for automation in reviewing.candidates(OCTOBER)]
    assert found == ["at_work", "earned", "ran", "retired_now", "scored_idea", "with_history"]


def test_what_the_last_review_decided_on_is_in_the_next(approver: Any) -> None:
    automation = make_old(stage="retired")
    row = make_portfolio_review(automation, month=SEPTEMBER, suggested="kill")
    assert reviewing.candidates(OCTOBER) == []
    services.decide_portfolio(row, "kill", by=approver)
    services.close_review(row.review, by=approver)
    assert reviewing.candidates(OCTOBER) == [automation]


# --- figures -------------------------------------------------------------------------------


def test_the_figures_are_the_months(approver: Any) -> None:
    automation = make_old()
    runs = ran(automation, *["success"] * 9, "failed", "cancelled")
    ran(automation, "failed", started_at=datetime(2026, 11, 1, tzinfo=UTC))
    ran(automation, "success", is_sample=True)
    ran(automation, "success", is_simulated=True, origin="playground", cost_usd=None)
    for number, run in enumerate(runs[:5]):
        verdict = {"verdict": "rejected", "reason": "wrong"} if number == 0 else {}
        make_review(run, at=DAY, **verdict)
    make_review(runs[6], at=DAY + timedelta(days=40))
    make_scorecard(automation, date=date(2026, 9, 1))
    make_scorecard(automation, date=date(2026, 11, 1), elput_score=Decimal("9.9"))
    make_period(automation)
    make_period(automation, starts_on=date(2026, 9, 7), gross_usd=Decimal(1000))
    make_effort(automation, on=date(2026, 10, 31), hours=Decimal(3))
    figures = figures_of([automation], OCTOBER)[automation.pk]
    assert (figures.runs, figures.success, figures.finished) == (11, 9, 10)
    assert (figures.model_cost, figures.unpriced) == ("1.100000", 1)
    assert (figures.useful, figures.reviewed) == (4, 5)
    assert figures.bounds is not None
    assert (figures.net, figures.net_before, figures.trend) == ("2400.00", "1000.00", "1400.00")
    assert (figures.score, figures.published, figures.adjusted) == ("6.0", "6.0", "8.4")
    assert figures.formulas_differ
    assert Decimal(figures.effort_hours) == 3
    assert not figures.is_sample
    assert thawed({**figures.as_json(), "followed": None}) == figures


def test_sample_runs_are_shown_and_named_where_there_are_no_others() -> None:
    automation = make_old()
    ran(automation, "success", is_sample=True)
    figures = figures_of([automation], OCTOBER)[automation.pk]
    assert (figures.runs, figures.is_sample) == (1, True)


def test_tries_of_the_playground_hide_no_sample_history() -> None:
    automation = make_old()
    ran(automation, "success", is_sample=True)
    ran(automation, "success", is_simulated=True, origin="playground")
    figures = figures_of([automation], OCTOBER)[automation.pk]
    assert (figures.runs, figures.is_sample) == (1, True)


def test_sample_money_is_named_and_left_out_of_the_sum_beside_real_money(approver: Any) -> None:
    shown, earner = make_old("shown"), make_old("earner")
    make_period(shown, is_sample=True)
    review = services.open_review(OCTOBER, by=approver)
    row = review.decisions.get(automation=shown)
    assert (row.figures["is_sample"], row.figures["money_is_sample"]) == (True, True)
    assert "This rests on sample data." in row.suggested_why
    totals = reviewing.totals_of(reviewing.entries_of(review))
    assert (totals.net, totals.is_sample) == (Decimal(2400), True)
    make_period(earner, gross_usd=Decimal(7))
    services.compute_again(review, by=approver)
    totals = reviewing.totals_of(reviewing.entries_of(review))
    assert (totals.net, totals.is_sample) == (Decimal(7), False)


def test_frozen_figures_add_up_and_name_the_cost_of_the_whole_month_apart(
    client: Client, approver: Any
) -> None:
    automation = make_old()
    ran(automation, "success", cost_usd=Decimal(30))
    make_period(
        automation, gross_usd=Decimal(100), model_cost_usd=Decimal("10.005"),
        review_rate_usd=Decimal(1), review_seconds=18,
    )  # fmt: skip
    figures = figures_of([automation], OCTOBER)[automation.pk]
    parts = (figures.gross, figures.period_model_cost, figures.review_cost, figures.net)
    assert parts == ("100.00", "10.01", "0.01", "89.98")
    assert Decimal(figures.model_cost) == 30
    services.open_review(OCTOBER, by=approver)
    client.force_login(approver)
    page = client.get(reverse("portfolio_review_month", args=["2026-10"])).content.decode()
    for part in ("Costs of the recorded days", "$10.01 model", "whole month", "$30"):
        assert part in page


def test_what_blocks_it_and_an_overruled_verdict_are_told() -> None:
    automation = make_old()
    card = make_scorecard(automation, date=date(2026, 9, 1))
    make_decision(card, overrules=True, reason="The board wants it.")
    services.evaluate(automation)
    figures = figures_of([automation], OCTOBER)[automation.pk]
    assert figures.overruled == "The board wants it."
    assert figures.phase in range(1, 9)
    assert figures.satisfied >= 1


def test_the_figures_of_many_take_as_many_queries_as_of_two(
    django_assert_max_num_queries: Any,
) -> None:
    Team.current()
    automations = [make_old(f"writer{n}") for n in range(10)]
    for automation in automations:
        make_scorecard(automation, date=SEPTEMBER)
        make_period(automation)
        ran(automation, "success")
        services.evaluate(automation)
    with django_assert_max_num_queries(11):
        figures_of(automations[:2], OCTOBER)
    with django_assert_max_num_queries(11):
        figures_of(automations, OCTOBER)


# --- opening, deciding, closing ------------------------------------------------------------


def test_opening_computes_and_suggests_and_is_recorded(approver: Any) -> None:
    automation = make_old()
    make_period(automation)
    review = services.open_review(OCTOBER, by=approver)
    row = review.decisions.get()
    assert (row.automation, row.decision, row.suggested) == (automation, "", "keep")
    assert row.figures["net"] == "2400.00"
    assert review.opened_by == approver
    assert AuditEvent.objects.filter(action="open portfolio review").exists()
    with pytest.raises(WrongState, match="opened already"):
        services.open_review(OCTOBER, by=approver)


def test_a_month_to_come_or_an_empty_one_is_not_opened(approver: Any) -> None:
    with pytest.raises(WrongState, match="has not begun"):
        services.open_review(date(2026, 12, 1), by=approver)
    with pytest.raises(WrongState, match="nothing to decide on"):
        services.open_review(OCTOBER, by=approver)
    assert not PortfolioReview.objects.exists()


@pytest.mark.parametrize("who", ["viewer", "operator", "editor", "admin", "stranger"])
def test_only_approvers_open_decide_and_close(who: str) -> None:
    person = make_person(who)
    row = make_portfolio_review(make_old())
    with pytest.raises(NotAllowed):
        services.open_review(SEPTEMBER, by=person)
    with pytest.raises(NotAllowed):
        services.compute_again(row.review, by=person)
    with pytest.raises(NotAllowed):
        services.decide_portfolio(row, "keep", by=person)
    with pytest.raises(NotAllowed):
        services.close_review(row.review, by=person)


def test_a_decision_against_the_suggestion_needs_a_reason(approver: Any) -> None:
    row = make_portfolio_review(make_old())
    with pytest.raises(ValidationError, match="say why not"):
        services.decide_portfolio(row, "kill", by=approver, reason="  ")
    services.decide_portfolio(row, "kill", by=approver, reason="Its market is gone.")
    row.refresh_from_db()
    assert (row.decision, row.reason, row.decided_by) == ("kill", "Its market is gone.", approver)
    services.decide_portfolio(row, "keep", by=approver)
    row.refresh_from_db()
    assert (row.decision, row.reason) == ("keep", "")
    events = AuditEvent.objects.filter(action="decide in portfolio review").order_by("pk")
    assert [event.after["decision"] for event in events] == ["kill", "keep"]


@pytest.mark.parametrize("choice", ["", "sell", "KEEP", "keep\x00"])
def test_there_are_four_decisions(approver: Any, choice: str) -> None:
    with pytest.raises(ValidationError, match="one of the four"):
        services.decide_portfolio(make_portfolio_review(make_old()), choice, by=approver)


def test_closing_wants_everything_decided_and_the_month_over(approver: Any) -> None:
    row = make_portfolio_review(make_old())
    with pytest.raises(WrongState, match="Not everything is decided yet: Writer"):
        services.close_review(row.review, by=approver)
    running = make_portfolio_review(row.automation, month=date(2026, 11, 1), decision="keep")
    with pytest.raises(WrongState, match="November runs until 2026-11-30"):
        services.close_review(running.review, by=approver)
    services.decide_portfolio(row, "keep", by=approver)
    closed = services.close_review(row.review, by=approver)
    assert (closed.is_closed, closed.closed_by) == (True, approver)
    event = AuditEvent.objects.get(action="close portfolio review")
    assert event.after == {"double_down": 0, "keep": 1, "fix": 0, "kill": 0}


def test_computing_again_keeps_decisions_but_asks_again_where_one_agreed_with_another_suggestion(
    approver: Any,
) -> None:
    agreed, reasoned = make_old("agreed"), make_old("reasoned")
    for automation in (agreed, reasoned):
        make_period(automation)
    review = services.open_review(OCTOBER, by=approver)
    rows = {row.automation: row for row in review.decisions.all()}
    services.decide_portfolio(rows[agreed], "keep", by=approver)
    services.decide_portfolio(rows[reasoned], "keep", by=approver, reason="We like it.")
    assert services.compute_again(review, by=approver) == 0
    for automation in (agreed, reasoned):
        ran(automation, *["failed"] * 10)
    assert services.compute_again(review, by=approver) == 1
    decided = {row.automation.slug: (row.suggested, row.decision) for row in review.decisions.all()}
    assert decided == {"agreed": ("fix", ""), "reasoned": ("fix", "keep")}


def test_computing_again_takes_in_what_is_new_and_leaves_out_what_is_gone(approver: Any) -> None:
    first, gone = make_old("first"), make_old("gone")
    review = services.open_review(OCTOBER, by=approver)
    make_old("added")
    Automation.objects.filter(pk=gone.pk).update(stage="idea")
    services.compute_again(review, by=approver)
    slugs = review.decisions.values_list("automation__slug", flat=True)
    assert sorted(slugs) == ["added", first.slug]


# --- frozen --------------------------------------------------------------------------------


@pytest.fixture
def closed(approver: Any) -> PortfolioDecision:
    """The only row of a closed review."""
    row = make_portfolio_review(make_old(), decision="keep")
    services.close_review(row.review, by=approver)
    return PortfolioDecision.objects.select_related("review").get(pk=row.pk)


def test_who_decided_and_closed_is_known_when_the_account_is_gone(
    client: Client, approver: Any, viewer: Any
) -> None:
    row = make_portfolio_review(make_old())
    services.decide_portfolio(row, "keep", by=approver, reason="Fine.\x00")
    services.close_review(row.review, by=approver)
    name = approver.get_username()
    type(approver).objects.filter(pk=approver.pk).delete()
    (entry,) = reviewing.entries_of(PortfolioReview.objects.get())
    assert (entry.by, entry.row.reason) == (name, "Fine.\N{REPLACEMENT CHARACTER}")
    client.force_login(viewer)
    page = client.get(reverse("portfolio_review_month", args=["2026-10"])).content.decode()
    assert page.count(f"by {name}") == 2
    assert f"by {name}" in client.get(reverse("portfolio_review")).content.decode()


def test_no_verb_changes_a_closed_review(closed: PortfolioDecision, approver: Any) -> None:
    for verb in (
        lambda: services.decide_portfolio(closed, "keep", by=approver),
        lambda: services.compute_again(closed.review, by=approver),
        lambda: services.close_review(closed.review, by=approver),
    ):
        with pytest.raises(WrongState, match="is closed"):
            verb()


def test_no_model_changes_a_closed_review(closed: PortfolioDecision) -> None:
    closed.reason = "Rewritten."
    closed.review.closed_at = None
    for change in (closed.save, closed.delete, closed.review.save, closed.review.delete):
        with pytest.raises(WrongState, match="is closed"):
            change()
    with pytest.raises(WrongState, match="is closed"):
        PortfolioDecision(review=closed.review, automation=make_old("late"), suggested="k").save()


def test_no_query_changes_a_closed_review(closed: PortfolioDecision) -> None:
    assert PortfolioDecision.objects.filter(pk=closed.pk).update(decision="kill") == 0
    assert PortfolioReview.objects.filter(pk=closed.review_id).update(closed_at=None) == 0
    PortfolioDecision.objects.all().delete()
    PortfolioReview.objects.all().delete()
    closed.review.decisions.all().update(reason="Rewritten.")
    stored = PortfolioDecision.objects.get()
    assert (stored.decision, stored.reason) == ("keep", "")
    assert stored.review.is_closed


def test_what_happens_later_does_not_reach_a_closed_review(closed: PortfolioDecision) -> None:
    before = dict(closed.figures)
    ran(closed.automation, *["failed"] * 12)
    make_period(closed.automation)
    assert reviewing.entries_of(closed.review)[0].row.figures == before


# --- what became of it ---------------------------------------------------------------------


def follow(approver: Any, decision: str, **figures: Any) -> Any:
    """Decide in September, compute October, and return what October tells of it."""
    automation = Automation.objects.get()
    row = make_portfolio_review(automation, month=SEPTEMBER, suggested=decision)
    row.figures |= figures
    row.save()
    services.decide_portfolio(row, decision, by=approver)
    services.close_review(row.review, by=approver)
    review = services.open_review(OCTOBER, by=approver)
    return reviewing.entries_of(review)[0].followed


def test_a_fix_is_followed_by_its_rates(approver: Any) -> None:
    ran(make_old(), *["success"] * 24, "failed")
    told = follow(approver, "fix", success=88, finished=100)
    assert told.says == "Success 88 % \N{RIGHTWARDS ARROW} 96 %."
    assert (told.tone, told.month, told.label) == ("ok", "2026-09", "Fix")


def test_a_fix_that_made_one_rate_worse_is_not_called_good(approver: Any) -> None:
    run = ran(make_old(), "success", "failed")[0]
    make_review(run, at=DAY)
    told = follow(approver, "fix", success=9, finished=10, useful=1, reviewed=2)
    assert told.says.startswith("Success 90 % \N{RIGHTWARDS ARROW} 50 %; approval 50 %")
    assert told.tone == "bad"


def test_a_kill_that_was_not_done_says_for_how_long(approver: Any, november: Any) -> None:
    make_old()
    november.move_to(datetime(2026, 10, 20, tzinfo=UTC))
    row = make_portfolio_review(Automation.objects.get(), month=SEPTEMBER, suggested="kill")
    services.decide_portfolio(row, "kill", by=approver)
    services.close_review(row.review, by=approver)
    november.move_to(datetime(2026, 11, 3, tzinfo=UTC))
    review = services.open_review(OCTOBER, by=approver)
    told = reviewing.entries_of(review)[0].followed
    assert told is not None
    assert (told.says, told.tone) == ("Not retired 14 days after the decision.", "bad")


def test_a_kill_that_was_done_says_when(approver: Any) -> None:
    automation = make_old(stage="retired")
    make_promotion(automation, "stage", to_stage="retired", decided_at=DAY)
    assert follow(approver, "kill").says == "Retired on 2026-10-09."


def test_a_keep_is_followed_by_its_money(approver: Any) -> None:
    make_period(make_old())
    told = follow(approver, "keep", net="2500.00")
    assert (told.says, told.tone) == ("Net $2,500 \N{RIGHTWARDS ARROW} $2,400.", "bad")


def test_a_keep_without_any_money_says_so(approver: Any) -> None:
    make_old()
    told = follow(approver, "keep")
    assert (told.says, told.tone) == ("No profit is recorded, before or since.", "off")


def test_totals_add_what_is_known() -> None:
    row = make_portfolio_review(make_old())
    make_portfolio_review(make_old("other"), month=date(2026, 8, 1))
    row.figures |= {"net": "5.00", "net_before": "7.50"}
    row.save()
    entries = reviewing.entries_of(row.review)
    totals = reviewing.totals_of(entries)
    assert (totals.net, totals.trend) == (Decimal(5), Decimal("-2.5"))
    assert (totals.decided, totals.count) == (0, 1)
    assert reviewing.totals_of([]).net is None


# --- two people at once --------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_four_who_open_a_month_at_once_make_one_review() -> None:
    make_old()
    person = make_person("approver")
    said: list[str] = []

    def attempt() -> None:
        try:
            services.open_review(OCTOBER, by=person)
            said.append("opened")
        except WrongState as error:
            said.append(str(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["The review of October 2026 was opened already; here it is."] * 3 + [
        "opened"
    ]
    assert PortfolioReview.objects.get().decisions.count() == 1

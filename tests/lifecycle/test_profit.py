"""Periods, what they are measured to cost, effort, and reading money for many automations."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Run
from lifecycle import profit, services
from lifecycle.models import Effort, ProfitPeriod
from lifecycle.models.profit import installation_today
from tests.lifecycle.makers import make_effort, make_period, make_review
from tests.makers import make_automation, make_live, make_run
from tests.people import make_person

pytestmark = pytest.mark.django_db

WEEK = date(2026, 10, 5)


def period(automation: Any = None, **values: Any) -> ProfitPeriod:
    """Return the article's week, not saved: 10 hours at $240."""
    given: dict[str, Any] = {
        "kind": "saving",
        "starts_on": WEEK,
        "ends_on": WEEK + timedelta(days=6),
        "hours_saved": Decimal(10),
        "hour_rate_usd": Decimal(240),
        **values,
    }
    return ProfitPeriod(automation=automation or make_automation(), **given)


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 10, day, hour, tzinfo=UTC)


def finished(version: Any, day: int, **values: Any) -> Run:
    defaults = {"status": "success", "started_at": at(day), "completed_at": at(day), "calls": 1}
    return make_run(version, **{**defaults, **values})


# --- periods -------------------------------------------------------------------------------


def test_a_week_of_ten_hours_at_240_is_2400_gross(editor: Any) -> None:
    saved = services.save_period(period(), by=editor)
    saved.refresh_from_db()
    assert (saved.gross_usd, saved.net_usd, saved.days) == (Decimal(2400), Decimal(2400), 7)
    assert saved.created_by == editor
    event = AuditEvent.objects.get(action="save profit period")
    assert event.after["gross_usd"] == "2400.00"


def test_gross_of_saved_time_is_worked_out_whatever_was_typed(editor: Any) -> None:
    saved = services.save_period(period(gross_usd=Decimal(9)), by=editor)
    assert saved.gross_usd == Decimal(2400)


def test_revenue_is_taken_as_typed_and_forgets_hours(editor: Any) -> None:
    saved = services.save_period(period(kind="revenue", gross_usd=Decimal("99.50")), by=editor)
    assert (saved.gross_usd, saved.hours_saved, saved.hour_rate_usd) == (
        Decimal("99.5"),
        None,
        None,
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"ends_on": WEEK - timedelta(days=1)}, "before the first"),
        ({"ends_on": date(2999, 1, 1)}, "today at the latest"),
        ({"starts_on": date(2025, 9, 1)}, "at most 366 days"),
        ({"starts_on": date(1999, 12, 31), "ends_on": date(2000, 1, 5)}, "before the year 2000"),
        ({"hours_saved": None}, "Fill this in"),
        ({"hour_rate_usd": None}, "Fill this in"),
        ({"hours_saved": Decimal(-1)}, "0 or more"),
        ({"hours_saved": Decimal("NaN")}, "decimal number"),
        ({"hours_saved": Decimal("Infinity")}, "decimal number"),
        ({"hours_saved": Decimal("1e30")}, "no more than"),
        ({"hours_saved": Decimal(9_999_999), "hour_rate_usd": Decimal(9_999_999)}, "no more than"),
        ({"kind": "revenue", "gross_usd": Decimal(-5)}, "0 or more"),
        ({"kind": "revenue", "gross_usd": None}, "cannot be null"),
        ({"kind": "gift"}, "not a valid choice"),
        ({"review_rate_usd": Decimal(-1)}, "0 or more"),
    ],
)
def test_bad_amounts_and_days_are_refused_in_a_sentence(
    editor: Any, values: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        services.save_period(period(**values), by=editor)
    assert says in " ".join(refused.value.messages)
    assert not ProfitPeriod.objects.exists()


def test_periods_of_one_kind_do_not_overlap_and_the_other_one_is_named(editor: Any) -> None:
    automation = make_automation()
    services.save_period(period(automation), by=editor)
    touching = period(automation, starts_on=date(2026, 10, 11), ends_on=date(2026, 10, 12))
    with pytest.raises(ValidationError, match="time saved period from 2026-10-05 to 2026-10-11"):
        services.save_period(touching, by=editor)
    services.save_period(period(automation, kind="revenue", gross_usd=Decimal(1)), by=editor)
    next_day = period(automation, starts_on=date(2026, 10, 12), ends_on=date(2026, 10, 12))
    services.save_period(next_day, by=editor)
    services.save_period(period(make_automation("other")), by=editor)


def test_a_period_may_be_changed_within_itself_but_not_brought_back(editor: Any) -> None:
    saved = services.save_period(period(), by=editor)
    saved.ends_on = WEEK + timedelta(days=2)
    services.save_period(saved, by=editor)
    other = ProfitPeriod.objects.get()
    services.remove_period(other, by=editor)
    with pytest.raises(WrongState, match="removed in the meantime"):
        services.save_period(saved, by=editor)
    with pytest.raises(WrongState, match="removed already"):
        services.remove_period(saved, by=editor)
    assert AuditEvent.objects.filter(action="remove profit period").count() == 1


def test_the_database_refuses_what_ends_before_it_starts() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_period(make_automation(), ends_on=date(2026, 10, 4))


@pytest.mark.django_db(transaction=True)
def test_two_people_who_add_the_same_days_at_once_make_one_period() -> None:
    automation, person = make_automation(), make_person("editor")
    said: list[str] = []

    def add() -> None:
        try:
            services.save_period(period(automation), by=person)
            said.append("saved")
        except ValidationError:
            said.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["refused", "refused", "refused", "saved"]
    assert ProfitPeriod.objects.count() == 1


@pytest.mark.parametrize("who", ["viewer", "operator", "approver", "admin", "stranger"])
def test_only_editors_record_profit(who: str) -> None:
    with pytest.raises(NotAllowed):
        services.save_period(period(), by=make_person(who))
    stored = make_period(make_automation("stored"))
    for verb in (services.save_period, services.measure_again, services.remove_period):
        with pytest.raises(NotAllowed):
            verb(stored, by=make_person(f"{who}-{verb.__name__}"))


# --- measuring -----------------------------------------------------------------------------


def test_costs_are_those_of_the_runs_that_began_on_its_days(editor: Any) -> None:
    version = make_live()
    for day, hour in ((4, 23), (5, 0), (11, 23), (12, 0)):
        finished(version, day, started_at=at(day, hour), cost_usd=Decimal("0.25"))
    saved = services.save_period(period(version.automation), by=editor)
    assert saved.model_cost_usd == Decimal("0.50")
    assert saved.unpriced_runs == 0
    assert saved.measured_at is not None


def test_the_playground_costs_money_drills_and_samples_and_others_do_not(editor: Any) -> None:
    version = make_live()
    finished(version, 6, cost_usd=Decimal(1), origin="playground", is_simulated=True)
    finished(version, 6, cost_usd=Decimal(10), origin="drill", fault="timeout", is_simulated=True)
    finished(version, 6, cost_usd=Decimal(100), is_sample=True)
    finished(make_live(make_automation("other")), 6, cost_usd=Decimal(1000))
    saved = services.save_period(period(version.automation), by=editor)
    assert saved.model_cost_usd == Decimal(1)


def test_runs_without_a_known_price_are_counted_not_guessed(editor: Any) -> None:
    version = make_live()
    finished(version, 6, cost_usd=None)
    finished(version, 6, cost_usd=None, calls=0)  # refused before a call: it cost nothing
    finished(version, 6, cost_usd=Decimal("0.5"))
    saved = services.save_period(period(version.automation), by=editor)
    assert (saved.model_cost_usd, saved.unpriced_runs) == (Decimal("0.5"), 1)


def test_minutes_of_review_cost_their_rate(editor: Any) -> None:
    version = make_live()
    for day, sample in ((6, False), (6, True), (20, False)):
        make_review(finished(version, 6), at=at(day), seconds_spent=1800, is_sample=sample)
    wanted = period(version.automation, review_rate_usd=Decimal(40))
    saved = services.save_period(wanted, by=editor)
    assert saved.review_seconds == 1800
    assert (saved.review_cost_usd, saved.net_usd) == (Decimal(20), Decimal(2380))


def test_a_sample_period_measures_sample_runs(editor: Any) -> None:
    version = make_live()
    finished(version, 6, cost_usd=Decimal(3), is_sample=True)
    finished(version, 6, cost_usd=Decimal(5))
    assert profit.measured(period(version.automation, is_sample=True)).model_cost_usd == 3


def test_measuring_again_follows_the_runs_and_is_recorded(editor: Any) -> None:
    version = make_live()
    stored = make_period(version.automation)
    finished(version, 6, cost_usd=Decimal(7))
    services.measure_again(stored, by=editor)
    stored.refresh_from_db()
    assert stored.model_cost_usd == Decimal(7)
    event = AuditEvent.objects.get(action="measure profit period")
    assert Decimal(event.before["model_cost_usd"]) == 0
    assert Decimal(event.after["model_cost_usd"]) == 7


@time_machine.travel("2026-10-17 12:00Z", tick=False)
def test_periods_are_measured_for_a_week_after_their_end() -> None:
    version = make_live()
    make_period(version.automation)  # ended on the 11th, 6 days ago
    old = make_period(version.automation, starts_on=date(2026, 9, 7))
    make_period(version.automation, kind="revenue", is_sample=True)
    finished(version, 6, cost_usd=Decimal(7))
    assert services.measure_open_periods() == 1
    old.refresh_from_db()
    assert old.measured_at is None
    with time_machine.travel("2026-10-18 12:00Z", tick=False):
        assert services.measure_open_periods() == 0


def both_kinds(automation: Any, by: Any, **later: Any) -> tuple[ProfitPeriod, ProfitPeriod]:
    """Record $100 of revenue, then $100 of saved time, in the same week unless told otherwise."""
    first = period(automation, kind="revenue", gross_usd=Decimal(100))
    second = period(automation, hours_saved=Decimal(1), hour_rate_usd=Decimal(100), **later)
    return services.save_period(first, by=by), services.save_period(second, by=by)


def test_a_day_of_revenue_and_of_saved_time_costs_once(editor: Any) -> None:
    version = make_live()
    finished(version, 6, cost_usd=Decimal(50))
    finished(version, 6, cost_usd=None)
    revenue, saving = both_kinds(version.automation, editor)
    whole = profit.whole_of([version.automation])[version.automation.pk]
    assert (whole.model_cost_usd, whole.net_usd, whole.unpriced_runs) == (
        Decimal(50),
        Decimal(150),
        1,
    )
    (carried,) = profit.carriers([revenue, saving])[saving.pk]
    assert carried == ((WEEK, WEEK + timedelta(days=6)), revenue)


def test_costs_pass_on_when_the_period_that_carried_them_is_changed_or_removed(editor: Any) -> None:
    version = make_live()
    finished(version, 6, cost_usd=Decimal(50))
    revenue, saving = both_kinds(version.automation, editor)
    revenue.starts_on = date(2026, 10, 7)
    services.save_period(revenue, by=editor)
    saving.refresh_from_db()
    assert (revenue.model_cost_usd, saving.model_cost_usd) == (Decimal(0), Decimal(50))
    revenue.starts_on = WEEK
    services.save_period(revenue, by=editor)
    saving.refresh_from_db()
    assert (revenue.model_cost_usd, saving.model_cost_usd) == (Decimal(50), Decimal(0))
    services.remove_period(revenue, by=editor)
    saving.refresh_from_db()
    assert saving.model_cost_usd == 50


def test_a_window_takes_the_costs_of_the_days_in_it(editor: Any) -> None:
    version = make_live()
    finished(version, 13, cost_usd=Decimal(6))
    later = {"starts_on": date(2026, 10, 8), "ends_on": date(2026, 10, 14)}
    both_kinds(version.automation, editor, **later)  # carries the 12th to the 14th
    pk, automations = version.automation.pk, [version.automation]
    first = profit.money_of(automations, start=WEEK, end=date(2026, 10, 11))[pk]
    rest = profit.money_of(automations, start=date(2026, 10, 12), end=date(2026, 10, 14))[pk]
    assert (first.model_cost_usd, rest.model_cost_usd) == (Decimal(0), Decimal(6))


spans = st.lists(st.tuples(st.integers(5, 25), st.integers(0, 6)), max_size=4)


@given(spans)
def test_periods_carry_every_day_they_cover_exactly_once(drawn: list[tuple[int, int]]) -> None:
    rows = [
        ProfitPeriod(
            pk=pk, automation_id=1, starts_on=date(2026, 10, begin),
            ends_on=date(2026, 10, begin + more),
        )
        for pk, (begin, more) in enumerate(drawn, 1)
    ]  # fmt: skip
    for row in rows:
        row._state.adding = False
    covered = {day for begin, more in drawn for day in range(begin, begin + more + 1)}
    carried = [
        day
        for row in rows
        for first, last in profit.carried(row, rows)
        for day in range(first.day, last.day + 1)
    ]
    assert sorted(carried) == sorted(covered)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spans, spans, st.randoms(use_true_random=False))
def test_the_costs_of_all_periods_are_those_of_the_runs_on_their_days(
    revenue: list[tuple[int, int]], saving: list[tuple[int, int]], random: Any
) -> None:
    """Whatever is recorded in whatever order, then removed in part."""
    with transaction.atomic():
        version, by = make_live(), make_person("editor")
        for day in range(5, 32):
            finished(version, day, cost_usd=Decimal(day))
        wanted = [("revenue", *span) for span in revenue] + [("saving", *span) for span in saving]
        random.shuffle(wanted)
        for kind, begin, more in wanted:
            days = {"starts_on": date(2026, 10, begin), "ends_on": date(2026, 10, begin + more)}
            with suppress(ValidationError):  # two of one kind overlap
                row = period(version.automation, kind=kind, gross_usd=Decimal(1), **days)
                services.save_period(row, by=by)
        for row in ProfitPeriod.objects.order_by("pk")[:1]:
            services.remove_period(row, by=by)
        rows = list(ProfitPeriod.objects.all())
        covered = {day for row in rows for day in range(row.starts_on.day, row.ends_on.day + 1)}
        whole = profit.whole_of([version.automation])[version.automation.pk]
        assert sum(row.model_cost_usd for row in rows) == whole.model_cost_usd == sum(covered)
        transaction.set_rollback(True)


def test_a_stored_period_is_measured_on_the_days_it_has_now(editor: Any) -> None:
    version = make_live()
    finished(version, 6, cost_usd=Decimal(7))
    stale = make_period(version.automation)
    ProfitPeriod.objects.update(starts_on=date(2026, 10, 7))
    services.measure_period(stale)
    assert ProfitPeriod.objects.get().model_cost_usd == 0


def test_a_removed_period_is_not_measured_again(editor: Any) -> None:
    stored = make_period(make_automation())
    ProfitPeriod.objects.all().delete()
    with pytest.raises(WrongState, match="removed in the meantime"):
        services.measure_again(stored, by=editor)
    assert not AuditEvent.objects.exists()


@time_machine.travel("2026-10-12 12:00Z", tick=False)
def test_a_period_that_breaks_does_not_stop_the_others(monkeypatch: Any, caplog: Any) -> None:
    broken, fine = (make_period(make_automation(slug)) for slug in ("broken", "fine"))
    known = profit.measured

    def measured(row: ProfitPeriod) -> profit.Measured:
        if row.pk == broken.pk:
            raise ArithmeticError
        return known(row)

    monkeypatch.setattr("lifecycle.services.profit.measured", measured)
    assert services.measure_open_periods() == 1
    assert f"profit period {broken.pk} could not be measured" in caplog.text
    fine.refresh_from_db()
    assert fine.measured_at is not None


def test_half_a_cent_is_a_cent(editor: Any) -> None:
    worth = {"hours_saved": Decimal("0.5"), "hour_rate_usd": Decimal("0.01")}
    assert services.save_period(period(**worth), by=editor).gross_usd == Decimal("0.01")


# --- reading -------------------------------------------------------------------------------


def test_a_period_counts_by_the_days_that_lie_in_the_time_asked_for() -> None:
    automation = make_automation()
    make_period(automation, starts_on=date(2026, 9, 28), model_cost_usd=Decimal(7), unpriced_runs=2)
    october = {"start": date(2026, 10, 1), "end": date(2026, 10, 31)}
    money = profit.money_of([automation], **october)[automation.pk]
    assert money.gross_usd == Decimal("1371.428571")  # 4 of 7 days
    assert money.net_usd == Decimal("1367.428571")
    assert money.unpriced_runs == 2
    later = profit.money_of([automation], start=date(2026, 11, 1), end=date(2026, 11, 30))
    assert later[automation.pk] == profit.Money()


@given(st.integers(0, 400), st.integers(1, 60), st.integers(-10, 70))
def test_two_halves_of_time_make_the_whole(first: int, days: int, cut: int) -> None:
    begin = date(2026, 1, 1) + timedelta(days=first)
    row = ProfitPeriod(starts_on=begin, ends_on=begin + timedelta(days=days - 1))
    middle = begin + timedelta(days=cut)
    earlier = row.share_within(date.min, middle)
    later = row.share_within(middle + timedelta(days=1), date.max)
    assert round(earlier + later, 20) == 1


def test_sample_money_counts_only_where_there_is_nothing_real_and_is_marked() -> None:
    automation = make_automation()
    make_period(automation, is_sample=True)
    make_effort(automation, is_sample=True)
    pk = automation.pk
    whole = profit.whole_of([automation])[pk]
    assert (whole.net_usd, whole.effort_hours, whole.is_sample) == (Decimal(2400), Decimal(8), True)
    assert profit.split_of(automation).hours == 8
    make_effort(automation, hours=Decimal(2))
    whole = profit.whole_of([automation])[pk]
    assert (whole.net_usd, whole.effort_hours, whole.is_sample) == (None, Decimal(2), False)
    assert profit.split_of(automation).hours == 2
    make_period(automation, gross_usd=Decimal(5), starts_on=date(2026, 9, 7))
    october = profit.money_of([automation], start=WEEK, end=date(2026, 10, 31))[pk]
    assert october.net_usd is None


def test_profit_per_hour_needs_a_net_and_hours() -> None:
    automation = make_automation()
    assert profit.whole_of([automation])[automation.pk].per_hour is None
    make_period(automation)
    assert profit.whole_of([automation])[automation.pk].per_hour is None
    make_effort(automation)
    assert profit.whole_of([automation])[automation.pk].per_hour == Decimal(300)


def test_money_of_many_automations_takes_two_queries(django_assert_num_queries: Any) -> None:
    automations = [make_automation(f"writer{n}") for n in range(12)]
    for automation in automations:
        make_period(automation)
        make_effort(automation)
    with django_assert_num_queries(2):
        found = profit.money_of(automations, start=WEEK, end=date(2026, 10, 31))
    assert {money.net_usd for money in found.values()} == {Decimal(2400)}
    assert profit.money_of([], start=WEEK, end=WEEK) == {}


def test_the_time_of_an_automation_is_split_by_phase() -> None:
    automation = make_automation()
    assert profit.split_of(automation).prototype_share == 0
    for phase, spent in ((1, 2), (2, 4), (3, 14), (7, 10)):
        make_effort(automation, phase=phase, hours=Decimal(spent))
    split = profit.split_of(automation)
    assert split.hours == 30
    assert (round(split.prototype_share, 3), round(split.rest_share, 3)) == (0.2, 0.8)
    assert [part.hours for part in split.phases] == [2, 4, 14, 0, 0, 0, 10]


# --- effort --------------------------------------------------------------------------------


def effort(automation: Any = None, **values: Any) -> Effort:
    given: dict[str, Any] = {"phase": 3, "on": date(2026, 10, 1), "hours": Decimal("1.5"), **values}
    return Effort(automation=automation or make_automation(), **given)


@pytest.mark.parametrize("who", ["operator", "editor"])
def test_operators_and_editors_log_their_own_hours(who: str) -> None:
    person = make_person(who)
    logged = services.log_effort(effort(by=None), by=person)
    assert Effort.objects.get().by == person
    services.remove_effort(logged, by=person)
    assert not Effort.objects.exists()
    assert set(AuditEvent.objects.values_list("action", flat=True)) == {
        "log effort",
        "remove effort",
    }


def test_one_removes_ones_own_hours_an_editor_anybodys(operator: Any, editor: Any) -> None:
    own = services.log_effort(effort(), by=operator)
    theirs = make_effort(own.automation, by=editor)
    with pytest.raises(NotAllowed):
        services.remove_effort(theirs, by=operator)
    services.remove_effort(own, by=editor)
    with pytest.raises(WrongState, match="removed already"):
        services.remove_effort(own, by=editor)
    with pytest.raises(NotAllowed):
        services.remove_effort(make_effort(theirs.automation), by=operator)


@pytest.mark.parametrize("who", ["viewer", "approver", "admin", "stranger"])
def test_others_log_no_hours(who: str) -> None:
    with pytest.raises(NotAllowed):
        services.log_effort(effort(), by=make_person(who))


@pytest.mark.parametrize(
    "values",
    [
        {"hours": Decimal(0)},
        {"hours": Decimal(-1)},
        {"hours": Decimal("24.01")},
        {"hours": Decimal("NaN")},
        {"hours": Decimal("1e30")},
        {"phase": 0},
        {"phase": 8},
        {"on": date(2999, 1, 1)},
        {"on": date(1, 1, 1)},
        {"note": "x" * 201},
    ],
)
def test_hours_that_no_day_has_are_refused(operator: Any, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        services.log_effort(effort(**values), by=operator)
    assert not Effort.objects.exists()


def test_today_is_that_of_the_installation(settings: Any) -> None:
    settings.TIME_ZONE = "Pacific/Auckland"
    with time_machine.travel("2026-10-17 23:00Z", tick=False):
        assert installation_today() == date(2026, 10, 18)
        begin, end = profit.moments(date(2026, 10, 18), date(2026, 10, 18))
    assert begin == datetime(2026, 10, 17, 11, tzinfo=UTC)
    assert end - begin == timedelta(days=1)


def test_days_are_shared_with_those_that_run_at_the_same_time_only() -> None:
    automation = make_automation()
    whole = make_period(automation, starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 31))
    first, second = (
        make_period(automation, kind="revenue", starts_on=begin, ends_on=begin + timedelta(days=2))
        for begin in (date(2026, 3, 2), date(2026, 3, 20))
    )
    shared = profit.carriers([second, whole, first])
    assert shared[whole.pk] == []
    assert shared[first.pk] == [((first.starts_on, first.ends_on), whole)]
    assert shared[second.pk] == [((second.starts_on, second.ends_on), whole)]

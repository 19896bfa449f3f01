"""Success criteria and failure modes: what can be aimed at, what is measured, who writes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Automation
from lifecycle import criteria, failure_modes, services
from lifecycle.failure_modes import What
from lifecycle.models import Criterion, FailureMode, ProfitPeriod
from lifecycle.phases import State
from tests.lifecycle.makers import make_criterion, make_failure_mode, make_review
from tests.makers import make_automation, make_live, make_run
from tests.people import make_person

pytestmark = pytest.mark.django_db

TIMEOUT = What(error_category="timeout", error_code="deadline")


@pytest.fixture
def automation() -> Automation:
    return make_live().automation


def make_ended(automation: Automation, status: str = "success", **values: Any) -> Any:
    return make_run(automation.live_version, status=status, **values)


def state_of(automation: Automation, metric: str, operator: str, number: Any) -> State:
    Criterion.objects.all().delete()
    make_criterion(automation, metric=metric, operator=operator, number=Decimal(number))
    return criteria.aims_of(automation)[0].state


def shown(automation: Automation, metric: str) -> str:
    Criterion.objects.all().delete()
    make_criterion(automation, metric=metric, operator=">", number=1)
    return criteria.aims_of(automation)[0].shown


# --- adding, changing, removing ------------------------------------------------------------


def test_a_criterion_is_added_changed_and_removed(automation: Automation, editor: User) -> None:
    row = services.add_criterion(automation, "success_rate", ">", Decimal(95), by=editor)
    assert str(row) == "Success rate more than 95 %"
    changed = services.change_criterion(row, "success_rate", ">=", Decimal(90), by=editor)
    assert changed.changed_at
    services.remove_criterion(changed, by=editor)
    assert not Criterion.objects.exists()
    told = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(told) == ["add criterion", "change criterion", "remove criterion"]


def test_another_note_is_no_other_aim(automation: Automation, editor: User) -> None:
    row = make_criterion(automation)
    same = (row.metric, row.operator, row.number)
    assert services.change_criterion(row, *same, by=editor, note="Why.").changed_at is None


@pytest.mark.parametrize("role", ["viewer", "operator", "approver", "admin", "stranger"])
def test_only_editors_set_aims(automation: Automation, role: str) -> None:
    person, row = make_person(role), make_criterion(automation)
    with pytest.raises(NotAllowed):
        services.add_criterion(automation, "success_rate", ">", Decimal(95), by=person)
    with pytest.raises(NotAllowed):
        services.change_criterion(row, "success_rate", ">", Decimal(95), by=person)
    with pytest.raises(NotAllowed):
        services.remove_criterion(row, by=person)


@pytest.mark.parametrize(
    ("metric", "operator", "number"),
    [
        ("success_rate", ">", "100"),
        ("success_rate", ">=", "100.01"),
        ("approval_rate", "<", "0"),
        ("approval_rate", ">=", "-1"),
        ("execution_time_s", "<", "0"),
        ("execution_time_s", "<=", "86401"),
        ("cost_per_success_usd", "<", "0.00001"),
        ("cost_per_success_usd", "<", "NaN"),
        ("runs_per_day", ">", "Infinity"),
        ("net_profit_usd", ">", "1e30"),
        ("hours_saved", ">", "-5"),
        ("hours_saved", ">", "1E+999999"),
        ("hours_saved", ">", "twelve"),
        ("happiness", ">", "1"),
        ("success_rate", "=", "95"),
        ("success_rate\x00", ">", "95"),
    ],
)
def test_what_is_no_aim_is_refused(
    automation: Automation, editor: User, metric: str, operator: str, number: Any
) -> None:
    with pytest.raises(ValidationError):
        services.add_criterion(automation, metric, operator, number, by=editor)
    assert not Criterion.objects.exists()


@pytest.mark.parametrize(
    ("metric", "operator", "number"),
    [
        ("success_rate", ">=", "100"),
        ("success_rate", "<=", "0"),
        ("net_profit_usd", ">=", "-500"),
        ("cost_per_success_usd", "<", "0.0001"),
        ("execution_time_s", "<", "30.50000"),
    ],
)
def test_the_edges_are_aims(
    automation: Automation, editor: User, metric: str, operator: str, number: str
) -> None:
    made = services.add_criterion(automation, metric, operator, Decimal(number), by=editor)
    made.refresh_from_db()
    assert made.number == Decimal(number)


def test_the_same_metric_and_operator_twice_is_said_in_a_sentence(
    automation: Automation, editor: User
) -> None:
    row = make_criterion(automation)
    other = make_criterion(automation, operator=">")
    with pytest.raises(WrongState, match="“Success rate at least …” already"):
        services.add_criterion(automation, "success_rate", ">=", Decimal(80), by=editor)
    with pytest.raises(WrongState, match="already"):
        services.change_criterion(other, "success_rate", ">=", Decimal(80), by=editor)
    assert Criterion.objects.get(pk=row.pk).number == 95


def test_what_was_removed_is_neither_changed_nor_removed(
    automation: Automation, editor: User
) -> None:
    row = make_criterion(automation)
    services.remove_criterion(Criterion.objects.get(pk=row.pk), by=editor)
    with pytest.raises(WrongState, match="removed already"):
        services.change_criterion(row, "success_rate", ">", Decimal(95), by=editor)
    with pytest.raises(WrongState, match="removed already"):
        services.remove_criterion(row, by=editor)


@pytest.mark.parametrize(
    ("low", "high", "count"),
    [
        ((">", 95), ("<", 90), 1),
        ((">=", 95), ("<=", 95), 0),
        ((">", 95), ("<=", 95), 1),
        ((">=", 95), ("<", 95), 1),
        ((">", 90), ("<", 95), 0),
    ],
)
def test_two_aims_that_no_value_meets_are_told(
    automation: Automation, low: tuple[str, int], high: tuple[str, int], count: int
) -> None:
    rows = [
        make_criterion(automation, operator=operator, number=Decimal(number))
        for operator, number in (low, high)
    ]
    assert len(criteria.contradictions(rows)) == count


@given(
    low=st.decimals(0, 100, places=2),
    high=st.decimals(0, 100, places=2),
    value=st.decimals(0, 100, places=2),
    operators=st.tuples(st.sampled_from([">", ">="]), st.sampled_from(["<", "<="])),
)
def test_what_is_told_to_contradict_itself_is_met_by_no_value(
    low: Decimal, high: Decimal, value: Decimal, operators: tuple[str, str]
) -> None:
    rows = [
        Criterion(metric="success_rate", operator=operator, number=number)
        for operator, number in zip(operators, (low, high), strict=True)
    ]
    both = all(criteria.COMPARE[row.operator](value, row.number) for row in rows)
    assert not (criteria.contradictions(rows) and both)


def test_the_usual_ones_are_offered_until_their_metric_is_taken(automation: Automation) -> None:
    offered = [usual.in_words for usual in criteria.suggestions([])]
    assert offered[0] == "Success rate more than 95\N{NO-BREAK SPACE}%"
    assert offered[3] == "Cost per success less than $0.10"
    taken = criteria.suggestions([make_criterion(automation)])
    assert "success_rate" not in {usual.metric for usual in taken}


# --- measuring -----------------------------------------------------------------------------


def test_without_runs_nothing_is_measured(automation: Automation) -> None:
    for metric in Criterion.Metric.values:
        make_criterion(automation, metric=metric)
    assert {aim.state for aim in criteria.aims_of(automation)} == {State.NOT_MEASURED}
    assert {aim.shown for aim in criteria.aims_of(automation)} == {"\N{EN DASH}"}


def test_nineteen_of_twenty_are_not_more_than_95_per_cent(automation: Automation) -> None:
    for number in range(20):
        make_ended(automation, "success" if number else "failed")
    assert state_of(automation, "success_rate", ">", 95) == State.NOT_MET
    assert state_of(automation, "success_rate", ">=", 95) == State.MET
    assert shown(automation, "success_rate") == "95\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(("useful", "of", "state"), [(9, 10, "not_met"), (10, 11, "met")])
def test_the_approval_rate_is_strict(
    automation: Automation, useful: int, of: int, state: str
) -> None:
    for number in range(of):
        run = make_ended(automation, output_data={"text": "Fine."})
        verdict = {} if number < useful else {"verdict": "rejected", "reason": "wrong"}
        make_review(run, **verdict)
    assert state_of(automation, "approval_rate", ">", 90) == State(state)


def test_time_and_cost_are_those_of_successes(automation: Automation) -> None:
    for time_ms in (1000, 2000, 9000):
        make_ended(automation, execution_time_ms=time_ms, cost_usd=Decimal("0.01"))
    make_ended(automation, "failed", execution_time_ms=60_000, cost_usd=Decimal("0.03"))
    make_ended(automation, "failed", cost_usd=None)
    assert shown(automation, "execution_time_s") == "2\N{NO-BREAK SPACE}s"
    assert shown(automation, "cost_per_success_usd") == "$0.02"


@pytest.mark.parametrize("values", [{"is_sample": True}, {"is_simulated": True}])
def test_samples_and_tries_are_not_measured(automation: Automation, values: dict[str, Any]) -> None:
    make_ended(automation, **values)
    assert state_of(automation, "success_rate", ">", 1) == State.NOT_MEASURED


def test_what_ended_a_month_ago_is_not_measured(automation: Automation) -> None:
    make_ended(automation, completed_at=timezone.now() - timedelta(days=31))
    assert state_of(automation, "success_rate", ">", 1) == State.NOT_MEASURED


def test_runs_per_day_are_over_the_age_of_a_young_automation(automation: Automation) -> None:
    for _ in range(10):
        make_ended(automation)
    assert shown(automation, "runs_per_day") == "10"
    old = timezone.now() - timedelta(days=99)
    Automation.objects.update(created_at=old)
    assert shown(Automation.objects.get(), "runs_per_day") == "0.3333"


def test_profit_and_hours_come_from_the_periods(automation: Automation) -> None:
    today = timezone.localdate()
    ProfitPeriod.objects.create(
        automation=automation, kind="saving", starts_on=today - timedelta(days=59),
        ends_on=today, hours_saved=Decimal(60), gross_usd=Decimal(2400),
    )  # fmt: skip
    assert shown(automation, "hours_saved") == "30\N{NO-BREAK SPACE}h"
    assert shown(automation, "net_profit_usd") == "$1,200"
    ProfitPeriod.objects.update(gross_usd=0, model_cost_usd=Decimal("60.5"))
    assert shown(automation, "net_profit_usd") == "\N{MINUS SIGN}$30.25"


def test_sample_profit_reaches_no_aim(automation: Automation) -> None:
    today = timezone.localdate()
    ProfitPeriod.objects.create(
        automation=automation, kind="saving", starts_on=today, ends_on=today,
        hours_saved=Decimal(10), gross_usd=Decimal(2400), is_sample=True,
    )  # fmt: skip
    assert state_of(automation, "net_profit_usd", ">=", 1000) == State.NOT_MEASURED
    assert state_of(automation, "hours_saved", ">=", 1) == State.NOT_MEASURED


def test_any_number_of_criteria_takes_as_many_queries(
    automation: Automation, django_assert_max_num_queries: Any
) -> None:
    for metric in Criterion.Metric.values:
        make_criterion(automation, metric=metric)
    with django_assert_max_num_queries(8):
        criteria.aims_of(automation)


# --- failure modes -------------------------------------------------------------------------


def test_what_failed_is_grouped_with_its_count_and_an_example(automation: Automation) -> None:
    for _ in range(3):
        last = make_ended(automation, "failed", error_category="timeout", error_code="deadline")
    make_ended(automation, "failed", error_category="api_error", error_code="503")
    seen = failure_modes.seen_of(automation, [])
    assert [(group.what.title, group.count) for group in seen] == [
        ("Timeout: deadline", 3), ("API error: 503", 1),
    ]  # fmt: skip
    assert seen[0].run_id == last.pk


def test_rejections_are_grouped_by_their_reason(automation: Automation) -> None:
    run = make_ended(automation, output_data={"text": "Fine."})
    make_review(run, verdict="rejected", reason="style")
    (group,) = failure_modes.seen_of(automation, [])
    assert (group.what.title, group.count, group.run_id) == ("Rejected: Tone or style", 1, run.pk)


@pytest.mark.parametrize(
    "values",
    [{"is_simulated": True}, {"completed_at": timezone.now() - timedelta(days=31)}],
)
def test_tries_and_old_failures_are_not_seen(
    automation: Automation, values: dict[str, Any]
) -> None:
    make_ended(automation, "failed", error_category="timeout", **values)
    assert failure_modes.seen_of(automation, []) == []


def test_what_has_no_response_comes_first(automation: Automation, editor: User) -> None:
    for category, count in (("timeout", 3), ("api_error", 1)):
        for _ in range(count):
            make_ended(automation, "failed", error_category=category, error_code="x")
    what = What(error_category="timeout", error_code="x")
    mode = services.write_failure_mode(automation, "Wait.", by=editor, what=what)
    seen = failure_modes.seen_of(automation, [mode])
    assert [group.answers for group in seen] == [(), (mode,)]


def test_a_response_is_written_changed_and_removed(automation: Automation, editor: User) -> None:
    mode = services.write_failure_mode(automation, " Wait. ", by=editor, what=TIMEOUT)
    assert (mode.title, mode.response) == ("Timeout: deadline", "Wait.")
    changed = services.change_failure_mode(mode, "Wait longer.", by=editor, title="Too slow")
    assert (changed.title, changed.error_code) == ("Too slow", "deadline")
    services.remove_failure_mode(changed, by=editor)
    assert not FailureMode.objects.exists()
    assert AuditEvent.objects.filter(action__endswith="failure mode").count() == 3


@pytest.mark.parametrize("role", ["viewer", "operator", "approver", "admin", "stranger"])
def test_only_editors_write_responses(automation: Automation, role: str) -> None:
    person, mode = make_person(role), make_failure_mode(automation)
    with pytest.raises(NotAllowed):
        services.write_failure_mode(automation, "Wait.", by=person, title="Slow")
    with pytest.raises(NotAllowed):
        services.change_failure_mode(mode, "Wait.", by=person)
    with pytest.raises(NotAllowed):
        services.remove_failure_mode(mode, by=person)


@pytest.mark.parametrize(
    ("title", "response"), [("", "Wait."), ("Slow", " \n"), ("x" * 201, "W"), ("S", "x" * 10_001)]
)
def test_a_failure_mode_has_a_title_and_a_response(
    automation: Automation, editor: User, title: str, response: str
) -> None:
    with pytest.raises(ValidationError):
        services.write_failure_mode(automation, response, by=editor, title=title)


@pytest.mark.parametrize(
    "what",
    [
        What(error_category="nonsense"),
        What(review_reason="nonsense"),
        What(error_code="deadline"),
        What(error_category="timeout", error_code="x" * 61),
        What(error_category="timeout", error_code="\x00"),
        What(error_category="timeout", review_reason="style"),
    ],
)
def test_what_cannot_be_seen_cannot_be_answered(
    automation: Automation, editor: User, what: What
) -> None:
    with pytest.raises(ValidationError, match="No failure looks like this"):
        services.write_failure_mode(automation, "Wait.", by=editor, title="Slow", what=what)


@pytest.mark.django_db(transaction=True)
def test_two_responses_to_the_same_at_once_leave_one() -> None:
    automation, person = make_live().automation, make_person("editor")

    def write(_: int) -> str:
        try:
            services.write_failure_mode(automation, "Wait.", by=person, what=TIMEOUT)
        except WrongState:
            return "refused"
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(write, range(2))) == ["done", "refused"]
    assert FailureMode.objects.count() == 1


def test_what_was_removed_cannot_be_changed(automation: Automation, editor: User) -> None:
    mode = make_failure_mode(automation)
    FailureMode.objects.all().delete()
    with pytest.raises(WrongState, match="removed already"):
        services.change_failure_mode(mode, "Wait.", by=editor)
    with pytest.raises(WrongState, match="removed already"):
        services.remove_failure_mode(mode, by=editor)


def test_what_another_automation_saw_is_not_shown(automation: Automation) -> None:
    other = make_automation("other")
    make_run(automation.live_version, status="failed", error_category="timeout")
    assert failure_modes.seen_of(other, []) == []

"""Scoring, deciding, describing an idea, the rules: as verbs, and who may."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Automation, Run, Version
from lifecycle import elput, services
from lifecycle.models import Checklist, Decision, Scorecard, Team
from lifecycle.services import Details
from tests.lifecycle.makers import PUBLISHED, make_decision, make_scorecard
from tests.lifecycle.scoring import EDGES, Edge, use
from tests.makers import make_automation

pytestmark = pytest.mark.django_db

FACING = {"customer_facing": {"answer": "yes"}}


@pytest.fixture
def automation() -> Automation:
    return make_automation()


def score(automation: Automation, by: Any, **details: Any) -> Scorecard:
    values = {**PUBLISHED, **details.pop("values", {})}
    return services.record_scorecard(automation, values, by=by, details=Details(**details))


# --- scoring -------------------------------------------------------------------------------


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.exact)
def test_every_published_edge_is_scored(automation: Automation, editor: Any, edge: Edge) -> None:
    use(weights=edge.weights)
    row = services.record_scorecard(automation, edge.values, by=editor)
    row.refresh_from_db()
    assert (str(row.elput_score), row.verdict) == (edge.score, edge.verdict)


def test_the_formula_and_weights_of_the_moment_stay_with_the_row(
    automation: Automation, editor: Any
) -> None:
    first = score(automation, editor)
    use(formula="adjusted", weights=elput.FRAGILE)
    second = score(automation, editor, note="By our own rules.")
    first.refresh_from_db()
    assert (first.elput_score, first.formula, first.weights) == (
        Decimal("6.0"), "published", elput.EQUAL,
    )  # fmt: skip
    assert (second.elput_score, second.formula, second.weights) == (
        Decimal("8.2"), "adjusted", elput.FRAGILE,
    )  # fmt: skip


def test_answers_reasons_and_note_are_kept_and_the_trail_knows(
    automation: Automation, editor: Any
) -> None:
    row = score(
        automation, editor, answers={"all_pieces": {"answer": "no", "note": " A key is missing. "}},
        reasons={"risk": " Easy to spot. ", "scalability": "  "}, note=" Before\x00lunch ",
    )  # fmt: skip
    row.refresh_from_db()
    assert row.answers["all_pieces"] == {"answer": "no", "note": "A key is missing."}
    assert row.answers["ship_this_week"] == {"answer": "unknown", "note": ""}
    assert len(row.answers) == 15
    assert (row.reasons, row.note) == ({"risk": "Easy to spot."}, "Before\ufffdlunch")
    assert (row.created_by, row.date) == (editor, timezone.localdate())
    event = AuditEvent.objects.get(action="record scorecard")
    assert (event.by, event.after["elput_score"], event.after["risk"]) == (editor, "6.0", 2)


def test_a_scorecard_asks_for_another_look_at_the_boxes(
    automation: Automation, editor: Any
) -> None:
    later = timezone.now() + timedelta(hours=5)
    Checklist.objects.create(automation=automation, due_at=later)
    score(automation, editor)
    assert Checklist.objects.get().due_at < later


@pytest.mark.parametrize("value", [0, 11, 5.5, "7", None, True])
def test_a_value_outside_one_to_ten_is_refused_by_name(
    automation: Automation, editor: Any, value: Any
) -> None:
    with pytest.raises(ValidationError) as caught:
        score(automation, editor, values={"risk": value})
    assert set(caught.value.message_dict) == {"risk"}
    assert not Scorecard.objects.exists()


@pytest.mark.parametrize(
    ("day", "words"),
    [(timezone.localdate() + timedelta(days=2), "future"), (date(1999, 12, 31), "from 2000")],
)
def test_a_date_in_the_future_or_long_ago_is_refused(
    automation: Automation, editor: Any, day: date, words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        score(automation, editor, date=day)


def test_a_move_by_two_needs_a_reason_of_its_own(automation: Automation, editor: Any) -> None:
    score(automation, editor, reasons={"risk": "Easy to spot."})
    score(automation, editor, values={"risk": 3}, reasons={"risk": "Easy to spot."})
    for reasons in ({}, {"risk": "  "}, {"risk": "Easy to spot."}):
        with pytest.raises(ValidationError, match="went from 3 to 5"):
            score(automation, editor, values={"risk": 5}, reasons=reasons)
    row = score(automation, editor, values={"risk": 5}, reasons={"risk": "It posts by itself."})
    assert row.risk == 5


def test_unknown_answers_are_refused(automation: Automation, editor: Any) -> None:
    with pytest.raises(ValidationError, match="yes, no or unknown"):
        score(automation, editor, answers={"all_pieces": {"answer": "maybe"}})


def test_the_same_scorecard_sent_twice_is_kept_once(automation: Automation, editor: Any) -> None:
    first, again = score(automation, editor), score(automation, editor)
    assert first == again
    other = score(automation, editor, note="Another thought.")
    assert Scorecard.objects.count() == 2
    assert other != first


def test_a_scorecard_of_an_earlier_day_does_not_become_the_newest(
    automation: Automation, editor: Any
) -> None:
    newest = score(automation, editor)
    score(automation, editor, date=date(2026, 1, 5), answers=FACING)
    assert Scorecard.objects.newest_first().first() == newest
    automation.refresh_from_db()
    assert not automation.approval_required


@pytest.mark.parametrize("person", ["viewer", "operator", "approver", "admin", "stranger"])
def test_only_editors_score_and_decide(
    automation: Automation, request: pytest.FixtureRequest, person: str
) -> None:
    by = request.getfixturevalue(person)
    with pytest.raises(NotAllowed, match="add_scorecard"):
        score(automation, by)
    with pytest.raises(NotAllowed, match="add_decision"):
        services.decide(make_scorecard(automation), "prototype", by=by)


def test_a_retired_automation_is_neither_scored_nor_decided_on(editor: Any) -> None:
    retired = make_automation(stage="retired")
    with pytest.raises(WrongState, match="is retired"):
        score(retired, editor)
    with pytest.raises(WrongState, match="is retired"):
        services.decide(make_scorecard(retired), "prototype", by=editor)


def test_history_cannot_be_edited_in_the_admin() -> None:
    from django.contrib import admin

    assert not {Scorecard, Decision} & set(admin.site._registry)


# --- customers ------------------------------------------------------------------------------


def test_output_that_customers_newly_see_is_approved_from_now_on(
    automation: Automation, editor: Any
) -> None:
    score(automation, editor, answers=FACING)
    assert automation.approval_required
    automation.refresh_from_db()
    assert automation.approval_required
    event = AuditEvent.objects.get(action="require approval")
    assert (event.before, event.after) == (
        {"approval_required": False}, {"approval_required": True},
    )  # fmt: skip


def test_approval_that_was_switched_off_on_purpose_stays_off(
    automation: Automation, editor: Any
) -> None:
    score(automation, editor, answers=FACING)
    Automation.objects.update(approval_required=False)
    score(automation, editor, answers=FACING, note="Nothing new.")
    automation.refresh_from_db()
    assert not automation.approval_required
    assert AuditEvent.objects.filter(action="require approval").count() == 1


@pytest.mark.parametrize("answer", ["no", "unknown"])
def test_other_answers_leave_approval_alone(
    automation: Automation, editor: Any, answer: str
) -> None:
    score(automation, editor, answers={"customer_facing": {"answer": answer}})
    automation.refresh_from_db()
    assert not automation.approval_required


# --- deciding -------------------------------------------------------------------------------

BANDS = {"build": "8.0", "prototype": "6.0", "skip": "5.9"}
FITTING = {"build": {"build"}, "prototype": {"prototype"}, "skip": {"skip", "simplify"}}


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("verdict", Decision.Verdict.values)
def test_what_does_not_fit_the_band_needs_a_reason(
    automation: Automation, editor: Any, band: str, verdict: str
) -> None:
    row = make_scorecard(automation, elput_score=Decimal(BANDS[band]))
    fits = verdict in FITTING[band]
    if not fits:
        with pytest.raises(ValidationError, match="write why you overrule it"):
            services.decide(row, verdict, by=editor, reason="  ")
    made = services.decide(row, verdict, by=editor, reason="" if fits else "A client pays.")
    assert (made.verdict, made.band, made.overrules) == (verdict, band, not fits)
    event = AuditEvent.objects.get(action="decide on scorecard")
    assert event.after["verdict"] == verdict


def test_only_the_newest_scorecard_is_decided_on(automation: Automation, editor: Any) -> None:
    old = make_scorecard(automation, date=date(2026, 1, 5))
    make_scorecard(automation, date=date(2026, 2, 5))
    with pytest.raises(WrongState, match="newer scorecard"):
        services.decide(old, "prototype", by=editor)


def test_nobody_decides_over_a_decision_they_have_not_seen(
    automation: Automation, editor: Any
) -> None:
    row = make_scorecard(automation)
    first = services.decide(row, "prototype", by=editor, seen=0)
    with pytest.raises(WrongState, match="editor decided meanwhile: prototype"):
        services.decide(row, "build", by=editor, reason="Sure.", seen=0)
    with pytest.raises(WrongState, match="decided so already"):
        services.decide(row, "prototype", by=editor, seen=first.pk)
    services.decide(row, "skip", by=editor, reason="No time.", seen=first.pk)
    assert [d.verdict for d in row.decisions.all()] == ["skip", "prototype"]


def test_a_decision_that_names_nobody_may_be_made_again(
    automation: Automation, editor: Any
) -> None:
    row = make_scorecard(automation)
    gone = make_decision(row)
    made = services.decide(row, "prototype", by=editor, seen=gone.pk)
    assert row.decisions.first() == made


@pytest.mark.parametrize("verdict", ["", "kill", "BUILD", "x" * 500, "\x00"])
def test_a_verdict_that_nobody_knows_is_refused(
    automation: Automation, editor: Any, verdict: str
) -> None:
    with pytest.raises(ValidationError, match="Choose to build"):
        services.decide(make_scorecard(automation), verdict, by=editor)


def test_a_reason_as_long_as_a_book_is_refused(automation: Automation, editor: Any) -> None:
    row = make_scorecard(automation)
    with pytest.raises(ValidationError, match="2,000 characters at most"):
        services.decide(row, "build", by=editor, reason="x" * 2001)
    assert services.decide(row, "build", by=editor, reason="x" * 2000).overrules


def test_simplifying_links_the_next_scorecard_to_this_one(
    automation: Automation, editor: Any
) -> None:
    before = make_scorecard(automation, elput_score=Decimal("5.0"))
    made = score(automation, editor, simplified_from=before)
    assert made.simplified_from == before
    foreign = make_scorecard(make_automation("other"))
    with pytest.raises(ValidationError, match="another automation"):
        score(automation, editor, simplified_from=foreign, note="x")


def test_the_database_wants_a_reason_for_an_overrule(automation: Automation) -> None:
    from django.db import IntegrityError

    with pytest.raises(IntegrityError, match="decision_overruled_with_reason"):
        make_decision(make_scorecard(automation), overrules=True, reason="")


# --- ideas ----------------------------------------------------------------------------------


def test_an_idea_begins_with_a_draft_and_nothing_else(editor: Any) -> None:
    made = services.describe_idea(
        Automation(name="Reader", slug="reader", owner=editor, stage="production"), by=editor
    )
    assert (made.stage, made.approval_required) == ("idea", True)
    assert Version.objects.get(automation=made).published_at is None
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("slug", "words"),
    [("new", "an address of ours"), ("", "blank"), ("Über", "Use a-z"), ("x", "Use a-z"),
     ("writer", "already exists"), ("a" * 81, "Use a-z")],
)  # fmt: skip
def test_a_short_name_that_cannot_be_is_answered(
    automation: Automation, editor: Any, slug: str, words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        services.describe_idea(Automation(name="Reader", slug=slug), by=editor)


def test_the_deputy_is_somebody_else(editor: Any) -> None:
    idea = Automation(name="Reader", slug="reader", owner=editor, deputy=editor)
    with pytest.raises(ValidationError, match="somebody else"):
        services.describe_idea(idea, by=editor)


@pytest.mark.parametrize("person", ["viewer", "operator", "approver", "admin", "stranger"])
def test_only_editors_describe_ideas(request: pytest.FixtureRequest, person: str) -> None:
    with pytest.raises(NotAllowed, match="add_automation"):
        services.describe_idea(
            Automation(name="Reader", slug="reader"), by=request.getfixturevalue(person)
        )


# --- the team's rules -----------------------------------------------------------------------


def test_changed_rules_are_kept_and_every_box_is_looked_at_again(
    automation: Automation, admin: Any
) -> None:
    later = timezone.now() + timedelta(hours=5)
    Checklist.objects.create(automation=automation, due_at=later)
    team = Team.current()
    team.weights, team.hour_rate_usd = dict(elput.FRAGILE), Decimal("240.00")
    services.change_team(team, by=admin)
    assert Team.current().weights == elput.FRAGILE
    assert Checklist.objects.get().due_at < later
    event = AuditEvent.objects.get(action="change team rules")
    assert event.before["weights"] == elput.EQUAL
    assert (event.before["hour_rate_usd"], event.after["hour_rate_usd"]) == (None, "240.00")


@pytest.mark.parametrize(
    ("field", "value"),
    [("weights", {**elput.EQUAL, "risk": "0.21"}), ("weights", {}), ("owed_days", 0),
     ("hour_rate_usd", Decimal(-1)), ("formula", "guess"), ("quality_gate", "luck")],
)  # fmt: skip
def test_rules_that_cannot_be_are_refused(admin: Any, field: str, value: Any) -> None:
    team = Team.current()
    setattr(team, field, value)
    with pytest.raises(ValidationError) as caught:
        services.change_team(team, by=admin)
    assert set(caught.value.message_dict) == {field}


@pytest.mark.parametrize("person", ["viewer", "operator", "editor", "approver", "stranger"])
def test_only_administrators_change_the_rules(request: pytest.FixtureRequest, person: str) -> None:
    with pytest.raises(NotAllowed, match="change_team"):
        services.change_team(Team.current(), by=request.getfixturevalue(person))

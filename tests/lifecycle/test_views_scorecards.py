"""The pages of scorecards: the form, its live score, the history, the decision, the list."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation
from lifecycle import elput
from lifecycle.models import Decision, Scorecard
from tests.lifecycle.makers import PUBLISHED, make_decision, make_scorecard
from tests.lifecycle.scoring import EDGES, Edge, sent, use
from tests.makers import make_automation

pytestmark = pytest.mark.django_db


@pytest.fixture
def automation() -> Automation:
    return make_automation()


@pytest.fixture
def form_url(automation: Automation) -> str:
    return reverse("scorecard_new", args=[automation.slug])


@pytest.fixture
def as_editor(client: Client, editor: Any) -> Client:
    client.force_login(editor)
    return client


def page(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status
    text: str = answer.content.decode()
    return text.replace("&#x27;", "'")


# --- the form -------------------------------------------------------------------------------


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.exact)
def test_every_published_edge_through_the_form(
    as_editor: Client, form_url: str, edge: Edge
) -> None:
    use(weights=edge.weights)
    shown = page(as_editor.post(form_url, sent(edge.values), follow=True))
    row = Scorecard.objects.get()
    assert (str(row.elput_score), row.verdict) == (edge.score, edge.verdict)
    assert f"Scored {edge.score}: {elput.VERDICTS[row.verdict]}." in shown


def test_the_form_has_five_sliders_that_say_which_way_is_better(
    as_editor: Client, form_url: str
) -> None:
    shown = page(as_editor.get(form_url))
    assert shown.count('type="range"') == 5
    assert shown.count('min="1"') == shown.count('max="10"') == 5
    assert shown.count("Lower is better: 1 ") == 2
    assert shown.count('aria-describedby="id_risk_helptext"') == 1
    for factor in elput.FACTORS:
        assert all(question.text in shown for question in factor.questions)


def test_the_form_works_without_a_script(as_editor: Client, form_url: str) -> None:
    shown = page(as_editor.post(form_url, sent(work_out="yes")))
    assert not Scorecard.objects.exists()
    assert "Prototype this week" in shown
    assert "The two formulas disagree." in shown
    assert '<button class="btn" name="work_out" value="yes">' in page(as_editor.get(form_url))


def test_the_form_starts_from_the_newest_scorecard_or_the_one_named(
    as_editor: Client, automation: Automation, form_url: str
) -> None:
    old = make_scorecard(
        automation, date=date(2026, 1, 5), revenue_impact=4, reasons={"risk": "It was new."},
        answers={"all_pieces": {"answer": "yes", "note": "All here."}},
    )  # fmt: skip
    make_scorecard(automation, date=date(2026, 2, 5), revenue_impact=8)
    form = as_editor.get(form_url).context["form"]
    assert form["revenue_impact"].value() == 8
    form = as_editor.get(form_url, {"from": old.pk}).context["form"]
    assert form["revenue_impact"].value() == 4
    assert form["reason_risk"].value() == "It was new."
    assert (form["q_all_pieces"].value(), form["n_all_pieces"].value()) == ("yes", "All here.")
    foreign = make_scorecard(make_automation("other"), revenue_impact=1)
    for other in (foreign.pk, 999_999, 10**30, "9" * 5000, "x", "", "\x00"):
        form = as_editor.get(form_url, {"from": other}).context["form"]
        assert form["revenue_impact"].value() == 8


def test_a_move_by_two_is_asked_about_in_the_form(
    as_editor: Client, automation: Automation, form_url: str
) -> None:
    make_scorecard(automation, date=date(2026, 1, 5))
    shown = page(as_editor.post(form_url, sent(risk=9)))
    assert "Say why it went from 2 to 9." in shown
    assert "Nothing is saved yet" in shown
    assert Scorecard.objects.count() == 1
    as_editor.post(form_url, sent(risk=9, reason_risk="Customers read it."))
    newest = Scorecard.objects.newest_first()[0]
    assert (newest.risk, newest.reasons) == (9, {"risk": "Customers read it."})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"risk": "0"}, elput.OUT_OF_RANGE),
        ({"risk": "11"}, elput.OUT_OF_RANGE),
        ({"risk": "seven"}, elput.OUT_OF_RANGE),
        ({"risk": ""}, elput.OUT_OF_RANGE),
        ({"risk": "9" * 5000}, elput.OUT_OF_RANGE),
        ({"risk": "\x00"}, elput.OUT_OF_RANGE),
        ({"date": "2999-01-01"}, "cannot be of the future"),
        ({"date": "0001-01-01"}, "from 2000 on"),
        ({"date": "soon"}, "YYYY-MM-DD"),
        ({"date": ""}, "required"),
        ({"q_all_pieces": "perhaps"}, "Answer with yes, no or unknown."),
        ({"note": "x" * 2001}, "at most 2000"),
        ({"reason_risk": "x" * 1001}, "at most 1000"),
        ({"note": "a\x00b"}, "Null characters"),
        ({"n_all_pieces": "x" * 301}, "at most 300"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_and_nothing_is_kept(
    as_editor: Client, form_url: str, wrong: dict[str, str], words: str
) -> None:
    assert words in page(as_editor.post(form_url, sent(**wrong)))
    assert not Scorecard.objects.exists()


def test_an_empty_form_is_answered(as_editor: Client, form_url: str) -> None:
    assert elput.OUT_OF_RANGE in page(as_editor.post(form_url, {}))


def test_customers_who_see_the_output_are_told_of(
    as_editor: Client, automation: Automation, form_url: str
) -> None:
    shown = page(as_editor.post(form_url, sent(q_customer_facing="yes"), follow=True))
    assert "so a person approves each one from now on" in shown
    automation.refresh_from_db()
    assert automation.approval_required


def test_a_retired_automation_cannot_be_scored(as_editor: Client, form_url: str) -> None:
    Automation.objects.update(stage="retired")
    assert "is retired" in page(as_editor.get(form_url))
    assert "move it back to idea first" in page(as_editor.post(form_url, sent()))
    assert not Scorecard.objects.exists()


def test_text_from_people_is_shown_as_text(as_editor: Client, form_url: str) -> None:
    evil = "<script>alert(1)</script>"
    answer = as_editor.post(
        form_url, sent(note=evil, reason_risk=evil, n_all_pieces=evil), follow=True
    )
    assert evil not in page(answer)
    assert page(answer).count("&lt;script&gt;") >= 3


# --- the live score ---------------------------------------------------------------------------


def preview(client: Client, **values: Any) -> str:
    answer = client.get(reverse("scorecard_preview"), {**PUBLISHED, **values})
    return page(answer)


def test_the_preview_shows_both_scores_and_the_notice(client: Client, viewer: Any) -> None:
    client.force_login(viewer)
    shown = preview(client)
    for words in (
        "6.0", "Prototype this week", "(7 + 3 + 2 + 9 + 9) ÷ 5",
        "8.4", "Build immediately", "(7 + 8 + 9 + 9 + 9) ÷ 5", "The two formulas disagree.",
        "15 assumptions to test",
    ):  # fmt: skip
        assert words in shown
    agreed = dict.fromkeys(elput.KEYS, 5)
    assert "disagree" not in preview(client, **agreed)


def test_the_preview_follows_the_teams_rules_of_the_moment(client: Client, viewer: Any) -> None:
    client.force_login(viewer)
    use(formula="adjusted", weights=elput.FRAGILE)
    shown = preview(client)
    assert "<strong>8.2</strong>" in shown
    assert f"0.30 {elput.TIMES} 7" in shown
    assert shown.index("8.2") < shown.index("5.8")


def test_the_preview_lists_what_is_unknown(client: Client, viewer: Any) -> None:
    client.force_login(viewer)
    known = {f"q_{q.key}": "no" for factor in elput.FACTORS for q in factor.questions}
    assert "Every question is answered." in preview(client, **known)
    shown = preview(client, **{**known, "q_all_pieces": "unknown"})
    assert "1 assumption to test" in shown
    assert "Do you have all the pieces?" in shown
    assert "Customers see its output" in preview(client, q_customer_facing="yes")


@pytest.mark.parametrize("value", ["0", "11", "", "x", "9" * 5000, "1e3", "\x00"])
def test_the_preview_answers_values_that_cannot_be(client: Client, viewer: Any, value: str) -> None:
    client.force_login(viewer)
    assert "Every factor is a whole number from 1 to 10" in preview(client, risk=value)


# --- one scorecard, and deciding ------------------------------------------------------------------


def decide(client: Client, row: Scorecard, **data: Any) -> Any:
    return client.post(reverse("scorecard_decide", args=[row.pk]), data)


def test_each_verdict_offers_its_next_action(as_editor: Client, automation: Automation) -> None:
    row = make_scorecard(automation)
    shown = page(as_editor.get(row.get_absolute_url()))
    assert "Decide to prototype it" in shown
    assert shown.index("Decide to prototype it") < shown.index("Decide against the score")
    Scorecard.objects.update(elput_score=Decimal("5.0"))
    shown = page(as_editor.get(row.get_absolute_url()))
    assert shown.index("Simplify and score again") < shown.index("Skip it")
    assert shown.index("Skip it") < shown.index("Decide against the score")


def test_a_decision_leads_on(as_editor: Client, automation: Automation) -> None:
    row = make_scorecard(automation)
    answer = decide(as_editor, row, verdict="prototype", seen="0")
    assert answer.headers["Location"] == row.get_absolute_url()
    shown = page(as_editor.get(row.get_absolute_url()))
    assert reverse("prototype", args=[automation.slug]) in shown
    assert "To the prototype" in shown
    assert "Decide to prototype it" not in shown


def test_simplifying_opens_a_form_filled_from_this_one(
    as_editor: Client, automation: Automation, form_url: str
) -> None:
    row = make_scorecard(automation, elput_score=Decimal("5.0"), date=date(2026, 1, 5))
    answer = decide(as_editor, row, verdict="simplify", seen="0")
    assert answer.headers["Location"] == f"{form_url}?from={row.pk}"
    assert as_editor.get(answer.headers["Location"]).status_code == 200
    as_editor.post(form_url, sent(**{"from": row.pk}))
    made = Scorecard.objects.newest_first()[0]
    assert made.simplified_from == row
    assert "Simplified from the" in page(as_editor.get(made.get_absolute_url()))
    assert "Simplified to:" in page(as_editor.get(row.get_absolute_url()))


def test_a_skipped_idea_can_be_retired_next(as_editor: Client, automation: Automation) -> None:
    row = make_scorecard(automation, elput_score=Decimal("5.0"))
    decide(as_editor, row, verdict="skip", seen="0")
    shown = page(as_editor.get(row.get_absolute_url()))
    assert "Retire it" in shown
    assert reverse("promotions", args=[automation.slug]) in shown


def test_an_overrule_is_kept_and_shown_everywhere(
    as_editor: Client, automation: Automation
) -> None:
    row = make_scorecard(automation)
    refused = as_editor.post(
        reverse("scorecard_decide", args=[row.pk]), {"verdict": "build"}, follow=True
    )
    assert "write why you overrule it" in page(refused)
    decide(as_editor, row, verdict="build", reason="A client pays for it.", seen="0")
    history = reverse("automation_scorecards", args=[automation.slug])
    for address in (row.get_absolute_url(), history):
        shown = page(as_editor.get(address))
        assert "A client pays for it." in shown
        assert "Against the score" in shown
    assert "against the score" in page(as_editor.get(reverse("scorecards")))


def test_two_tabs_do_not_decide_over_each_other(as_editor: Client, automation: Automation) -> None:
    row = make_scorecard(automation)
    decide(as_editor, row, verdict="prototype", seen="0")
    second = as_editor.post(
        reverse("scorecard_decide", args=[row.pk]),
        {"verdict": "build", "reason": "Sure.", "seen": "0"}, follow=True,
    )  # fmt: skip
    assert "decided meanwhile" in page(second)
    assert Decision.objects.count() == 1


@pytest.mark.parametrize("verdict", ["", "kill", "\x00", "x" * 9000])
def test_a_decision_that_cannot_be_is_answered(
    as_editor: Client, automation: Automation, verdict: str
) -> None:
    row = make_scorecard(automation)
    answer = as_editor.post(
        reverse("scorecard_decide", args=[row.pk]), {"verdict": verdict, "seen": "9" * 5000},
        follow=True,
    )  # fmt: skip
    assert "Choose to build, prototype, simplify or skip." in page(answer)


def test_old_scorecards_are_history(as_editor: Client, automation: Automation) -> None:
    old = make_scorecard(automation, date=date(2026, 1, 5))
    make_scorecard(automation, date=date(2026, 2, 5))
    shown = page(as_editor.get(old.get_absolute_url()))
    assert "This is history." in shown
    assert 'name="verdict"' not in shown
    answer = as_editor.post(
        reverse("scorecard_decide", args=[old.pk]), {"verdict": "prototype"}, follow=True
    )
    assert "There is a newer scorecard" in page(answer)


def test_a_viewer_reads_and_is_offered_nothing(
    client: Client, viewer: Any, automation: Automation
) -> None:
    client.force_login(viewer)
    row = make_scorecard(automation)
    pages = (row.get_absolute_url(), reverse("automation_scorecards", args=[automation.slug]))
    for address in (*pages, reverse("scorecards")):
        shown = page(client.get(address))
        assert 'name="verdict"' not in shown
        assert reverse("scorecard_new", args=[automation.slug]) not in shown
    assert decide(client, row, verdict="prototype").status_code == 403
    assert client.get(reverse("scorecard_new", args=[automation.slug])).status_code == 403


# --- history and list ---------------------------------------------------------------------------


def test_the_history_draws_the_lines_and_marks_where_the_rules_changed(
    as_editor: Client, automation: Automation
) -> None:
    make_scorecard(automation, date=date(2026, 1, 5), revenue_impact=6, elput_score="5.8")
    make_scorecard(automation, date=date(2026, 2, 5))
    make_scorecard(
        automation, date=date(2026, 3, 5), formula="adjusted", weights=elput.FRAGILE,
        elput_score="8.2", actual_profit_usd=2400,
    )  # fmt: skip
    shown = page(as_editor.get(reverse("automation_scorecards", args=[automation.slug])))
    assert "3 scorecards from 5 Jan 2026 to 5 Mar 2026: the score went from 5.8 to 8.2" in shown
    assert "adjusted formula, new weights</text>" in shown
    assert "From here: direction-adjusted decides, weights 0.30 / 0.20 / 0.20" in shown
    assert "7.5 build</text>" in shown
    assert "6.0 prototype</text>" in shown
    assert "$2,400.00" in shown
    assert shown.count("lc-moment") == 2, "once in each size"


def test_one_scorecard_has_no_line_yet(as_editor: Client, automation: Automation) -> None:
    make_scorecard(automation)
    address = reverse("automation_scorecards", args=[automation.slug])
    assert as_editor.get(address).context["history"].chart is None


def test_an_unscored_automation_says_what_to_do(as_editor: Client, automation: Automation) -> None:
    address = reverse("automation_scorecards", args=[automation.slug])
    shown = page(as_editor.get(address))
    assert "Not scored yet" in shown
    assert reverse("scorecard_new", args=[automation.slug]) in shown


def test_the_list_shows_the_newest_of_each_and_what_was_never_scored(
    as_editor: Client, automation: Automation
) -> None:
    make_scorecard(automation, date=date(2026, 2, 5), elput_score="6.1")
    make_scorecard(automation, date=date(2026, 1, 5), elput_score="3.3")
    make_automation("sorter", name="Sorter")
    make_automation("gone", name="Gone", stage="retired")
    answer = as_editor.get(reverse("scorecards"))
    assert [str(card.row.elput_score) for card in answer.context["cards"]] == ["6.1"]
    shown = page(answer)
    assert reverse("scorecard_new", args=["sorter"]) in shown
    assert "Gone" not in shown
    assert reverse("idea_new") in shown


def test_the_list_is_paged(as_editor: Client) -> None:
    rows = [make_scorecard(make_automation(f"a{number:02}")) for number in range(27)]
    first = as_editor.get(reverse("scorecards"))
    assert len(first.context["cards"]) == 25
    second = as_editor.get(reverse("scorecards") + first.context["page"].older)
    assert [card.row for card in second.context["cards"]] == [rows[1], rows[0]]
    for key in ("x", "-1", "9" * 5000):
        assert as_editor.get(reverse("scorecards"), {"before": key}).status_code == 200
    beyond = page(as_editor.get(reverse("scorecards"), {"before": "1"}))
    assert "To the newest" in beyond or "Nothing further" in beyond


def test_an_empty_list_says_where_to_begin(as_editor: Client) -> None:
    assert "No scorecard yet" in page(as_editor.get(reverse("scorecards")))


def queries(client: Client, address: str, counted: Any) -> int:
    client.get(address)
    with counted as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_more_rows_ask_no_more_of_the_database(
    as_editor: Client, automation: Automation, django_assert_max_num_queries: Any
) -> None:
    def grow(count: int) -> None:
        for number in range(count):
            row = make_scorecard(automation, date=timezone.localdate() - timedelta(days=number))
            other = make_scorecard(make_automation(f"b{Automation.objects.count()}"))
            for one in (row, other):
                make_decision(one, decided_by_id=as_editor.session["_auth_user_id"])

    newest = make_scorecard(automation)
    make_decision(newest)
    addresses = [
        reverse("scorecards"), reverse("automation_scorecards", args=[automation.slug]),
        newest.get_absolute_url(),
    ]  # fmt: skip
    grow(2)
    few = [queries(as_editor, at, django_assert_max_num_queries(40)) for at in addresses]
    grow(8)
    many = [queries(as_editor, at, django_assert_max_num_queries(40)) for at in addresses]
    assert many == few

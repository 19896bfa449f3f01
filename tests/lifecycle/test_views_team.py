"""The pages of a new idea and of the team's rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from automations.models import Automation
from lifecycle import elput
from lifecycle.forms.scorecards import suggest_slug
from lifecycle.models import Team
from lifecycle.services.team import change_team, print_of
from tests.lifecycle.scoring import use
from tests.makers import make_automation
from tests.people import make_person

pytestmark = pytest.mark.django_db


def page(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status
    text: str = answer.content.decode()
    return text.replace("&#x27;", "'")


# --- ideas ----------------------------------------------------------------------------------


@pytest.fixture
def plain_editor(client: Client, editor: User) -> Client:
    """An editor who has no access to the admin."""
    User.objects.filter(pk=editor.pk).update(is_staff=False)
    client.force_login(editor)
    return client


def test_an_idea_goes_on_to_its_scorecard(plain_editor: Client, editor: User) -> None:
    form = plain_editor.get(reverse("idea_new")).context["form"]
    assert form["owner"].value() == editor.pk
    data = {"name": "Invoice reader", "summary": "Reads invoices.", "owner": editor.pk}
    answer = plain_editor.post(reverse("idea_new"), {**data, "slug": "", "deputy": ""})
    assert answer.headers["Location"] == reverse("scorecard_new", args=["invoice_reader"])
    made = Automation.objects.get()
    assert (made.stage, made.owner, made.summary) == ("idea", editor, "Reads invoices.")
    assert plain_editor.get(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Invoice reader (EU)", "invoice_reader_eu"),
        ("Überweisung prüfen", "uberweisung_prufen"),
        ("New", "new_2"),
        ("3 day digest", "idea_3_day_digest"),
        ("会議メモ", "idea"),
        ("", "idea"),
        ("X", "idea_x"),
        ("--- ' OR 1=1", "or_1_1"),
        ("word " * 60, ("word_" * 15)[:-1]),
    ],
)
def test_a_short_name_is_made_from_any_name(name: str, slug: str) -> None:
    assert suggest_slug(name) == slug


def test_a_taken_short_name_gets_a_number() -> None:
    for slug in ("reader", "reader_2", "reader_of_things"):
        make_automation(slug)
    assert suggest_slug("Reader") == "reader_3"


def test_every_suggestion_is_accepted(plain_editor: Client) -> None:
    for number, name in enumerate(("会議", "New", "X", "word " * 24, "New")):
        data = {"name": name, "slug": "", "summary": f"Idea {number}"}
        answer = plain_editor.post(reverse("idea_new"), data)
        assert answer.status_code == 302, name
    assert Automation.objects.count() == 5


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": ""}, "required"),
        ({"slug": "writer"}, "already exists"),
        ({"slug": "new"}, "an address of ours"),
        ({"slug": "Not Good"}, "Use a-z"),
        ({"owner": "999999"}, "Select a valid choice"),
        ({"deputy": "x"}, "Select a valid choice"),
        ({"name": "a\x00b"}, "Null characters"),
        ({"name": "n" * 121}, "at most 120"),
        ({"summary": "n" * 301}, "at most 300"),
    ],
    ids=str,
)
def test_an_idea_that_cannot_be_is_answered(
    plain_editor: Client, given: dict[str, str], words: str
) -> None:
    make_automation("writer")
    data = {"name": "Reader", "slug": "reader", **given}
    assert words in page(plain_editor.post(reverse("idea_new"), data))
    assert Automation.objects.count() == 1


def test_an_idea_sent_twice_is_kept_once(plain_editor: Client) -> None:
    data = {"name": "Reader", "summary": "Reads.", "slug": ""}
    first, again = (plain_editor.post(reverse("idea_new"), data) for _ in range(2))
    assert first.headers["Location"] == again.headers["Location"]
    assert Automation.objects.count() == 1
    plain_editor.post(reverse("idea_new"), {**data, "slug": "another"})
    assert Automation.objects.count() == 2


def test_owner_and_deputy_are_two_people(plain_editor: Client, editor: User) -> None:
    data = {"name": "Reader", "owner": editor.pk, "deputy": editor.pk}
    assert "somebody else" in page(plain_editor.post(reverse("idea_new"), data))


def test_the_short_name_is_suggested_while_typing(plain_editor: Client) -> None:
    make_automation("writer")

    def hint(**given: str) -> str:
        headers: Any = {"HX-Request": "true"}
        return page(plain_editor.get(reverse("idea_new"), given, headers=headers))

    assert "/automations/invoice_reader/" in hint(name="Invoice reader")
    assert "is taken" in hint(name="Anything", slug="writer")
    assert "/automations/own/" in hint(name="Anything", slug="own")
    assert hint().strip() == ""
    assert "&lt;b&gt;" in hint(slug="<b>")


# --- the team's rules -----------------------------------------------------------------------


def rules(**changed: Any) -> dict[str, Any]:
    """Return the form as a browser sends it, unchanged but for what is named."""
    weights = {f"weight_{key}": "0.20" for key in elput.KEYS}
    return {
        "formula": "published", "preset": "equal", "quality_gate": "point", "hour_rate_usd": "",
        "review_rate_usd": "0", "owed_days": "14", "seen": print_of(Team.current()),
        **weights, **changed,
    }  # fmt: skip


@pytest.fixture
def as_admin(client: Client, admin: Any) -> Client:
    client.force_login(admin)
    return client


def test_an_administrator_changes_the_rules(as_admin: Client) -> None:
    given = rules(formula="adjusted", preset="fragile", second_person="on", hour_rate_usd="240")
    assert as_admin.post(reverse("team_settings"), given).status_code == 302
    team = Team.current()
    assert (team.formula, team.weights) == ("adjusted", elput.FRAGILE)
    assert (team.second_person, team.hour_rate_usd) == (True, Decimal(240))
    form = as_admin.get(reverse("team_settings")).context["form"]
    assert form["preset"].value() == "fragile"


def test_own_weights_are_kept_as_typed(as_admin: Client) -> None:
    own = ("0.5", "0.125", "0.125", "0.2", "0.05")
    typed = {f"weight_{key}": part for key, part in zip(elput.KEYS, own, strict=True)}
    assert as_admin.post(reverse("team_settings"), rules(preset="own", **typed)).status_code == 302
    kept = Team.current().weights
    assert [kept[key] for key in elput.KEYS] == ["0.50", "0.125", "0.125", "0.20", "0.05"]
    assert as_admin.get(reverse("team_settings")).context["form"]["preset"].value() == "own"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"preset": "own", "weight_risk": "0.21"}, "sum to 1.01; make them sum to 1."),
        ({"preset": "own", "weight_risk": "0.19999"}, "no more than 4 decimal places"),
        ({"preset": "own", "weight_risk": ""}, "Write a number from 0 to 1."),
        ({"preset": "own", "weight_risk": "-1"}, "Write 0 or more."),
        ({"preset": "own", "weight_risk": "NaN"}, "Enter a number."),
        ({"preset": "own", "weight_risk": "x"}, "Enter a number."),
        ({"preset": "best"}, "Select a valid choice"),
        ({"formula": "guess"}, "Select a valid choice"),
        ({"owed_days": "0"}, "Write 1 or more."),
        ({"owed_days": "9" * 30}, "Write 365 or less."),
        ({"hour_rate_usd": "-1"}, "Write 0 or more."),
        ({"review_rate_usd": "1e400"}, "no more than"),
    ],
    ids=str,
)
def test_rules_that_cannot_be_are_answered(
    as_admin: Client, given: dict[str, str], words: str
) -> None:
    assert words in page(as_admin.post(reverse("team_settings"), rules(**given)))
    team = Team.current()
    assert (team.weights, team.formula, team.owed_days) == (elput.EQUAL, "published", 14)


def test_everybody_may_look_and_the_fields_are_disabled(client: Client, viewer: Any) -> None:
    client.force_login(viewer)
    use(weights=elput.FRAGILE)
    shown = page(client.get(reverse("team_settings")))
    assert "An administrator can change these rules." in shown
    assert "Save the rules" not in shown
    assert all(
        field.field.disabled for field in client.get(reverse("team_settings")).context["form"]
    )
    assert client.post(reverse("team_settings"), rules()).status_code == 403


def test_what_somebody_else_changed_meanwhile_is_not_undone(as_admin: Client, admin: Any) -> None:
    shown = page(as_admin.get(reverse("team_settings")))
    old = rules(hour_rate_usd="240")
    assert f'name="seen" value="{old["seen"]}"' in shown
    olga = make_person("olga")
    olga.groups.set(admin.groups.all())
    hers = Team.current()
    hers.second_person = True
    change_team(hers, by=olga)
    for _again in range(2):
        refused = page(as_admin.post(reverse("team_settings"), old))
        assert "olga changed the rules meanwhile; open this page anew" in refused
        assert f'name="seen" value="{old["seen"]}"' in refused
    assert (Team.current().second_person, Team.current().hour_rate_usd) == (True, None)
    anew = rules(hour_rate_usd="240", second_person="on")
    assert as_admin.post(reverse("team_settings"), anew).status_code == 302
    assert (Team.current().second_person, Team.current().hour_rate_usd) == (True, Decimal(240))


def test_without_word_of_what_was_seen_nothing_is_saved(as_admin: Client) -> None:
    given = {key: value for key, value in rules(owed_days="9").items() if key != "seen"}
    assert "Somebody changed the rules" in page(as_admin.post(reverse("team_settings"), given))
    assert Team.current().owed_days == 14


def test_stored_weights_that_make_no_sense_do_not_break_the_page(as_admin: Client) -> None:
    use(weights={"risk": "9"})
    assert as_admin.get(reverse("team_settings")).context["form"]["preset"].value() == "own"
    wrong = rules(preset="own", weight_risk="0.9")
    assert "make them sum to 1" in page(as_admin.post(reverse("team_settings"), wrong))
    assert as_admin.post(reverse("team_settings"), rules()).status_code == 302
    assert Team.current().weights == elput.EQUAL

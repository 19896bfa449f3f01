"""Forms that ask for the least: a first judgement, the kind of a period, links to the faults."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from automations import recipes
from automations.models import Automation
from lifecycle import elput
from lifecycle.models import Scorecard
from lifecycle.portfolio import rows_of, totals_of
from tests.lifecycle.makers import make_decision, make_scorecard
from tests.lifecycle.scoring import sent
from tests.makers import make_automation, make_run, make_version

pytestmark = pytest.mark.django_db

FIVES = dict.fromkeys(elput.KEYS, 5)
NOTHING = "Nothing was judged yet: answer a question or write a reason."


def post(client: Client, user: Any, name: str, **fields: Any) -> str:
    client.force_login(user)
    answer = client.post(reverse(name, args=["writer"]), fields, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [
        ({}, False),
        ({"reason_risk": "  "}, False),
        ({"reason_risk": "Easy to spot."}, True),
        ({"q_all_pieces": "no"}, True),
        ({"n_all_pieces": "Ask Ann."}, True),
        ({"risk": 6}, True),
    ],
)
def test_a_first_scorecard_needs_one_judgement(
    client: Client, editor: Any, given: dict[str, Any], *, is_kept: bool
) -> None:
    make_automation()
    page = post(client, editor, "scorecard_new", **sent(FIVES, **given))
    assert (NOTHING not in page) == is_kept
    assert Scorecard.objects.exists() == is_kept


def test_a_later_scorecard_may_be_as_the_one_before(client: Client, editor: Any) -> None:
    make_scorecard(make_automation(), **FIVES)
    assert NOTHING not in post(client, editor, "scorecard_new", **sent(FIVES))


def test_what_is_wrong_in_a_long_form_is_linked_at_its_top(client: Client, editor: Any) -> None:
    make_automation()
    page = post(client, editor, "scorecard_new", **sent(risk="11", date="soon"))
    assert 'href="#id_risk"' in page
    assert '<a href="#id_date">Date</a>: Write the date as YYYY-MM-DD.' in page


def test_an_empty_period_is_first_asked_for_its_kind(client: Client, editor: Any) -> None:
    make_automation()
    page = post(client, editor, "profit_new")
    assert 'href="#id_kind"' in page
    assert 'href="#id_hours_saved"' not in page
    assert 'href="#id_gross_usd"' not in page


def test_sample_data_names_nobody(client: Client, viewer: Any) -> None:
    row = make_scorecard(make_automation(), is_sample=True)
    make_decision(row, is_sample=True)
    client.force_login(viewer)
    page = client.get(row.get_absolute_url()).content.decode()
    assert "nobody known" not in page
    assert ", sample data</span>" in page
    assert "counts a high risk and a long time as good" in page
    assert reverse("team_settings") in page


def test_a_version_says_which_lengths_it_refuses(client: Client, editor: Any) -> None:
    draft = make_version()
    said = "inputs under 100 or over 50,000 characters and outputs under 50 or over 1,300"
    assert recipes.lengths_refused(draft) == f"{said} characters"
    client.force_login(editor)
    for name in ("version", "version_edit"):
        page = client.get(reverse(name, args=[draft.pk])).content.decode()
        assert f"his version refuses {said}" in page
        assert reverse("version_checks", args=[draft.pk]) in page


def test_a_month_without_any_price_has_no_known_cost() -> None:
    make_run(status="success", calls=1, cost_usd=None)
    make_run(make_version(make_automation("free")), status="success", calls=1, cost_usd=Decimal(0))
    totals = totals_of(rows_of(Automation.objects.all()))
    assert totals.cost_is_unknown
    assert not totals_of([]).cost_is_unknown

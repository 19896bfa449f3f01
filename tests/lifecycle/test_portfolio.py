"""The first page: what a row says, filters, order, pages, queries, and who sees what."""

from __future__ import annotations

import csv
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation, Run
from lifecycle import portfolio
from lifecycle.selection import part_of
from tests.lifecycle.evidence.looking import reviewed
from tests.lifecycle.makers import make_scorecard
from tests.lifecycle.portfolios import make_checklist, make_profit, make_whole
from tests.makers import make_automation, make_live, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewing(client: Client, viewer: Any) -> Client:
    client.force_login(viewer)
    return client


def listed(client: Client, query: str = "", **data: str) -> list[str]:
    """Return the short names on the page, in order."""
    answer = client.get(f"/{query}", data)
    assert answer.status_code == 200
    return [line.row.automation.slug for line in answer.context["lines"]]


def words(client: Client, address: str = "/") -> str:
    return " ".join(client.get(address).content.decode().split())


# --- a row -----------------------------------------------------------------------------------


def test_a_row_says_everything(viewing: Client, editor: Any) -> None:
    make_whole("writer", owner=editor)
    page = words(viewing)
    for part in (
        "Phase 2 of 7, Prototype: 2 of 4 boxes", "6.0</strong>", "8.4", "the two verdicts differ",
        "Last 2 runs: 1 success, 1 failed", "1 of 2", "1 of 1", "$0.50", "$100",
        "Performance measured", "stuck 20 days", "editor",
    ):  # fmt: skip
        assert part in page, part


def test_what_is_not_there_is_a_dash_or_said(viewing: Client) -> None:
    make_automation()
    page = words(viewing)
    for part in ("no runs", "no owner", "nothing recorded yet", "no runs with a price"):
        assert part in page, part
    assert "$0" not in page


def test_samples_are_marked(viewing: Client) -> None:
    make_run(make_live(), status="success", is_sample=True)
    assert "· sample" in words(viewing)


def test_sample_profit_is_marked_and_left_out_of_the_sum_beside_real_profit(
    viewing: Client,
) -> None:
    earner = make_automation("earner")
    make_profit(make_automation("shown"), 70, is_sample=True)
    assert "· sample" in words(viewing)
    totals = viewing.get("/").context["totals"]
    assert (totals.net_usd, totals.net_is_sample) == (70, True)
    assert "$70 (sample)" in words(viewing, "/compare/?a=shown&a=earner")
    make_profit(earner, 50)
    totals = viewing.get("/").context["totals"]
    assert (totals.net_usd, totals.net_of, totals.net_is_sample) == (50, 1, False)


def test_an_unknown_price_is_at_least_and_its_profit_at_most(viewing: Client) -> None:
    live = make_live()
    make_run(live, status="success", calls=1, cost_usd=1)
    make_run(live, status="success", calls=1)
    make_profit(live.automation, 50, unpriced_runs=1)
    page = words(viewing)
    assert "$1</td>" not in page
    assert "at least" in page
    assert "at most" in page


def test_weights_that_another_program_stored_break_nothing(viewing: Client) -> None:
    make_scorecard(make_automation(), weights={"risk": "2"})
    assert "6.0" in words(viewing)


def test_names_are_never_markup(viewing: Client) -> None:
    evil = "<script>alert(1)</script>"
    make_whole("writer", name=evil, summary=evil)
    for address in ("/", "/automations/", "/compare/?a=writer", f"/?q={evil}"):
        page = viewing.get(address).content.decode()
        assert evil not in page, address


# --- totals ----------------------------------------------------------------------------------


def test_totals_count_phases_stuck_profit_and_cost(viewing: Client) -> None:
    make_whole("one")
    make_whole("two")
    make_checklist(make_automation("three"), met=29)
    make_automation("old", stage="retired")
    totals = viewing.get("/").context["totals"]
    assert totals.automations == 3
    assert [tally.count for tally in totals.by_phase] == [0, 2, 0, 0, 0, 0, 0, 1]
    assert (totals.stuck, totals.net_usd, totals.net_of, totals.cost_usd) == (2, 200, 2, 1)


# --- filters ---------------------------------------------------------------------------------


def test_filters(viewing: Client, viewer: Any, editor: Any) -> None:
    make_whole("mine", owner=viewer, stage="production")
    make_checklist(make_automation("hers", owner=editor, summary="Sorts tickets"), met=0)
    make_automation("gone", stage="retired")
    cases = {
        "": ["hers", "mine"], "?stage=production": ["mine"], "?stage=retired": ["gone"],
        "?stage=every": ["gone", "hers", "mine"], "?phase=1": ["hers"], "?phase=2": ["mine"],
        "?verdict=prototype": ["mine"], "?verdict=none": ["hers"], "?owner=mine": ["mine"],
        "?owner=editor": ["hers"], "?owner=nobody": [], "?stuck=1": ["mine"],
        "?q=TICKETS": ["hers"], "?q=sorts+tickets": ["hers"], "?q=tickets+posts": [],
    }  # fmt: skip
    for query, expected in cases.items():
        assert listed(viewing, query) == expected, query


@pytest.mark.parametrize(
    "query",
    ["?stage=moon", "?phase=99", "?verdict=x", "?sort=x", "?sort=--name", "?page=0", "?page=-1",
     "?page=99999999999999", "?page=x", "?page=9", "?q=%00", "?stage=%ED%A0%80"],
)  # fmt: skip
def test_nonsense_in_the_address_is_ignored(viewing: Client, query: str) -> None:
    make_automation()
    expected = [] if query == "?q=%00" else ["writer"]
    assert listed(viewing, query) == expected


def test_the_three_kinds_of_emptiness(viewing: Client) -> None:
    assert "Load the example" in words(viewing)
    assert "No automations yet" in words(viewing, "/automations/")
    make_automation("gone", stage="retired")
    assert "All automations are retired" in words(viewing)
    assert "Nothing matches" in words(viewing, "/?q=zzz")


def test_filters_are_kept_by_the_links_that_sort_and_turn_pages(viewing: Client) -> None:
    for at in range(30):
        make_automation(f"a{at:02}")
    page = words(viewing, "/?stage=prototype&q=a")
    assert "?stage=prototype&amp;q=a&amp;page=2" in page
    assert "?stage=prototype&amp;q=a&amp;sort=-profit" in page


# --- order -----------------------------------------------------------------------------------


def test_every_order_goes_both_ways_and_the_unknown_come_last(viewing: Client) -> None:
    for slug, gross in (("low", 1), ("high", 9)):
        make_profit(make_automation(slug), gross)
    make_automation("none")
    assert listed(viewing, "?sort=profit") == ["low", "high", "none"]
    assert listed(viewing, "?sort=-profit") == ["high", "low", "none"]


@pytest.mark.parametrize(
    "key",
    ["name", "stage", "phase", "score", "health", "approval", "cost", "profit", "stuck", "owner"],
)
def test_an_order_is_stable(viewing: Client, editor: Any, key: str) -> None:
    for slug in ("bb", "aa", "cc"):
        make_whole(slug, owner=editor, name="Same" if key == "name" else slug)
    Automation.objects.update(created_at=timezone.now() - timedelta(days=3))
    rising, falling = listed(viewing, f"?sort={key}"), listed(viewing, f"?sort=-{key}")
    expected = ["bb", "aa", "cc"] if key == "name" else ["aa", "bb", "cc"]
    assert (rising, falling) == (expected, expected)


def test_the_column_in_use_says_its_direction(viewing: Client) -> None:
    make_automation()
    assert 'aria-sort="descending"' in words(viewing, "/?sort=-profit")
    assert "?sort=profit" in words(viewing, "/?sort=-profit")


# --- pages -----------------------------------------------------------------------------------


def test_pages_show_all_once(viewing: Client) -> None:
    for at in range(60):
        make_automation(f"a{at:02}")
    pages = [listed(viewing, f"?page={number}") for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [25, 25, 10]
    assert [*pages[0], *pages[1], *pages[2]] == [f"a{at:02}" for at in range(60)]
    assert "26\N{EN DASH}50 of 60" in words(viewing, "/?page=2")


@pytest.mark.parametrize(
    ("count", "number", "expected"),
    [(0, 1, (0, 0, None, None)), (25, 1, (1, 25, None, None)), (26, 1, (1, 25, None, 2)),
     (26, 2, (26, 26, 1, None)), (26, 99, (26, 26, 1, None))],
)  # fmt: skip
def test_edges_of_pages(count: int, number: int, expected: tuple[Any, ...]) -> None:
    part = part_of(list(range(count)), number)
    assert (part.first, part.last, part.before, part.after) == expected


# --- queries ---------------------------------------------------------------------------------


def cost_of(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in captured]


@pytest.mark.parametrize("address", ["/", "/automations/", "/portfolio.csv", "/?sort=-health"])
def test_queries_do_not_grow(client: Client, superuser: Any, address: str) -> None:
    client.force_login(superuser)
    for at in range(3):
        make_whole(f"a{at:02}", owner=superuser)
    cost_of(client, address)
    few = cost_of(client, address)
    for at in range(3, 60):
        make_whole(f"a{at:02}", owner=superuser)
    many = cost_of(client, address)
    assert len(many) == len(few) <= 20
    assert not [sql for sql in many if "COUNT(*)" in sql and "_runs" in sql]


# --- people ----------------------------------------------------------------------------------


def test_who_may_only_look_is_offered_nothing_to_make(viewing: Client) -> None:
    make_automation()
    assert "New automation" not in words(viewing)


def test_an_editor_is(client: Client, editor: Any) -> None:
    make_automation()
    client.force_login(editor)
    assert "New automation" in words(client)


# --- CSV -------------------------------------------------------------------------------------


def test_the_list_can_be_had_as_csv_without_formulas(viewing: Client) -> None:
    make_whole("writer", name="=cmd()")
    make_automation("other")
    answer = viewing.get(reverse("portfolio_csv"), {"q": "cmd"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    (row,) = csv.DictReader(text.splitlines())
    assert row["name"] == "'=cmd()"
    assert (row["slug"], row["boxes_satisfied"], row["successes"]) == ("writer", "5", "1")
    assert "attachment" in answer.headers["Content-Disposition"]


def test_runs_are_reachable_from_the_strip(viewing: Client) -> None:
    make_run(make_live(), status="success")
    assert f"{reverse('runs')}?automation=writer" in words(viewing)
    assert Run.objects.count() == 1


def test_sample_reviews_do_not_drown_ten_real_rejections() -> None:
    version = make_live()
    reviewed(version, 12, 12, is_sample=True)
    reviewed(version, 0, 10)
    [row] = portfolio.rows_of([version.automation])
    assert (row.approval.useful, row.approval.reviewed) == (0, 10)
    assert portfolio.row_of(version.automation).approval == row.approval

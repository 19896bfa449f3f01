"""The pages of reviews: one output beside its input, the next one after it, the list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core import signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.models import Run
from monitoring import services
from monitoring.forms import SALT, opened_now
from monitoring.models import Review
from tests.makers import make_automation, make_live, make_run
from tests.people import make_person

pytestmark = pytest.mark.django_db

OUTPUT = {"text": "We asked 40 patients why they had not come."}


def make_output(version: Any = None, **values: Any) -> Run:
    return make_run(version, **{"status": "success", "output_data": OUTPUT, **values})


@pytest.fixture
def at_work(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


def address(run: Run) -> str:
    return reverse("run_review", args=[run.pk])


def shown(client: Client, where: str) -> str:
    answer = client.get(where)
    assert answer.status_code == 200
    return str(answer.content.decode())


# --- one output ----------------------------------------------------------------------------


def test_the_page_shows_input_and_output_and_how_it_stands(at_work: Client) -> None:
    live = make_live()
    services.review_run(make_output(live), "approved", by=make_person("editor"))
    page = shown(at_work, address(make_output(live)))
    assert OUTPUT["text"] in page
    assert "The clinic called every patient" in page
    assert "1 of 1 useful = 100 %" in page


def test_a_verdict_leads_to_the_next_output_with_an_undo(at_work: Client) -> None:
    live = make_live()
    older, newer = make_output(live), make_output(live)
    answer = at_work.post(address(newer), {"verdict": "approved"})
    review = Review.objects.get()
    assert answer.headers["Location"] == f"{address(older)}?after={review.pk}"
    page = shown(at_work, answer.headers["Location"])
    assert f"{newer}: approved." in page
    assert "1 left." in page
    assert reverse("review_undo", args=[review.pk]) in page


def test_the_last_verdict_leads_to_the_list(at_work: Client) -> None:
    run = make_output()
    answer = at_work.post(address(run), {"verdict": "approved"}, follow=True)
    assert answer.redirect_chain[0][0].startswith(reverse("reviews") + "?automation=writer&after=")
    assert "Nothing of it waits for you" in answer.content.decode()


def test_undo_shows_the_output_again(at_work: Client) -> None:
    run = make_output()
    at_work.post(address(run), {"verdict": "approved"})
    where = reverse("review_undo", args=[Review.objects.get().pk])
    answer = at_work.post(where, follow=True)
    assert answer.redirect_chain == [(address(run), 302)]
    assert "Your verdict is taken back." in answer.content.decode()
    assert not Review.objects.exists()


def test_a_rejection_without_a_reason_keeps_what_was_typed(at_work: Client) -> None:
    run = make_output()
    answer = at_work.post(address(run), {"verdict": "rejected", "note": "Not true at all."})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Say why you reject it" in page
    assert "Not true at all." in page


def test_an_edit_is_kept_with_its_text(at_work: Client) -> None:
    run = make_output()
    at_work.post(address(run), {"verdict": "approved_after_edit", "edited_output": "Better."})
    assert Review.objects.get().edited_output == "Better."


def test_an_edit_without_edits_is_explained_in_its_form(at_work: Client) -> None:
    sent = {"verdict": "approved_after_edit", "edited_output": OUTPUT["text"]}
    page = at_work.post(address(make_output()), sent).content.decode()
    assert "Nothing was changed; choose “Approve” instead." in page
    assert page.count(OUTPUT["text"]) == 2


@pytest.mark.parametrize("verdict", ["", "nonsense", "\x00", "x" * 5000])
def test_nonsense_is_answered_with_a_sentence(at_work: Client, verdict: str) -> None:
    answer = at_work.post(address(make_output()), {"verdict": verdict})
    assert answer.status_code == 200
    assert "Choose one of the verdicts" in answer.content.decode()


def test_a_second_verdict_is_refused_in_words(at_work: Client) -> None:
    run = make_output()
    at_work.post(address(run), {"verdict": "approved"})
    answer = at_work.post(address(run), {"verdict": "rejected", "reason": "wrong"})
    assert "You have judged the output" in answer.content.decode()
    assert Review.objects.get().verdict == "approved"


def test_what_others_said_is_seen_after_ones_own_verdict(at_work: Client) -> None:
    run = make_output()
    services.review_run(run, "rejected", by=make_person("editor"), reason="style", note="Stiff!")
    assert "Stiff!" not in shown(at_work, address(run))
    at_work.post(address(run), {"verdict": "approved"})
    assert "Stiff!" in shown(at_work, address(run))


def test_a_model_cannot_put_markup_on_the_page(at_work: Client) -> None:
    evil = '</pre><script>alert("x")</script></textarea>'
    run = make_output(output_data={"text": evil}, input_data={"<b>": evil})
    assert "<script>alert" not in shown(at_work, address(run))


def test_an_output_of_a_megabyte_is_cut_and_not_edited(at_work: Client) -> None:
    page = shown(at_work, address(make_output(output_data={"text": "word " * 200_000})))
    assert len(page) < 300_000
    assert "The first 200,000 of 1,000,000 characters" in page
    assert "Approve after edit" not in page


@pytest.mark.parametrize("output", [{"data": [1, {"a": None}]}, ["a"], 7, "", {"text": 5}])
def test_an_output_of_any_shape_can_be_shown(at_work: Client, output: Any) -> None:
    inputs = {"count": 3, "nothing": None, "deep": {"a": [1]}, "flag": False}
    page = shown(at_work, address(make_output(output_data=output, input_data=inputs)))
    assert "Is this output useful?" in page


@pytest.mark.parametrize("values", [{"status": "failed"}, {"is_simulated": True}])
def test_what_cannot_be_judged_says_so_and_has_no_buttons(
    at_work: Client, values: dict[str, Any]
) -> None:
    page = shown(at_work, address(make_output(**values)))
    assert "There is nothing to review here" in page
    assert 'value="approved"' not in page


def test_a_viewer_reads_but_does_not_judge(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    run = make_output()
    assert "You may read reviews, not give them" in shown(client, address(run))
    assert client.post(address(run), {"verdict": "approved"}).status_code == 403


def test_somebody_elses_verdict_is_neither_shown_as_ones_own_nor_undone(at_work: Client) -> None:
    live = make_live()
    review = services.review_run(make_output(live), "approved", by=make_person("editor"))
    assert "Undo" not in shown(at_work, f"{address(make_output(live))}?after={review.pk}")
    assert at_work.post(reverse("review_undo", args=[review.pk])).status_code == 403


@pytest.mark.parametrize("after", ["x", "-1", "9" * 30, "\u0663", "%00"])
def test_an_odd_address_is_answered(at_work: Client, after: str) -> None:
    shown(at_work, f"{address(make_output())}?after={after}")
    shown(at_work, f"{reverse('reviews')}?after={after}&automation={after}")


# --- the time it took ----------------------------------------------------------------------


def seconds_after(client: Client, run: Run, opened: str, wait_s: float = 90) -> int:
    with time_machine.travel(timezone.now() + timedelta(seconds=wait_s), tick=False):
        client.post(address(run), {"verdict": "approved", "opened": opened})
    return Review.objects.get().seconds_spent


def test_the_time_from_opening_to_the_verdict_is_measured(at_work: Client, operator: User) -> None:
    run = make_output()
    assert 88 <= seconds_after(at_work, run, opened_now(run, operator)) <= 91


def test_a_page_left_open_counts_half_an_hour(at_work: Client, operator: User) -> None:
    run = make_output()
    assert seconds_after(at_work, run, opened_now(run, operator), 3_600) == 1800


@pytest.mark.parametrize(
    "forged", ["", "1:2:3", signing.dumps([1, 2, 3]), signing.dumps("x", salt=SALT), "\x00"]
)
def test_a_missing_or_forged_time_counts_nothing(at_work: Client, forged: str) -> None:
    assert seconds_after(at_work, make_output(), forged) == 0


def test_the_time_of_another_output_or_person_counts_nothing(
    at_work: Client, operator: User, editor: User
) -> None:
    live = make_live()
    run, other = make_output(live), make_output(live)
    assert seconds_after(at_work, run, opened_now(other, operator)) == 0
    Review.objects.all().delete()
    assert seconds_after(at_work, run, opened_now(run, editor)) == 0


# --- the list ------------------------------------------------------------------------------


def test_the_list_holds_what_waits_for_this_person(at_work: Client, operator: User) -> None:
    live = make_live()
    waits, done = make_output(live), make_output(live)
    failed = make_output(live, status="failed")
    services.review_run(done, "rejected", by=operator, reason="style", note="Too stiff.")
    page = shown(at_work, reverse("reviews"))
    assert f"Review run {waits.pk}" in page
    assert f"Review run {done.pk}" not in page
    assert f"Review run {failed.pk}" not in page
    assert "Too stiff." in page


def test_the_list_can_be_narrowed_to_an_automation(at_work: Client) -> None:
    mine = make_output(make_live(make_automation("mine")))
    other = make_output(make_live(make_automation("other")))
    page = shown(at_work, reverse("reviews") + "?automation=mine")
    assert f"Review run {mine.pk}" in page
    assert f"Review run {other.pk}" not in page


def test_an_empty_list_says_what_will_be_there(at_work: Client) -> None:
    assert "Nothing waits for you" in shown(at_work, reverse("reviews"))


def test_the_list_takes_as_many_queries_for_many_rows(
    at_work: Client, operator: User, django_assert_max_num_queries: Any
) -> None:
    live = make_live()
    for _ in range(12):
        services.review_run(make_output(live), "approved", by=operator)
        make_output(make_live(make_automation(f"a{Run.objects.count()}")))
    with django_assert_max_num_queries(8):
        shown(at_work, reverse("reviews"))


def test_the_page_takes_as_many_queries_for_many_verdicts(
    at_work: Client, django_assert_max_num_queries: Any
) -> None:
    run = make_output()
    for name in "abcdefgh":
        person = User.objects.create_superuser(name)
        services.review_run(run, "approved", by=person)
        make_output(run.version)
    with django_assert_max_num_queries(14):
        shown(at_work, address(run))


# --- the way there -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "linked"),
    [
        ({}, True),
        ({"status": "awaiting_approval"}, True),
        ({"status": "failed"}, False),
        ({"is_simulated": True}, False),
        ({"output_data": None}, False),
    ],
)
def test_the_page_of_a_run_leads_there(
    at_work: Client, values: dict[str, Any], *, linked: bool
) -> None:
    run = make_output(**values)
    assert (address(run) in shown(at_work, run.get_absolute_url())) is linked

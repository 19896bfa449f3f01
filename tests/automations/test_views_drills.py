"""The page of reliability drills: starting, watching, judging, looking back."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations import services
from automations.models import Attempt, Drill, Run, Worker
from tests.makers import LONG_TEXT, make_automation, make_live, make_run, make_version

pytestmark = pytest.mark.django_db
GIVEN = {"content": LONG_TEXT}


@pytest.fixture
def signed_in(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


def shown(client: Client, query: str = "") -> str:
    return client.get(reverse("drill", args=["writer"]) + query).content.decode()


def end(drill: Drill, *, passed: bool) -> Drill:
    Drill.objects.filter(pk=drill.pk).update(finished_at=timezone.now(), passed=passed)
    drill.refresh_from_db()
    return drill


def test_before_the_first_drill_the_page_says_what_it_injects(signed_in: Client) -> None:
    make_live()
    page = shown(signed_in)
    assert "429, Retry-After 2 s" in page
    assert "Failed as authentication after exactly 1 call" in page
    assert "Start the first drill" in page


def test_without_a_live_version_there_is_nothing_to_drill(signed_in: Client) -> None:
    make_automation()
    page = shown(signed_in)
    assert "Nothing to drill yet" in page
    assert "Run the drill" not in page


def test_a_viewer_sees_the_drills_but_no_button(client: Client, viewer: User) -> None:
    make_live()
    client.force_login(viewer)
    assert "Run the drill" not in shown(client)


def test_the_newest_real_input_is_drilled_with(signed_in: Client) -> None:
    live = make_live()
    make_run(live, status="success", input_data={"content": "The real one."})
    make_run(live, status="success", input_data={"content": "A sample."}, is_sample=True)
    signed_in.post(reverse("drill", args=["writer"]), {"input": "newest"})
    drilled = Run.objects.filter(origin="drill", fault="429").get()
    assert drilled.input_data == {"content": "The real one."}
    assert drilled.is_simulated


def test_another_input_can_be_typed(signed_in: Client) -> None:
    make_run(make_live(), status="success")
    form = {"input": "typed", "in_content": "Typed.", "key": "0" * 32}
    answer = signed_in.post(reverse("drill", args=["writer"]), form)
    assert answer.status_code == 302
    assert Run.objects.filter(fault="429").get().input_data == {"content": "Typed."}


def test_an_empty_form_starts_nothing(signed_in: Client) -> None:
    make_live()
    answer = signed_in.post(reverse("drill", args=["writer"]), {"input": "typed"})
    assert "Type or paste a text" in answer.content.decode()
    assert Drill.objects.count() == 0


def test_another_published_version_can_be_drilled(signed_in: Client) -> None:
    live = make_live()
    make_run(live, status="success")
    newer = make_version(live.automation)
    type(newer).objects.filter(pk=newer.pk).update(published_at=timezone.now())
    signed_in.post(reverse("drill", args=["writer"]), {"input": "newest", "version": newer.number})
    assert Drill.objects.get().version == newer


def test_a_second_drill_waits_for_the_first(signed_in: Client) -> None:
    live = make_live()
    make_run(live, status="success")
    for _ in range(2):
        answer = signed_in.post(reverse("drill", args=["writer"]), {"input": "newest"})
    assert "is under way" in answer.content.decode()
    assert Drill.objects.count() == 1


def test_the_page_asks_until_the_drill_has_ended(signed_in: Client, operator: User) -> None:
    live = make_live()
    drill = services.start_drill(live.automation, GIVEN, by=operator)
    address = reverse("drill_progress", args=[drill.pk])
    page = shown(signed_in)
    assert f'hx-get="{address}"' in page
    assert "No worker is alive" in page
    assert "Run the drill" not in page
    Worker.objects.create(name="w", started_at=timezone.now(), seen_at=timezone.now())
    going = signed_in.get(address)
    assert going.status_code == 200
    assert "0 of 9 judged" in going.content.decode()
    run = Run.objects.get(fault="401")
    Attempt.objects.create(
        run=run, number=1, provider_name="x", model="m", started_at=timezone.now(), latency_ms=3,
        http_status=401, error_category="authentication", error_code="api_key_wrong",
    )  # fmt: skip
    Run.objects.filter(pk=run.pk).update(
        status="failed", completed_at=timezone.now(), error_category="authentication",
        error_message="The key was refused.",
    )  # fmt: skip
    going = signed_in.get(address)
    assert "1 of 9 judged" in going.content.decode()
    assert "1 call: 401 api_key_wrong. Failed as authentication" in going.content.decode()
    Run.objects.queued().update(status="cancelled", completed_at=timezone.now())
    ended = signed_in.get(address)
    assert ended.status_code == 286
    assert "Not passed" in ended.content.decode()
    assert "hx-get" not in ended.content.decode()


STATES: list[tuple[bool, bool, str]] = [
    (True, False, "Passed on v1"),
    (False, False, "Not passed on v1"),
    (True, True, "v2 is live without a drill"),
]


@pytest.mark.parametrize(("passed", "newer", "words"), STATES)
def test_the_automations_page_says_where_its_drill_stands(
    signed_in: Client, operator: User, *, passed: bool, newer: bool, words: str
) -> None:
    live = make_live()
    address = live.automation.get_absolute_url()
    assert "Drill it" in signed_in.get(address).content.decode()
    end(services.start_drill(live.automation, GIVEN, by=operator), passed=passed)
    if newer:
        make_live(live.automation)
        assert "v2 is live and has not passed a drill" in shown(signed_in)
    assert words in signed_in.get(address).content.decode()


def test_earlier_drills_are_kept(signed_in: Client, operator: User) -> None:
    live = make_live()
    first = end(services.start_drill(live.automation, GIVEN, by=operator), passed=True)
    end(services.start_drill(live.automation, GIVEN, by=operator), passed=False)
    assert f"?drill={first.pk}" in shown(signed_in)
    assert f'href="?drill={first.pk}"' not in shown(signed_in, f"?drill={first.pk}")


def test_the_page_needs_as_many_queries_for_many_drills(
    signed_in: Client, operator: User, django_assert_max_num_queries: Any
) -> None:
    live = make_live()
    for _ in range(5):
        end(services.start_drill(live.automation, GIVEN, by=operator), passed=True)
    with django_assert_max_num_queries(16):
        shown(signed_in)

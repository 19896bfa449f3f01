"""The page of a run's trace: what it shows to whom, and how much it asks of the database."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from automations.models import AuditEvent, Run
from tests.automations.test_timeline import SECRET, after, attempt, line, long_run, verdict
from tests.makers import make_delivery, make_destination, make_live, make_run

pytestmark = pytest.mark.django_db

EVIL = "<script>alert('x')</script>"


def shown(client: Client, user: Any, run: Run) -> str:
    client.force_login(user)
    answer = client.get(reverse("run_trace", args=[run.pk]))
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_page_tells_the_run_with_times_durations_and_costs(client: Client, viewer: Any) -> None:
    page = shown(client, viewer, long_run())
    for part in ("Asked for a repair, call 3: answered", "10:00:05.000", "1.0 s", "$0.0010",
                 "Slow down.", "The refused answer", "Short."):  # fmt: skip
        assert part in page
    assert 'role="img" aria-label="Run ' in page
    assert "took 1 min 2 s in all: waiting" in page


def test_the_run_page_leads_to_it_and_keeps_its_summary(client: Client, viewer: Any) -> None:
    run = long_run()
    client.force_login(viewer)
    page = client.get(reverse("run", args=[run.pk])).content.decode()
    assert reverse("run_trace", args=[run.pk]) in page
    assert "Refused answer" not in page


@pytest.mark.parametrize("person", ["operator", "editor", "approver", "admin"])
def test_prompts_are_shown_to_who_may_see_them(
    client: Client, person: str, request: pytest.FixtureRequest
) -> None:
    run = make_run(make_live(system_prompt="Be brief and kind."), status="success", calls=1)
    assert "Be brief and kind." in shown(client, request.getfixturevalue(person), run)


def test_a_viewer_is_told_that_prompts_are_not_for_everybody(client: Client, viewer: Any) -> None:
    run = make_run(make_live(system_prompt="Be brief and kind."), status="success", calls=1)
    page = shown(client, viewer, run)
    assert "Be brief and kind." not in page
    assert "What the model was asked is shown to people who may see prompts." in page


def test_a_secret_in_the_input_is_not_shown_in_the_prompt(client: Client, operator: Any) -> None:
    run = make_run(input_data={"content": f"Use {SECRET} now."}, status="success", calls=1)
    assert SECRET not in shown(client, operator, run)


def test_runs_before_and_after_it_are_linked(client: Client, viewer: Any) -> None:
    first = make_run()
    run = make_run(first.version, caused_by=first, depth=1, rerun_of=first)
    later = make_run(first.version, caused_by=run, depth=2)
    page = shown(client, viewer, run)
    for other in (first, later):
        assert reverse("run_trace", args=[other.pk]) in page
    assert f"Handed to Writer as run {later.pk}" in page


def test_the_input_opens_in_the_playground(client: Client, viewer: Any, operator: Any) -> None:
    run = make_run(status="success")
    address = f"{reverse('playground', args=['writer'])}?run={run.pk}"
    assert address in shown(client, operator, run)
    assert address not in shown(client, viewer, run)


def test_a_run_that_has_not_begun_has_a_trace(client: Client, viewer: Any) -> None:
    page = shown(client, viewer, make_run())
    assert "Waits in the queue" in page
    assert "No worker is alive" in page


@pytest.mark.parametrize(
    "values",
    [
        {"dialogue": [{"answer": EVIL, "complaints": [EVIL]}], "verdicts": [verdict("output", 0)]},
        {"trace": [line("source", 1, 1, EVIL)]},
        {"verdicts": [{**verdict("output", 0), "message": EVIL, "label": EVIL}]},
        {"status": "failed", "error_message": EVIL},
    ],
)
def test_script_from_outside_is_shown_as_text(
    client: Client, viewer: Any, values: dict[str, Any]
) -> None:
    page = shown(client, viewer, make_run(**values))
    assert EVIL not in page
    assert "&lt;script&gt;" in page


def test_the_page_asks_as_much_for_a_long_run_as_for_a_short_one(
    client: Client, viewer: Any
) -> None:
    short = make_run(status="success")
    counts = []
    for run in (short, _busy(short)):
        shown(client, viewer, run)
        with CaptureQueriesContext(connection()) as asked:
            shown(client, viewer, run)
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 20


def connection() -> Any:
    from django.db import connection

    return connection


def _busy(other: Run) -> Run:
    run = long_run(version=other.version, caused_by=other)
    for number in range(4, 14):
        attempt(run, number, number, 50)
        make_run(run.version, caused_by=run)
        make_run(run.version, rerun_of=run)
        delivery = make_delivery(run, make_destination(run.automation), state="delivered",
                                 delivered_at=after(70))  # fmt: skip
        AuditEvent.objects.create(by_name="ada", action="mark delivered", object_id=delivery.pk,
                                  object_type="delivery")  # fmt: skip
    return run

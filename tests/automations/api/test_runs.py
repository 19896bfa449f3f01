"""Runs by the API: start, look, list, cancel."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ

from automations.models import AuditEvent, Automation, Run
from tests.automations.api.calling import Program, error_of
from tests.makers import LONG_TEXT, make_automation, make_live, make_run
from tests.people import make_person

pytestmark = pytest.mark.django_db
RUNS = "/automations/writer/runs"
FIELDS = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "count": {"type": "integer", "maximum": 9}},
    "required": ["title"],
}


@pytest.fixture
def program(operator: User) -> Program:
    return Program.of(operator)


def test_a_text_starts_a_run_and_rings_a_worker(program: Program, operator: User) -> None:
    make_live()
    answer = program.post(RUNS, {"input": LONG_TEXT})
    assert answer.status_code == 202
    run = Run.objects.get()
    url = f"http://testserver/api/v1/runs/{run.pk}"
    assert answer.json() == {"id": run.pk, "status": "queued", "url": url}
    assert answer.headers["Location"] == url
    assert (run.input_data, run.origin) == ({"content": LONG_TEXT}, "api")
    assert run.requested_by == operator
    assert program.get(f"/runs/{run.pk}").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_run_rings_once_it_is_committed(program: Program) -> None:
    make_live()
    program.post(RUNS, {"input": LONG_TEXT})
    assert OrmQ.objects.count() == 1


def test_an_object_is_the_input_itself(program: Program) -> None:
    make_live(make_automation(input_schema=FIELDS))
    assert program.post(RUNS, {"input": {"title": "A", "count": 3}}).status_code == 202
    assert Run.objects.get().input_data == {"title": "A", "count": 3}


def test_the_same_key_again_is_the_first_run(program: Program) -> None:
    make_live()
    asked = {"input": LONG_TEXT, "idempotency_key": "order-1"}
    first, second = program.post(RUNS, asked), program.post(RUNS, asked)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json() == second.json()
    assert Run.objects.count() == 1


def test_a_key_that_was_used_for_another_input_is_refused(program: Program) -> None:
    make_live()
    program.post(RUNS, {"input": LONG_TEXT, "idempotency_key": "order-1"})
    answer = program.post(RUNS, {"input": LONG_TEXT + "!", "idempotency_key": "order-1"})
    assert answer.status_code == 409
    assert error_of(answer)["field"] == "idempotency_key"


def test_the_key_of_a_run_whose_input_was_pruned_is_still_its_own(program: Program) -> None:
    make_live()
    asked = {"input": LONG_TEXT, "idempotency_key": "order-1"}
    program.post(RUNS, asked)
    Run.objects.update(input_data={})
    assert program.post(RUNS, asked).status_code == 200


def test_a_program_cannot_take_the_key_of_a_chain(program: Program) -> None:
    live = make_live()
    chained = make_run(live, idempotency_key="run-1-1")
    answer = program.post(RUNS, {"input": LONG_TEXT, "idempotency_key": "run-1-1"})
    assert answer.json()["id"] != chained.pk


@pytest.mark.django_db(transaction=True)
def test_a_hundred_requests_at_once_with_one_key_are_one_run(operator: User) -> None:
    make_live()
    programs = [Program.of(operator) for _ in range(4)]
    answers: list[Any] = []

    def work(program: Program, times: int) -> None:
        asked = {"input": LONG_TEXT, "idempotency_key": "order-1"}
        answers.extend(program.post(RUNS, asked) for _ in range(times))
        connection.close()

    threads = [threading.Thread(target=work, args=(programs[n % 4], 5)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Run.objects.count() == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 99 + [202]
    assert {answer.json()["id"] for answer in answers} == {Run.objects.get().pk}


WRONG_INPUTS: list[tuple[Any, str]] = [
    ({}, "input.title"),
    ({"title": 3}, "input.title"),
    ({"title": "A", "count": "3"}, "input.count"),
    ({"title": "A", "count": 10}, "input.count"),
    ({"title": "A", "other": 1}, "input.other"),
    (["A"], "input"),
    (None, "input"),
    (7, "input"),
]


@pytest.mark.parametrize(("given", "field"), WRONG_INPUTS)
def test_a_wrong_input_costs_nothing(program: Program, given: Any, field: str) -> None:
    make_live(make_automation(input_schema=FIELDS))
    answer = program.post(RUNS, {"input": given})
    assert answer.status_code == 422
    assert error_of(answer)["field"].startswith(field.rsplit(".", 1)[0])
    assert Run.objects.count() == 0


def test_unknown_members_are_refused(program: Program) -> None:
    make_live()
    answer = program.post(RUNS, {"input": LONG_TEXT, "priority": 99})
    assert (answer.status_code, error_of(answer)["field"]) == (422, "priority")


NOT_RUNNABLE: list[dict[str, Any]] = [
    {"paused_at": timezone.now()},
    {"stage": "retired"},
    {"live_version": None},
]


@pytest.mark.parametrize("state", NOT_RUNNABLE, ids=lambda state: next(iter(state)))
def test_what_cannot_run_says_why(program: Program, state: dict[str, Any]) -> None:
    make_live()
    Automation.objects.update(**state)
    answer = program.post(RUNS, {"input": LONG_TEXT})
    assert (answer.status_code, error_of(answer)["code"]) == (409, "wrong_state")


def test_an_unknown_automation_is_not_found(program: Program) -> None:
    assert program.post("/automations/nothing/runs", {"input": "x"}).status_code == 404


def test_one_run_is_told_with_its_output_and_nothing_internal(program: Program) -> None:
    run = make_run(
        make_live(), status="success", output_data={"text": "Done"}, traceback="File x",
        dialogue=[{"answer": "secret draft"}], lease_owner="host:1", cost_usd="0.001200",
    )  # fmt: skip
    told = program.get(f"/runs/{run.pk}").json()
    assert told["output_data"] == {"text": "Done"}
    assert told["input_data"] == run.input_data
    assert told["cost_usd"] == "0.001200"
    assert told["page"].endswith(f"/runs/{run.pk}/")
    words = str(told)
    for internal in ("File x", "secret draft", "host:1", "fence", "lease"):
        assert internal not in words


def test_runs_are_listed_newest_first_page_by_page(program: Program) -> None:
    live = make_live()
    made = [make_run(live).pk for _ in range(5)]
    seen: list[int] = []
    cursor = ""
    while True:
        page = program.get(f"/runs?limit=2{cursor}").json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == made[::-1]


def test_runs_are_listed_by_automation_and_status(program: Program) -> None:
    wanted = make_run(make_live(make_automation("other")), status="success")
    make_run(make_live(), status="success")
    make_run(wanted.version)
    found = program.get("/runs?automation=other&status=success").json()["items"]
    assert [item["id"] for item in found] == [wanted.pk]
    assert "input_data" not in found[0]


BAD_QUERIES = [
    "status=lost",
    "cursor=%00",
    "cursor=Ä",
    "limit=0",
    "limit=1000",
    "limit=x",
    "page=2",
]


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_a_query_that_means_nothing_is_refused(program: Program, query: str) -> None:
    answer = program.get(f"/runs?{query}")
    assert answer.status_code == 422
    assert error_of(answer)["field"] == query.split("=", maxsplit=1)[0]


@pytest.mark.parametrize("slug", ["nothing", "%00", "' OR 1=1 --"])
def test_runs_of_an_unknown_automation_are_not_found(program: Program, slug: str) -> None:
    assert program.get(f"/runs?automation={slug}").status_code == 404


def test_the_list_asks_the_database_as_often_for_one_run_as_for_many(program: Program) -> None:
    live = make_live()
    counts = []
    for _ in range(2):
        make_run(live)
        for _ in range(10):
            make_run(live)
        program.get("/runs")  # the first of a minute notes that the token was used
        with CaptureQueriesContext(
            connection,
        ) as queries:
            program.get("/runs")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 7


def test_a_run_is_cancelled_once(program: Program) -> None:
    run = make_run()
    answer = program.post(f"/runs/{run.pk}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    again = program.post(f"/runs/{run.pk}/cancel")
    assert (again.status_code, error_of(again)["code"]) == (409, "wrong_state")


@pytest.mark.parametrize("number", ["0", "999999", str(2**63 - 1)])
def test_a_run_that_is_not_there_is_not_found(program: Program, number: str) -> None:
    answer = program.get(f"/runs/{number}")
    assert answer.status_code in (404, 422)
    assert program.get(f"/runs/{2**200}").status_code == 422


def test_a_person_without_a_role_knows_of_nothing(stranger: User) -> None:
    run = make_run()
    program = Program.of(stranger)
    assert program.get(f"/runs/{run.pk}").status_code == 404
    assert program.get("/runs").status_code == 403
    assert program.post(RUNS, {"input": LONG_TEXT}).status_code == 404


def test_a_token_cannot_do_more_than_its_person(viewer: User) -> None:
    make_live()
    answer = Program.of(viewer).post(RUNS, {"input": LONG_TEXT})
    assert (answer.status_code, error_of(answer)["code"]) == (403, "not_allowed")


def test_the_trail_names_the_token_and_the_address(operator: User) -> None:
    make_live()
    program = Program.of(operator)
    program.post(RUNS, {"input": LONG_TEXT}, REMOTE_ADDR="203.0.113.9")
    event = AuditEvent.objects.get(action="start run")
    assert (event.by, event.token) == (operator, program.text[:11])
    assert event.address == "203.0.113.9"


def test_automations_are_listed_with_the_input_they_take(program: Program) -> None:
    live = make_live(make_automation(input_schema=FIELDS))
    make_automation("second")
    page = program.get("/automations?limit=1").json()
    assert [item["slug"] for item in page["items"]] == ["second"]
    [item] = program.get(f"/automations?cursor={page['next_cursor']}").json()["items"]
    assert (item["slug"], item["live_version"]) == ("writer", live.number)
    assert item["input_schema"] == FIELDS


def test_a_role_of_another_kind_reads_but_does_not_start() -> None:
    make_live()
    for role in ("editor", "approver", "admin"):
        program = Program.of(make_person(role))
        assert program.get("/runs").status_code == 200
        assert program.post(RUNS, {"input": LONG_TEXT}).status_code == 403

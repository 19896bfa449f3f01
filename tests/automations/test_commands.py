"""The commands that scripts rely on: arguments, output, exit codes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from automations import services
from automations.models import Automation, Batch, Run
from tests.automations.engine.driving import http_destination
from tests.makers import LONG_TEXT, make_automation, make_live
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)
TICKET_SCHEMA = {
    "type": "object",
    "properties": {
        "subject": {"type": "string", "title": "Subject"},
        "body": {"type": "string", "title": "Body", "format": "textarea"},
        "age": {"type": "integer"},
    },
    "required": ["subject", "body"],
}


@pytest.fixture
def writer(answering: FakeProvider) -> Automation:
    return make_live().automation


@pytest.fixture
def tickets(answering: FakeProvider) -> Automation:
    automation = make_automation("tickets", input_schema=TICKET_SCHEMA)
    return make_live(automation, user_prompt="{{ subject }}: {{ body }}", rules=[]).automation


def call(*arguments: str) -> tuple[int, str, str]:
    """Call a command as the shell does; return exit code, stdout, stderr."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except SystemExit as ended:
        code = int(str(ended.code or 0))
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    return code, out.getvalue(), err.getvalue()


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


# --- run_automation --------------------------------------------------------------------------


def test_the_output_goes_to_stdout_and_the_rest_to_stderr(
    writer: Automation, answering: FakeProvider, tmp_path: Path
) -> None:
    answering.script(answer=LONG_TEXT)
    code, out, err = call("run_automation", "writer", "--input", written(tmp_path, "a", LONG_TEXT))
    assert (code, out) == (0, LONG_TEXT + "\n")
    assert "answered by ok at 127.0.0.1" in err


def test_json_is_one_object_with_the_promised_fields(writer: Automation, tmp_path: Path) -> None:
    path = written(tmp_path, "a.md", LONG_TEXT)
    code, out, _err = call("run_automation", "writer", "--input", path, "--json")
    run = json.loads(out)
    promised = {
        "id", "status", "output_data", "error_category", "error_message", "attempts", "cost_usd",
        "execution_time_ms",
    }  # fmt: skip
    assert promised <= set(run)
    assert (code, run["status"], run["attempts"], run["error_message"]) == (0, "success", 1, None)
    assert run["id"] == Run.objects.get().pk
    assert list(run["output_data"]) == ["text"]


def test_a_failed_run_as_json_still_tells_everything(writer: Automation, tmp_path: Path) -> None:
    path = written(tmp_path, "a.md", "short")
    code, out, _err = call("run_automation", "writer", "--input", path, "--json")
    run = json.loads(out)
    assert (code, run["status"], run["error_category"]) == (1, "failed", "validation_error")
    assert "needs 100" in run["error_message"]


def test_fields_are_set_by_name_and_typed_by_the_schema(tickets: Automation) -> None:
    code, *_ = call(
        "run_automation", "tickets", "--set", "subject=a=b", "--set", "body=x", "--set", "age=7"
    )
    assert code == 0
    assert Run.objects.get().input_data == {"subject": "a=b", "body": "x", "age": 7}


def test_a_json_file_is_the_input_itself(tickets: Automation, tmp_path: Path) -> None:
    path = written(tmp_path, "ticket.json", '{"subject": "s", "body": "b"}')
    code, *_ = call("run_automation", "tickets", "--input", path)
    assert code == 0
    assert Run.objects.get().input_data == {"subject": "s", "body": "b"}


def test_an_older_version_can_be_named(writer: Automation, tmp_path: Path) -> None:
    make_live(writer)
    path = written(tmp_path, "a.md", LONG_TEXT)
    code, *_ = call("run_automation", "writer", "--input", path, "--version", "1")
    run = Run.objects.get()
    assert run.version is not None
    assert (code, run.version.number) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody"], "no automation 'nobody'; known: tickets"),
        (["tickets", "--set", "subject"], "write --set name=value"),
        (["tickets", "--set", "colour=red"], "no input field 'colour'; known: subject"),
        (["tickets", "--set", "age=old"], "value of type integer"),
        (["tickets", "--version", "9", "--set", "body=x"], "no version 9"),
        (["tickets"], "give it an input"),
    ],
)
def test_wrong_usage_exits_2_and_records_nothing(
    tickets: Automation, arguments: list[str], words: str
) -> None:
    code, out, err = call("run_automation", *arguments)
    assert (code, out, Run.objects.count()) == (2, "", 0)
    assert words in err


def test_a_broken_json_file_is_a_recorded_failure(tickets: Automation, tmp_path: Path) -> None:
    code, *_ = call("run_automation", "tickets", "--input", written(tmp_path, "t.json", "{oops"))
    run = Run.objects.get()
    assert (code, run.error_category, run.error_code) == (1, "source_error", "not_json")


def test_a_paused_automation_does_not_run(writer: Automation, tmp_path: Path) -> None:
    services.pause(writer, by=services.SYSTEM)
    path = written(tmp_path, "a.md", LONG_TEXT)
    code, _out, err = call("run_automation", "writer", "--input", path)
    assert (code, Run.objects.count()) == (2, 0)
    assert "is paused" in err


def test_an_output_that_awaits_approval_is_printed_and_not_delivered(
    answering: FakeProvider, tmp_path: Path
) -> None:
    automation = make_live(make_automation(approval_required=True)).automation
    http_destination(automation, answering, "keyed")
    path = written(tmp_path, "a.md", LONG_TEXT)
    code, out, err = call("run_automation", "writer", "--input", path)
    assert (code, Run.objects.get().status) == (0, "awaiting_approval")
    assert out.strip()
    assert "awaits approval" in err
    assert answering.seen()["deliveries"] == {}


# --- submit_batch ----------------------------------------------------------------------------


def _rows(folder: Path, kind: str) -> str:
    if kind == "csv":
        return written(folder, "t.csv", 'subject,body\na,"one, with comma"\nb,"two\nlines"\n')
    lines = [{"subject": "a", "body": "one, with comma"}, {"subject": "b", "body": "two\nlines"}]
    return written(folder, "t.jsonl", "\n".join(json.dumps(line) for line in lines) + "\n\n")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_batch_runs_every_row(tickets: Automation, tmp_path: Path, kind: str) -> None:
    path = _rows(tmp_path, kind)
    code, out, _err = call("submit_batch", "tickets", path, "--wait", "--json")
    batch = Batch.objects.get()
    assert code == 0
    assert json.loads(out.splitlines()[-1]) == {
        "batch": batch.pk, "total": 2, "success": 2, "failed": 0, "cancelled": 0,
    }  # fmt: skip
    inputs = list(batch.runs.order_by("id").values_list("input_data", flat=True))
    assert inputs == [
        {"subject": "a", "body": "one, with comma"},
        {"subject": "b", "body": "two\nlines"},
    ]


def test_a_failing_row_does_not_take_the_others_along(
    tickets: Automation, answering: FakeProvider, tmp_path: Path
) -> None:
    answering.script(behaviours=["401"])
    path = _rows(tmp_path, "csv")
    code, out, _err = call("submit_batch", "tickets", path, "--wait", "--json")
    counts: dict[str, Any] = json.loads(out.splitlines()[-1])
    assert (code, counts["failed"]) == (1, 1)


def test_without_wait_the_rows_are_queued(tickets: Automation, tmp_path: Path) -> None:
    code, out, _err = call("submit_batch", "tickets", _rows(tmp_path, "csv"))
    assert (code, Run.objects.queued().count()) == (0, 2)
    assert "2 to go" in out
    assert set(Run.objects.values_list("priority", flat=True)) == {Run.BULK}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "subject,body\na,b\nc\n", "Line 3 has more or fewer cells"),
        ("t.csv", "subject,colour\na,b\n", "unknown column 'colour'"),
        ("t.csv", "subject,body\n", "no rows"),
        ("t.jsonl", '{"subject": "a", "body": "b"}\n{oops\n', "Line 2 is not a JSON object"),
        ("t.jsonl", "[1, 2]\n", "Line 1 is not an object"),
        ("t.xlsx", "x", "neither .csv nor .jsonl"),
    ],
)
def test_a_bad_file_queues_nothing_and_names_the_line(
    tickets: Automation, tmp_path: Path, name: str, text: str, words: str
) -> None:
    code, _out, err = call("submit_batch", "tickets", written(tmp_path, name, text))
    assert (code, Run.objects.count(), Batch.objects.count()) == (2, 0, 0)
    assert words in err

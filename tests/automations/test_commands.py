"""The commands that scripts rely on: their words, their exit codes, their JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.utils import timezone

from automations import services
from automations.models import Automation, Batch, Run, Version, Worker
from tests.automations.commanding import call
from tests.automations.engine.driving import http_destination
from tests.makers import (
    LONG_TEXT,
    make_automation,
    make_destination,
    make_live,
    make_version,
)
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)
GOOD = "A post that is long enough to be a post: it has more than fifty characters."
TYPED = {
    "type": "object",
    "properties": {
        "subject": {"type": "string"},
        "body": {"type": "string"},
        "copies": {"type": "integer"},
        "urgent": {"type": "boolean"},
    },
    "required": ["subject", "body"],
}


@pytest.fixture
def writer(answering: FakeProvider) -> Version:
    answering.script(answer=GOOD)
    return make_live(make_automation("writer"), model="ok")


@pytest.fixture
def sorter(answering: FakeProvider) -> Version:
    """An automation with fields of several types and no length checks."""
    answering.script(answer=GOOD)
    automation = make_automation("sorter", input_schema=TYPED)
    return make_live(automation, model="ok", rules=[], user_prompt="{{ subject }}: {{ body }}")


# --- run_automation ------------------------------------------------------------------------


def test_the_output_is_all_that_stands_on_standard_output(writer: Version) -> None:
    said = call("run_automation", "writer", "--set", f"content={LONG_TEXT}")
    assert (said.code, said.out) == (0, f"{GOOD}\n")
    assert "answered by ok at 127.0.0.1" in said.err


def test_json_is_one_object_with_the_promised_names(writer: Version) -> None:
    said = call("run_automation", "writer", "--set", f"content={LONG_TEXT}", "--json")
    run = Run.objects.get()
    promised = {
        "id", "status", "output_data", "error_category", "error_message", "attempts", "cost_usd",
        "execution_time_ms",
    }  # fmt: skip
    assert set(said.json) >= promised
    assert len(said.out.strip().splitlines()) == 1
    assert said.json["id"] == run.pk
    assert said.json["output_data"] == {"text": GOOD}
    assert (said.json["attempts"], said.json["error_category"]) == (1, None)
    assert run.origin == "shell"


def test_a_failed_run_is_exit_code_1_and_says_why_on_standard_error(writer: Version) -> None:
    said = call("run_automation", "writer", "--set", "content=short")
    assert (said.code, said.out) == (1, "")
    assert "failed (validation_error)" in said.err
    assert "needs 100" in said.err


def test_fields_take_the_types_of_their_schema(sorter: Version, answering: FakeProvider) -> None:
    pairs = ["subject=Hi", "body=a=b=c", "copies=3", "urgent=true"]
    words = [word for pair in pairs for word in ("--set", pair)]
    assert call("run_automation", "sorter", *words).code == 0
    given = {"subject": "Hi", "body": "a=b=c", "copies": 3, "urgent": True}
    assert Run.objects.get().input_data == given


def test_a_json_file_is_the_input_and_set_wins_over_it(sorter: Version, tmp_path: Path) -> None:
    path = tmp_path / "ticket.json"
    path.write_text(json.dumps({"subject": "Old", "body": "Text"}))
    said = call("run_automation", "sorter", "--input", str(path), "--set", "subject=New")
    assert said.code == 0, said.err
    assert Run.objects.get().input_data == {"subject": "New", "body": "Text"}


def test_standard_input_is_named_by_a_dash(writer: Version) -> None:
    said = call("run_automation", "writer", "--input", "-", stdin=LONG_TEXT.encode())
    assert said.code == 0
    assert Run.objects.get().input_data == {"content": LONG_TEXT}


def test_a_version_can_be_chosen_by_its_number(writer: Version, answering: FakeProvider) -> None:
    older = writer
    newer = make_live(writer.automation, model="slow:0")
    said = call("run_automation", "writer", "--set", f"content={LONG_TEXT}", "--version", "1")
    assert (said.code, Run.objects.get().version) == (0, older)
    call("run_automation", "writer", "--set", f"content={LONG_TEXT}")
    assert Run.objects.first().version == newer  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nobody", "--set", "content=x"], "There is no automation 'nobody'; known: writer."),
        (["writer", "--set", "content=x", "--version", "9"], "Writer has no version 9."),
        (["writer", "--set", "content"], "write --set name=value"),
        (["writer", "--set", "topic=x"], "no input field 'topic'; known: content"),
        (["writer", "--input", "/nowhere/a.txt"], "There is no file /nowhere/a.txt"),
        (["writer"], "holds nothing to run on"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_starts_nothing(
    writer: Version, words: list[str], sentence: str
) -> None:
    said = call("run_automation", *words)
    assert said.code == 2
    assert sentence in said.err
    assert not Run.objects.exists()


def test_a_number_field_that_gets_words_is_wrong_usage(sorter: Version) -> None:
    said = call("run_automation", "sorter", "--set", "copies=many")
    assert said.code == 2
    assert "copies takes a value of type integer" in said.err


@pytest.mark.parametrize("why", ["draft", "no version", "paused", "retired", "halted"])
@pytest.mark.parametrize("given", [LONG_TEXT.encode(), b"\xff\xfa"], ids=["text", "no text"])
def test_what_cannot_run_now_is_exit_code_2_whatever_the_input(
    answering: FakeProvider, tmp_path: Path, why: str, given: bytes
) -> None:
    automation = make_automation("writer")
    words = ["--input", str(tmp_path / "input.txt")]
    (tmp_path / "input.txt").write_bytes(given)
    if why == "draft":
        make_live(automation)
        make_version(automation)
        words += ["--version", "2"]
    elif why != "no version":
        make_live(automation)
    if why == "paused":
        services.pause(automation, by=services.SYSTEM)
    elif why == "retired":
        Automation.objects.update(stage="retired")
    elif why == "halted":
        services.halt(by=services.SYSTEM, reason="a drill")
    said = call("run_automation", "writer", *words)
    if why == "draft" and given != LONG_TEXT.encode():
        assert said.code in {1, 2}  # the input is looked at first
        return
    assert said.code == 2, said
    assert not Run.objects.exists()


def test_a_run_that_waits_for_approval_says_so(writer: Version, answering: FakeProvider) -> None:
    Automation.objects.update(approval_required=True)
    http_destination(writer.automation, answering, "keyed")
    said = call("run_automation", "writer", "--set", f"content={LONG_TEXT}")
    assert (said.code, said.out) == (0, f"{GOOD}\n")
    assert "awaits approval" in said.err
    assert answering.seen()["deliveries"] == {}


def test_nobody_has_to_have_a_worker_for_a_command(writer: Version) -> None:
    assert not Worker.alive().exists()
    assert call("run_automation", "writer", "--set", f"content={LONG_TEXT}").code == 0


# --- submit_batch --------------------------------------------------------------------------


def a_csv(tmp_path: Path, *rows: str, header: str = "content") -> str:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([header, *(f'"{row}"' for row in rows)]) + "\n", encoding="utf-8")
    return str(path)


def test_a_batch_is_seen_through_with_a_result_per_row(writer: Version, tmp_path: Path) -> None:
    file = a_csv(tmp_path, LONG_TEXT, "too short", LONG_TEXT)
    said = call("submit_batch", "writer", file, "--wait", "--json")
    batch = Batch.objects.get()
    assert said.code == 1  # one row failed
    assert said.json == {"batch": batch.pk, "total": 3, "success": 2, "failed": 1, "cancelled": 0}
    assert batch.runs.filter(error_code="too_short").count() == 1


def test_a_batch_without_a_failure_is_exit_code_0(writer: Version, tmp_path: Path) -> None:
    said = call("submit_batch", "writer", a_csv(tmp_path, LONG_TEXT), "--wait")
    assert said.code == 0
    assert "1 runs, 1 success, 0 failed, 0 cancelled, 0 to go" in said.out


def into_a_paused_automation(writer: Version) -> None:
    after = make_live(make_automation("after")).automation
    services.pause(after, by=services.SYSTEM)
    make_destination(writer.automation, kind="automation", settings={"automation": "after"})


def test_a_batch_whose_destination_takes_nothing_for_long_is_not_waited_for(
    writer: Version, tmp_path: Path
) -> None:
    into_a_paused_automation(writer)
    said = call("submit_batch", "writer", a_csv(tmp_path, LONG_TEXT), "--wait")
    assert said.code == 0
    assert "1 runs still wait" in said.err
    assert "1 to go" in said.out
    assert Run.objects.get().status == "queued"


def test_a_run_whose_destination_takes_nothing_for_long_is_left_to_a_worker(
    writer: Version,
) -> None:
    into_a_paused_automation(writer)
    said = call("run_automation", "writer", "--set", f"content={LONG_TEXT}")
    run = Run.objects.get()
    assert (said.code, run.status, run.step) == (1, "queued", "deliver")
    assert "which a worker delivers later: After is paused" in said.err


def test_a_batch_that_is_not_waited_for_stays_queued(writer: Version, tmp_path: Path) -> None:
    said = call("submit_batch", "writer", a_csv(tmp_path, LONG_TEXT, LONG_TEXT), "--json")
    assert (said.code, said.json["total"], said.json["success"]) == (0, 2, 0)
    assert set(Run.objects.values_list("status", "origin", "priority")) == {("queued", "batch", 0)}


def test_a_batch_under_the_same_key_is_queued_once(writer: Version, tmp_path: Path) -> None:
    file = a_csv(tmp_path, LONG_TEXT, LONG_TEXT)
    first = call("submit_batch", "writer", file, "--key", "july", "--json")
    again = call("submit_batch", "writer", file, "--key", "july", "--json")
    assert first.json == again.json
    assert Run.objects.count() == 2


def test_jsonl_rows_are_objects_or_plain_texts(writer: Version, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"content": LONG_TEXT + "ü 😀"}), "", json.dumps(LONG_TEXT)]
    path.write_text("\n".join(lines), encoding="utf-8")
    said = call("submit_batch", "writer", str(path), "--wait", "--json")
    assert (said.code, said.json["success"]) == (0, 2)
    inputs = [run.input_data["content"] for run in Run.objects.order_by("pk")]
    assert inputs == [LONG_TEXT + "ü 😀", LONG_TEXT]


def test_cells_with_quotes_line_ends_and_commas_stay_whole(writer: Version, tmp_path: Path) -> None:
    cell = 'He said ""yes"", then\nleft --- $(id) {{ x }}; ' + LONG_TEXT
    call("submit_batch", "writer", a_csv(tmp_path, cell))
    assert Run.objects.get().input_data == {"content": cell.replace('""', '"')}


def test_an_input_with_a_number_that_is_none_is_recorded(writer: Version, tmp_path: Path) -> None:
    path = tmp_path / "input.json"
    path.write_text('{"content": NaN}')
    said = call("run_automation", "writer", "--input", str(path))
    run = Run.objects.get()
    assert (said.code, run.error_category, run.error_code) == (1, "source_error", "not_json")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("rows.txt", b"content\nx\n", "neither .csv nor .jsonl"),
        ("rows.csv", b"", "has no rows"),
        ("rows.csv", b"content\n", "has no rows"),
        ("rows.csv", b"content\ngood\n\xff\xfe\n", "not UTF-8 text"),
        ("rows.csv", b"content,extra\na,b\n", "unknown column 'extra'"),
        ("rows.csv", b"content\na,b\n", "Line 2 has more or fewer cells"),
        ("rows.csv", b'content\n"open\n', "is not CSV"),
        ("rows.jsonl", b'{"content": "a"}\n{"content": \n', "Line 2 is not a JSON object"),
        ("rows.jsonl", b"[1]\n", "Line 1 is not an object"),
        ("rows.jsonl", b'"a"\n{"content": NaN}\n', "Line 2 is not a JSON object"),
        ("rows.jsonl", b"[" * 70 + b"]" * 70, "Line 1: The data is nested more than 64"),
        ("rows.jsonl", b'{"topic": "a"}\n', "unknown column 'topic'"),
    ],
)
def test_a_file_with_a_bad_row_queues_nothing_and_names_the_line(
    writer: Version, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    said = call("submit_batch", "writer", str(path))
    assert said.code == 2
    assert sentence in said.err
    assert not Run.objects.exists()
    assert not Batch.objects.exists()


def test_a_batch_file_that_is_not_there_is_exit_code_2(writer: Version) -> None:
    said = call("submit_batch", "writer", "/nowhere/rows.csv")
    assert said.code == 2
    assert "There is no file" in said.err


def test_typed_fields_of_a_csv_are_read_as_their_schema_says(
    sorter: Version, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("subject,body,copies,urgent\nHi,Text,3,true\n")
    said = call("submit_batch", "sorter", str(path), "--wait", "--json")
    assert said.json["success"] == 1
    assert Run.objects.get().input_data["copies"] == 3


def test_a_batch_behind_an_open_circuit_ends_the_command(
    writer: Version, answering: FakeProvider, tmp_path: Path
) -> None:
    Version.objects.update(model="401")
    Automation.objects.update(concurrency=2)
    said = call("submit_batch", "writer", a_csv(tmp_path, *[LONG_TEXT] * 6), "--wait", "--json")
    assert said.code == 1
    assert 0 < said.json["failed"] < 6
    assert "runs still wait" in said.err


def test_a_live_worker_is_left_the_work(writer: Version, tmp_path: Path) -> None:
    now = timezone.now()
    Worker.objects.create(name="w", started_at=now, seen_at=now)
    said = call("submit_batch", "writer", a_csv(tmp_path, LONG_TEXT), "--json")
    assert (said.code, "does the work itself" in said.err) == (0, False)

"""Everything that can be wrong with an input, a source or a provider, from the shell to the row."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ValidationError

from automations import services
from automations.engine import retry
from automations.models import Automation, Delivery, Run, Version
from tests.automations.commanding import Said, call
from tests.automations.engine.driving import http_destination
from tests.makers import LONG_TEXT, make_automation, make_live, make_provider, make_version
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)

NASTY = {
    "quotes": 'He said "it\'s `fine`" and \'left\'; she said \\"no\\".',
    "shell": "$(rm -rf /) `id` ${HOME} ; | & > /dev/null !! \\n %s {0}",
    "separators": "---\n---\n***\n```\n+++\n# not a heading\n---",
    "templates": "{{ content }} {{ secret }} {% include 'x' %} {{{ }}} }} {{",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 ﷽ 𠜎 \u200b\u200d",
    "right-to-left": "مرحبا بالعالم \u202eRTL\u202c שלום עולם",
    "line ends": "one\r\ntwo\nthree\rfour\u2028five\tsix",
    "markup": "<script>alert(1)</script> &amp; <!-- --> ]]> <<<boundary boundary>>>",
    "json": '{"content": "nested", "a": [1, 2], "b": "\\u0041"}',
}


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BASE_S", 0.01)


@pytest.fixture
def writer(answering: FakeProvider) -> Version:
    """An automation with the published checks, whose output would be posted."""
    automation = make_automation("writer")
    http_destination(automation, answering, "keyed")
    return make_live(automation, model="ok")


def asking(version: Version, model: str, **values: Any) -> Version:
    Version.objects.filter(pk=version.pk).update(model=model, **values)
    return version


def run_with(text: str | bytes, tmp_path: Path, *more: str) -> Said:
    """Run the automation on a file of that text."""
    path = tmp_path / "article.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return call("run_automation", "writer", "--input", str(path), "--json", *more)


def assert_failed(said: Said, server: FakeProvider, category: str, *words: str) -> Run:
    """Assert a recorded failure told in one sentence, with nothing delivered."""
    run = Run.objects.get()
    assert (said.code, said.json["status"], run.status) == (1, "failed", "failed")
    assert (said.json["error_category"], run.error_category) == (category, category)
    assert run.completed_at is not None
    assert_one_sentence(run.error_message)
    assert said.json["error_message"] == run.error_message
    for word in words:
        assert word in (run.error_message or "")
    assert not Delivery.objects.exists()
    assert server.seen()["attempts"] == {}
    return run


def assert_one_sentence(message: str | None) -> None:
    assert message
    assert "\n" not in message
    assert "Traceback" not in message
    assert len(message) < 400
    assert not re.search(r"[.!?]\s+[A-Z]", message), message


# --- length: the published edges -----------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 characters after trimming; needs 100"),
        (" \n\t " * 50, "0 characters after trimming; needs 100"),
        ("x" * 99, "99 characters after trimming; needs 100"),
        (" " * 50 + "x" * 99, "99 characters after trimming; needs 100"),
        ("x" * 50_001, "50,001 characters; at most 50,000 allowed"),
        ("x" * 49_000 + " " * 1_001, "50,001 characters; at most 50,000 allowed"),
    ],
    ids=["empty", "blank", "99", "99 trimmed", "50,001", "50,001 with blanks"],
)
def test_a_text_of_the_wrong_length_costs_nothing(
    writer: Version, answering: FakeProvider, tmp_path: Path, text: str, words: str
) -> None:
    run = assert_failed(run_with(text, tmp_path), answering, "validation_error", words)
    assert answering.seen()["calls"] == run.calls == 0
    assert run.input_data == {"content": text}


@pytest.mark.parametrize("length", [100, 50_000])
def test_a_text_at_the_edge_is_taken(
    writer: Version, answering: FakeProvider, tmp_path: Path, length: int
) -> None:
    said = run_with("é" * length, tmp_path)
    assert (said.code, said.json["status"]) == (0, "success")
    assert len(answering.seen()["parcels"]) == 1


# --- content: it arrives byte for byte -----------------------------------------------------


def question_in(server: FakeProvider) -> str:
    """Return what stood between the boundaries of the last request."""
    content = server.seen()["requests"][-1]["json"]["messages"][-1]["content"]
    found = re.fullmatch(r"<<<(\w{10})\n(.*)\n\1>>>", content, re.DOTALL)
    assert found, content
    return found[2]


@pytest.mark.parametrize("way", ["file", "stdin", "set"])
def test_an_article_arrives_byte_for_byte(
    writer: Version, answering: FakeProvider, tmp_path: Path, way: str
) -> None:
    text = "\n".join([*NASTY.values(), LONG_TEXT, *NASTY.values()])
    if way == "file":
        said = run_with(text, tmp_path)
    elif way == "stdin":
        said = call("run_automation", "writer", "--input", "-", "--json", stdin=text.encode())
    else:
        said = call("run_automation", "writer", "--set", f"content={text}", "--json")
    assert said.json["status"] == "success", said
    assert question_in(answering).encode() == text.encode()
    assert Run.objects.get().input_data == {"content": text}


def test_nul_bytes_are_replaced_where_no_database_could_keep_them(
    writer: Version, answering: FakeProvider, tmp_path: Path
) -> None:
    said = run_with(b"before\x00after " + LONG_TEXT.encode(), tmp_path)
    assert said.json["status"] == "success"
    assert question_in(answering) == "before\ufffdafter " + LONG_TEXT


def test_a_byte_order_mark_is_no_part_of_the_text(
    writer: Version, answering: FakeProvider, tmp_path: Path
) -> None:
    assert run_with(LONG_TEXT.encode("utf-16"), tmp_path).code == 0
    assert question_in(answering) == LONG_TEXT


@pytest.mark.parametrize("odd", ["content-invisible", "nul"])
def test_an_answer_with_odd_characters_does_not_break_the_run(
    writer: Version, answering: FakeProvider, tmp_path: Path, odd: str
) -> None:
    asking(writer, odd, max_attempts=1, max_repairs=0)
    run = assert_failed(
        run_with(LONG_TEXT, tmp_path),
        answering,
        "api_error" if odd == "content-invisible" else "validation_error",
    )
    assert "\x00" not in run.answer


# --- files ---------------------------------------------------------------------------------


def test_a_file_that_is_no_text_names_the_byte(
    writer: Version, answering: FakeProvider, tmp_path: Path
) -> None:
    said = run_with(b"good text \xff\xfe more", tmp_path)
    run = assert_failed(said, answering, "source_error", "0xff", "position 10", "save it as UTF-8")
    assert (run.source_item, run.calls) == (str(tmp_path / "article.txt"), 0)


def test_a_file_of_50_mb_names_both_sizes(
    writer: Version, answering: FakeProvider, tmp_path: Path
) -> None:
    big = tmp_path / "big.txt"
    with big.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    said = call("run_automation", "writer", "--input", str(big), "--json")
    assert_failed(said, answering, "source_error", "50.0 MB", "5.0 MB")


def test_a_file_that_is_not_there_is_a_matter_of_usage(writer: Version, tmp_path: Path) -> None:
    said = call("run_automation", "writer", "--input", str(tmp_path / "none.txt"))
    assert said.code == 2
    assert "There is no file" in said.err
    assert not Run.objects.exists()


def test_json_that_is_none_is_recorded(
    writer: Version, answering: FakeProvider, tmp_path: Path
) -> None:
    path = tmp_path / "input.json"
    path.write_text('{"content": "half')
    said = call("run_automation", "writer", "--input", str(path), "--json")
    assert_failed(said, answering, "source_error", "not valid JSON")


def test_a_field_the_schema_does_not_know_is_refused_before_the_run(writer: Version) -> None:
    said = call("run_automation", "writer", "--set", "contents=x")
    assert (said.code, Run.objects.count()) == (2, 0)
    assert "no input field 'contents'; known: content" in said.err


# --- the file source -----------------------------------------------------------------------


@pytest.fixture
def root() -> Path:
    path: Path = django_settings.FILE_ROOTS[0]
    return path


def from_file(version: Version, path: str) -> Automation:
    """Give the automation a file source without asking its form, as a hand-edited row has."""
    source = version.automation.source
    source.kind, source.settings = "file", {"path": path}
    source.save()
    return version.automation


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/../../secret.txt"])
def test_a_path_outside_the_roots_is_refused_twice(
    writer: Version, answering: FakeProvider, path: str
) -> None:
    automation = from_file(writer, path)
    with pytest.raises(ValidationError):
        automation.source.full_clean()
    said = call("run_automation", "writer", "--json")
    assert_failed(said, answering, "source_error")


def test_a_link_out_of_the_roots_is_refused(
    writer: Version, answering: FakeProvider, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text(LONG_TEXT)
    link = root / "link.txt"
    link.unlink(missing_ok=True)
    link.symlink_to(tmp_path / "secret.txt")
    from_file(writer, "link.txt")
    assert_failed(call("run_automation", "writer", "--json"), answering, "source_error")
    assert answering.seen()["calls"] == 0


def test_a_source_file_that_is_missing_is_recorded(
    writer: Version, answering: FakeProvider
) -> None:
    from_file(writer, "nowhere/missing.txt")
    assert_failed(call("run_automation", "writer", "--json"), answering, "source_error", "missing")


def test_a_source_file_of_50_mb_is_recorded(
    writer: Version, answering: FakeProvider, root: Path
) -> None:
    with (root / "big.txt").open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    from_file(writer, "big.txt")
    said = call("run_automation", "writer", "--json")
    (root / "big.txt").unlink()
    assert_failed(said, answering, "source_error", "50.0 MB")


# --- prompts -------------------------------------------------------------------------------


def test_a_template_that_names_an_unknown_variable_cannot_be_published() -> None:
    draft = make_version(user_prompt="Write about {{ contnt }}.")
    with pytest.raises(ValidationError) as refused:
        services.publish_version(draft, by=services.SYSTEM)
    assert "contnt" in str(refused.value)
    assert "content" in str(refused.value)
    draft.refresh_from_db()
    assert not draft.is_published


# --- providers -----------------------------------------------------------------------------


def test_a_missing_key_is_named_and_nothing_is_called(
    writer: Version, answering: FakeProvider, tmp_path: Path
) -> None:
    provider = make_provider(kind="endpoint", base_url=answering.base_url, api_key_env="MODELS_KEY")
    asking(writer, "ok", provider=provider)
    said = run_with(LONG_TEXT, tmp_path)
    run = assert_failed(said, answering, "authentication", "MODELS_KEY is not set")
    assert answering.seen()["calls"] == run.calls == 0


def test_the_default_provider_without_its_key_says_which_one(
    writer: Version,
    answering: FakeProvider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.openai.com/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    said = run_with(LONG_TEXT, tmp_path)
    assert_failed(said, answering, "authentication", "OPENAI_API_KEY is not set")


def test_a_provider_that_is_down_is_tried_three_times(
    writer: Version,
    answering: FakeProvider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    said = run_with(LONG_TEXT, tmp_path)
    run = assert_failed(said, answering, "api_error", "nothing answers at that address")
    assert run.calls == said.json["attempts"] == 3


@pytest.mark.parametrize(
    ("behaviour", "category", "calls"),
    [
        ("hang", "timeout", 2),
        ("html", "api_error", 3),
        ("half-json", "api_error", 3),
        ("empty", "api_error", 3),
        ("content-empty", "api_error", 3),
        ("no-choices", "api_error", 3),
        ("reset", "api_error", 3),
        ("500", "api_error", 3),
        ("401", "authentication", 1),
        ("403", "authentication", 1),
        ("400", "api_error", 1),
        ("429:quota", "api_error", 1),
        ("content-filter", "content_filter", 1),
        ("refusal", "content_filter", 1),
        ("redirect", "api_error", 1),
    ],
)
def test_a_provider_that_misbehaves_ends_the_run_with_its_cause(
    writer: Version,
    answering: FakeProvider,
    tmp_path: Path,
    behaviour: str,
    category: str,
    calls: int,
) -> None:
    timing = {"call_timeout_s": 1, "max_attempts": 2} if behaviour == "hang" else {}
    asking(writer, behaviour, **timing)
    run = assert_failed(run_with(LONG_TEXT, tmp_path), answering, category)
    assert answering.seen()["calls"] == run.calls == calls
    assert run.attempts.count() == calls
    assert set(run.attempts.values_list("error_category", flat=True)) == {category}


def test_a_server_that_fails_twice_and_then_answers_is_a_success(
    writer: Version, answering: FakeProvider, tmp_path: Path
) -> None:
    asking(writer, "fail:500x2-then-ok")
    said = run_with(LONG_TEXT, tmp_path)
    assert (said.code, said.json["status"], said.json["attempts"]) == (0, "success", 3)
    assert said.json["error_message"] is None
    assert list(answering.seen()["deliveries"].values()) == [1]


def test_a_rate_limit_with_a_time_is_waited_out(
    writer: Version, answering: FakeProvider, tmp_path: Path
) -> None:
    answering.script(behaviours=["429:retry-after=1"])
    began = time.monotonic()
    said = run_with(LONG_TEXT, tmp_path)
    assert time.monotonic() - began >= 1
    assert (said.code, said.json["status"], said.json["attempts"]) == (0, "success", 2)
    run = Run.objects.get()
    assert (run.failures, run.postponements) == (0, 1)


@pytest.mark.parametrize("length", [49, 1_301])
def test_an_output_of_the_wrong_length_is_never_delivered(
    writer: Version, answering: FakeProvider, tmp_path: Path, length: int
) -> None:
    answering.script(answer="x" * length)
    run = assert_failed(run_with(LONG_TEXT, tmp_path), answering, "validation_error")
    assert run.calls == 2  # one repair
    assert run.answer == "x" * length


@pytest.mark.parametrize("length", [50, 1_300])
def test_an_output_at_the_edge_is_delivered(
    writer: Version, answering: FakeProvider, tmp_path: Path, length: int
) -> None:
    answering.script(answer="x" * length)
    assert run_with(LONG_TEXT, tmp_path).json["output_data"] == {"text": "x" * length}


def test_a_key_that_a_provider_repeats_is_not_shown(
    writer: Version, answering: FakeProvider, tmp_path: Path
) -> None:
    asking(writer, "echo-key")
    said = run_with(LONG_TEXT, tmp_path)
    run = assert_failed(said, answering, "api_error")
    stored = f"{run.error_message} {run.traceback} {run.trace} {said.out} {said.err}"
    assert "sk-test-0123456789abcdefghij" not in stored
    assert LONG_TEXT[:60] not in (run.error_message or "")

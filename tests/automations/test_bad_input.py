"""Bad input, end to end: one sentence, the right category, nothing delivered, nothing lost."""
# ruff: noqa: RUF001, PLE2502  the odd characters are the point

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from automations import services
from automations.models import Automation, Run
from tests.automations.engine.driving import http_destination
from tests.makers import LONG_TEXT, make_automation, make_live, make_provider, make_version
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)

NASTY = (
    "He said \"stop\" and 'go'; it costs $(rm -rf ~) or `whoami`.\n---\ntitle: {{ content }}"
    " {{ x }} {% if %}\n\\n \\u0000 & <script>alert(1)</script>"
    " 😀 👩‍👩‍👧 ½ — “quotes” % $HOME !\n---\n"
) * 2
RIGHT_TO_LEFT = "‏المقال يتحدث عن عيادة فقدت المواعيد ثم وجدت طريقة أفضل. זה מאמר על מרפאה. " * 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a person at the shell gets."""

    code: int
    out: str
    err: str
    run: Run | None

    @property
    def sentence(self) -> str:
        assert self.run is not None
        return self.run.error_message or ""


@pytest.fixture(autouse=True)
def _short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait hundredths of seconds where production waits seconds."""
    monkeypatch.setattr("automations.engine.retry.BASE_S", 0.02)


@pytest.fixture
def writer(answering: FakeProvider) -> Automation:
    """An automation with the published checks and a destination that honours keys."""
    automation = make_live(max_attempts=3).automation
    http_destination(automation, answering, "keyed")
    return automation


def run_command(*arguments: str, stdin: bytes = b"") -> Outcome:
    """Call `run_automation` as the shell does."""
    out, err = io.StringIO(), io.StringIO()
    before = Run.objects.count()
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            call_command("run_automation", *arguments, stdout=out, stderr=err)
        except SystemExit as ended:
            code = int(str(ended.code or 0))
        except CommandError as error:
            code = error.returncode
            err.write(str(error))
    run = Run.objects.order_by("-id").first() if Run.objects.count() > before else None
    return Outcome(code, out.getvalue(), err.getvalue(), run)


def give(automation: Automation, data: bytes, tmp_path: Path, name: str = "input.md") -> Outcome:
    path = tmp_path / name
    path.write_bytes(data)
    return run_command(automation.slug, "--input", str(path))


def assert_failed(outcome: Outcome, category: str, words: str, answering: FakeProvider) -> None:
    """One sentence, the category, exit 1, a recorded run, and nothing delivered."""
    assert outcome.run is not None
    assert (outcome.code, outcome.run.status) == (1, "failed")
    assert outcome.run.error_category == category
    assert words in outcome.sentence
    assert outcome.sentence in outcome.err
    assert outcome.out == ""
    assert outcome.run.output_data is None
    assert outcome.run.completed_at is not None
    assert "Traceback" not in outcome.err
    assert answering.seen()["deliveries"] == {}


# --- length ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 characters after trimming; needs 100"),
        (" \n\t " * 200, "0 characters after trimming; needs 100"),
        ("x" * 99, "99 characters after trimming; needs 100"),
        (" " + "x" * 99 + " ", "99 characters after trimming; needs 100"),
        ("x" * 50_001, "50,001 characters; at most 50,000 allowed"),
        ("x" * 50_000 + "\n", "50,001 characters; at most 50,000 allowed"),
    ],
)
def test_an_input_of_the_wrong_length_costs_nothing(
    writer: Automation, answering: FakeProvider, tmp_path: Path, text: str, words: str
) -> None:
    outcome = give(writer, text.encode(), tmp_path)
    assert_failed(outcome, "validation_error", words, answering)
    assert answering.seen()["calls"] == 0


@pytest.mark.parametrize("length", [100, 50_000])
def test_an_input_at_the_edge_is_fine(
    writer: Automation, answering: FakeProvider, tmp_path: Path, length: int
) -> None:
    outcome = give(writer, b"x" * length, tmp_path)
    assert (outcome.code, outcome.run and outcome.run.status) == (0, "success")
    assert answering.seen()["calls"] == 1


# --- characters ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [NASTY, RIGHT_TO_LEFT, "é̂" * 100, "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 " * 20])
def test_a_text_reaches_the_model_byte_for_byte(
    writer: Automation, answering: FakeProvider, tmp_path: Path, text: str
) -> None:
    outcome = give(writer, text.encode(), tmp_path)
    assert outcome.code == 0
    asked = json.loads(answering.seen()["requests"][-1]["text"])
    assert f"\n{text}\n" in asked["messages"][-1]["content"]
    assert outcome.run is not None
    assert outcome.run.input_data == {"content": text}


def test_standard_input_is_taken_as_it_is(writer: Automation, answering: FakeProvider) -> None:
    outcome = run_command(writer.slug, "--input", "-", stdin=NASTY.encode())
    assert outcome.code == 0
    assert NASTY in json.loads(answering.seen()["requests"][-1]["text"])["messages"][-1]["content"]


def test_nul_characters_are_replaced_and_the_run_goes_on(
    writer: Automation, answering: FakeProvider, tmp_path: Path
) -> None:
    outcome = give(writer, f"a\0b{LONG_TEXT}".encode(), tmp_path)
    assert outcome.code == 0
    assert outcome.run is not None
    assert outcome.run.input_data["content"].startswith("a\ufffdb")


def test_nul_characters_in_an_answer_do_not_break_the_run(
    writer: Automation, answering: FakeProvider, tmp_path: Path
) -> None:
    answering.script(answer="An answer with a \0 in it. " + LONG_TEXT[:200])
    outcome = give(writer, LONG_TEXT.encode(), tmp_path)
    assert outcome.code == 0
    assert "\0" not in outcome.out


def test_a_file_that_is_not_text_is_refused_in_words(
    writer: Automation, answering: FakeProvider, tmp_path: Path
) -> None:
    outcome = give(writer, b"caf\xff\xfe is not utf-8 " * 20, tmp_path)
    assert_failed(outcome, "source_error", "UTF-8", answering)


# --- files -----------------------------------------------------------------------------------


def test_a_file_of_50_mb_is_refused_with_its_size(
    writer: Automation, answering: FakeProvider, tmp_path: Path
) -> None:
    outcome = give(writer, b"x" * 50 * 1024 * 1024, tmp_path)
    assert_failed(outcome, "source_error", "50.0 MB", answering)


def test_a_missing_file_is_a_usage_error(writer: Automation) -> None:
    outcome = run_command(writer.slug, "--input", "nowhere.md")
    assert (outcome.code, outcome.run) == (2, None)
    assert "no file nowhere.md" in outcome.err


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing/none.md", "missing"),
        ("../../../etc/passwd", "outside"),
        ("/etc/passwd", "outside"),
    ],
)
def test_a_file_source_that_cannot_be_read_leaves_a_failed_run(
    answering: FakeProvider, path: str, words: str
) -> None:
    automation = make_live(make_automation(source="file")).automation
    automation.source.settings = {"path": path}
    automation.source.save()
    outcome = run_command(automation.slug)
    assert_failed(outcome, "source_error", "", answering)
    assert outcome.run is not None
    assert outcome.run.error_code
    assert "root:" not in outcome.out + outcome.err


# --- recipes ---------------------------------------------------------------------------------


def test_a_template_with_an_unknown_name_cannot_be_published() -> None:
    draft = make_version(user_prompt="Summarise {{ contnt }}.")
    with pytest.raises(ValidationError, match="did you mean `content`"):
        services.publish_version(draft, by=services.SYSTEM)
    draft.refresh_from_db()
    assert not draft.is_published


def test_a_missing_key_is_named(answering: FakeProvider, tmp_path: Path) -> None:
    provider = make_provider(base_url=answering.base_url, api_key_env="NOBODY_SET_THIS_KEY")
    automation = make_live(provider=provider).automation
    outcome = give(automation, LONG_TEXT.encode(), tmp_path)
    assert_failed(outcome, "authentication", "NOBODY_SET_THIS_KEY is not set", answering)


# --- providers -------------------------------------------------------------------------------

MISBEHAVING = {
    "html": ("api_error", "web page", 3),
    "half-json": ("api_error", "broken JSON", 3),
    "empty": ("api_error", "", 3),
    "401": ("authentication", "401", 1),
    "fail:500": ("api_error", "500", 3),
    "fail:500x3-then-ok": ("api_error", "500", 3),
}


@pytest.mark.parametrize("model", MISBEHAVING)
def test_a_misbehaving_provider_is_named_and_called_at_most_three_times(
    writer: Automation,
    answering: FakeProvider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
) -> None:
    category, words, calls = MISBEHAVING[model]
    monkeypatch.setenv("OPENAI_MODEL", model)
    outcome = give(writer, LONG_TEXT.encode(), tmp_path)
    assert_failed(outcome, category, words, answering)
    assert answering.seen()["calls"] == calls
    assert outcome.run is not None
    assert outcome.run.attempts.count() == calls


def test_two_errors_and_then_an_answer_are_a_success(
    writer: Automation, answering: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_MODEL", "fail:500x2-then-ok")
    outcome = give(writer, LONG_TEXT.encode(), tmp_path)
    assert outcome.code == 0
    assert outcome.run is not None
    statuses = outcome.run.attempts.values_list("http_status", flat=True)
    assert list(statuses) == [500, 500, 200]
    assert list(answering.seen()["deliveries"].values()) == [1]


def test_a_rate_limit_is_waited_for_and_uses_up_no_attempt(
    writer: Automation, answering: FakeProvider, tmp_path: Path
) -> None:
    answering.script(behaviours=["429:retry-after=1"])
    outcome = give(writer, LONG_TEXT.encode(), tmp_path)
    run = outcome.run
    assert run is not None
    assert (outcome.code, run.failures, run.postponements, run.calls) == (0, 0, 1, 2)
    first, second = run.attempts.all()
    assert first.error_category == "api_rate_limit"
    assert (second.started_at - first.started_at).total_seconds() >= 1


def test_a_provider_that_is_down_is_an_api_error(
    answering: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    automation = make_live().automation
    http_destination(automation, answering, "keyed")
    outcome = give(automation, LONG_TEXT.encode(), tmp_path)
    assert_failed(outcome, "api_error", "127.0.0.1:9", answering)


def test_a_provider_that_hangs_is_a_timeout(
    answering: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_MODEL", "hang")
    automation = make_live(call_timeout_s=1, max_attempts=2).automation
    http_destination(automation, answering, "keyed")
    outcome = give(automation, LONG_TEXT.encode(), tmp_path)
    assert_failed(outcome, "timeout", "", answering)


def test_no_key_ever_reaches_what_people_see(
    writer: Automation, answering: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-very-secret-0123456789abcdef"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.setenv("OPENAI_MODEL", "echo-key")
    outcome = give(writer, LONG_TEXT.encode(), tmp_path)
    assert outcome.run is not None
    stored: Any = Run.objects.values().get(pk=outcome.run.pk)
    attempts = list(outcome.run.attempts.values())
    assert key not in f"{stored}{attempts}{outcome.err}{outcome.out}"

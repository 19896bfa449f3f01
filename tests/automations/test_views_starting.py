"""Run now: the form of the input, what is refused, and that a run is started once."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.models import Automation, Batch, Run
from automations.text import REPLACEMENT
from tests.makers import LONG_TEXT, make_destination, make_live

pytestmark = pytest.mark.django_db

TYPED = {
    "type": "object",
    "properties": {
        "topic": {"type": "string", "title": "Topic", "description": "What it is about."},
        "count": {"type": "integer", "default": 3},
        "weight": {"type": "number"},
        "polite": {"type": "boolean"},
        "tone": {"enum": ["dry", "warm"]},
        "notes": {"type": "string", "format": "textarea"},
    },
    "required": ["topic", "count"],
}
NASTY = "\n".join(
    ["It said “no” & 'yes' \"maybe\"", "$( rm -rf / ) `ls`", "---", "{{ content }} {% x %}",
     "🙂‍↔️ שלום עולם", "<b>bold</b>\ttab", "trailing  "]
) + " " + "filler " * 20  # fmt: skip


@pytest.fixture
def automation() -> Automation:
    return make_live().automation


def address(automation: Automation) -> str:
    return reverse("automation_run", args=[automation.slug])


def send(client: Client, user: Any, automation: Automation, **fields: Any) -> Any:
    """Submit the form as a browser would, with a fresh key."""
    client.force_login(user)
    return client.post(address(automation), {"key": str(uuid.uuid4()), **fields})


def text_file(content: bytes, name: str = "article.md") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_a_text_becomes_a_queued_run_and_its_page_opens(
    client: Client, operator: Any, automation: Automation
) -> None:
    answer = send(client, operator, automation, in_content=LONG_TEXT)
    run = Run.objects.get()
    assert answer.headers["Location"] == run.get_absolute_url()
    assert (run.status, run.requested_by, run.origin) == ("queued", operator, "person")
    assert run.input_data == {"content": LONG_TEXT}


def test_a_paused_automation_says_so_and_disables_the_button(
    client: Client, operator: Any, automation: Automation
) -> None:
    client.force_login(operator)
    assert "disabled>" not in client.get(address(automation)).content.decode()
    Automation.objects.update(paused_at=timezone.now())
    page = client.get(address(automation)).content.decode()
    assert "is paused: nothing of it runs" in page
    assert '<button class="btn btn-primary" disabled>' in page


def test_any_text_passes_unchanged(client: Client, operator: Any, automation: Automation) -> None:
    as_sent = NASTY.replace("\n", "\r\n")
    send(client, operator, automation, in_content=as_sent)
    assert Run.objects.get().input_data == {"content": NASTY}


def test_nul_and_lone_surrogates_are_replaced(
    client: Client, operator: Any, automation: Automation
) -> None:
    send(client, operator, automation, in_content="a\x00b" + LONG_TEXT)
    assert Run.objects.get().input_data["content"].startswith(f"a{REPLACEMENT}b")


def test_the_same_form_sent_twice_starts_one_run(
    client: Client, operator: Any, automation: Automation
) -> None:
    key = str(uuid.uuid4())
    first = send(client, operator, automation, in_content=LONG_TEXT, key=key)
    second = send(client, operator, automation, in_content=LONG_TEXT, key=key)
    assert first.headers["Location"] == second.headers["Location"]
    assert Run.objects.count() == 1


def test_each_form_has_a_key_of_its_own(
    client: Client, operator: Any, automation: Automation
) -> None:
    client.force_login(operator)
    pages = [client.get(address(automation)) for _ in range(2)]
    keys = {page.context["form"]["key"].value() for page in pages}
    assert len(keys) == 2


def test_nothing_given_is_refused_with_what_to_do(
    client: Client, operator: Any, automation: Automation
) -> None:
    page = send(client, operator, automation, in_content="  ").content.decode()
    assert "Type or paste a text, or choose a file." in page
    assert not Run.objects.exists()


@pytest.mark.parametrize("size", [99, 50_001])
def test_a_text_that_the_checks_refuse_is_still_a_run(
    client: Client, operator: Any, automation: Automation, size: int
) -> None:
    """The check is the version's: the worker fails the run without calling the model."""
    answer = send(client, operator, automation, in_content="x" * size)
    assert answer.status_code == 302
    assert len(Run.objects.get().input_data["content"]) == size


def test_fields_follow_the_input_schema(client: Client, operator: Any) -> None:
    automation = make_live().automation
    Automation.objects.update(input_schema=TYPED)
    client.force_login(operator)
    page = client.get(address(automation)).content.decode()
    for part in (
        "Topic",
        "What it is about.",
        'value="3"',
        'type="number"',
        "<textarea",
        "<select",
    ):
        assert part in page
    send(
        client, operator, automation,
        in_topic="Bees", in_count="7", in_weight="1.5", in_polite="on", in_tone="warm",
    )  # fmt: skip
    assert Run.objects.get().input_data == {
        "topic": "Bees", "count": 7, "weight": 1.5, "polite": True, "tone": "warm",
    }  # fmt: skip


def test_what_was_typed_is_kept_when_something_is_wrong(client: Client, operator: Any) -> None:
    automation = make_live().automation
    Automation.objects.update(input_schema=TYPED)
    page = send(client, operator, automation, in_topic="Bees", in_count="many").content.decode()
    assert 'value="Bees"' in page
    assert 'value="many"' in page
    assert "Enter a whole number." in page
    assert page.count('aria-invalid="true"') == 1
    assert not Run.objects.exists()


# --- files ---------------------------------------------------------------------------------


def test_a_file_can_be_given_instead(client: Client, operator: Any, automation: Automation) -> None:
    send(client, operator, automation, file=text_file(NASTY.encode()))
    assert Run.objects.get().input_data == {"content": NASTY}


def test_a_text_and_a_file_are_one_too_many(
    client: Client, operator: Any, automation: Automation
) -> None:
    answer = send(client, operator, automation, in_content=LONG_TEXT, file=text_file(b"x"))
    assert "not both" in answer.content.decode()
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("upload", "words", "code"),
    [
        (text_file(b"caf\xe9 " * 40), "UTF-8", "not_text"),
        (text_file(b"PK", "article.docx"), "not a Word document", "mismatch"),
        (text_file(b"PK", "article.doc"), "is not accepted", "not_accepted"),
        (text_file(b"x" * (5 * 1024 * 1024 + 1)), "at most 5.0 MB", "too_large"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_failed_run_and_one_sentence(
    client: Client, operator: Any, automation: Automation, upload: Any, words: str, code: str
) -> None:
    upload.seek(0)
    page = send(client, operator, automation, file=upload).content.decode()
    run = Run.objects.get()
    assert words in page
    assert f"noted as run {run.pk}" in page
    assert (run.status, run.error_category, run.error_code) == ("failed", "source_error", code)
    assert run.calls == 0


def test_fifty_megabytes_are_refused_by_their_size(
    client: Client, operator: Any, automation: Automation
) -> None:
    upload = text_file(b"x" * (50 * 1024 * 1024))
    page = send(client, operator, automation, file=upload).content.decode()
    assert "50.0 MB" in page
    assert Run.objects.get().error_category == "source_error"


def test_an_upload_source_wants_a_file_and_nothing_else(client: Client, operator: Any) -> None:
    automation = make_live().automation
    automation.source.kind = "upload"
    automation.source.save()
    page = send(client, operator, automation).content.decode()
    assert "<textarea" not in page
    assert "This field is required." in page
    send(client, operator, automation, file=text_file(LONG_TEXT.encode()))
    assert Run.objects.get().input_data == {"content": LONG_TEXT}


# --- when it may not run -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"live_version": None}, "has no live version"),
        ({"stage": "retired"}, "is retired"),
        ({"paused_at": "2026-11-22T10:00Z"}, "is paused"),
    ],
)
def test_an_automation_that_cannot_run_says_why_and_keeps_the_text(
    client: Client, operator: Any, automation: Automation, change: Any, words: str
) -> None:
    Automation.objects.update(**change)
    page = send(client, operator, automation, in_content=LONG_TEXT).content.decode()
    assert words in page
    assert LONG_TEXT[:60] in page
    assert not Run.objects.exists()


def test_production_asks_first(client: Client, operator: Any, automation: Automation) -> None:
    Automation.objects.update(stage="production")
    page = send(client, operator, automation, in_content=LONG_TEXT).content.decode()
    assert "Tick the box" in page
    assert "Run in production" in page
    assert LONG_TEXT[:60] in page
    assert not Run.objects.exists()
    send(client, operator, automation, in_content=LONG_TEXT, confirm="yes")
    assert Run.objects.count() == 1


def test_the_form_says_where_the_output_goes(
    client: Client, operator: Any, automation: Automation
) -> None:
    make_destination(automation, name="Blog", kind="file", settings={"path": "p/{{ run_id }}.md"})
    make_destination(automation, name="Shelf")
    client.force_login(operator)
    assert "The output goes to Blog." in client.get(address(automation)).content.decode()


# --- a source that is read -----------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path, settings: Any) -> Path:
    settings.FILE_ROOTS = [tmp_path]
    return tmp_path


def reads(automation: Automation, path: str) -> None:
    automation.source.kind, automation.source.settings = "file", {"path": path}
    automation.source.save()


def test_one_file_is_one_run(
    client: Client, operator: Any, automation: Automation, files: Path
) -> None:
    (files / "one.txt").write_text(LONG_TEXT)
    reads(automation, "one.txt")
    client.force_login(operator)
    assert "one.txt" in client.get(address(automation)).content.decode()
    answer = send(client, operator, automation)
    run = Run.objects.get()
    assert answer.headers["Location"] == run.get_absolute_url()
    assert run.source_item == "one.txt"


def test_several_files_are_a_batch_and_a_double_click_starts_it_once(
    client: Client, operator: Any, automation: Automation, files: Path
) -> None:
    for name in ("a.txt", "b.txt"):
        (files / name).write_text(LONG_TEXT)
    reads(automation, "*.txt")
    key = str(uuid.uuid4())
    answers = [send(client, operator, automation, key=key) for _ in range(2)]
    batch = Batch.objects.get()
    assert {a.headers["Location"] for a in answers} == {reverse("batch", args=[batch.pk])}
    assert batch.runs.count() == 2
    page = client.get(reverse("batch", args=[batch.pk])).content.decode()
    assert "0 of 2 ended" in page


def test_a_missing_file_is_one_sentence_on_the_form(
    client: Client, operator: Any, automation: Automation, files: Path
) -> None:
    reads(automation, "missing.txt")
    client.force_login(operator)
    page = client.get(address(automation)).content.decode()
    assert "missing.txt" in page
    assert " disabled" in page
    assert send(client, operator, automation).status_code == 200
    assert not Run.objects.exists()


def test_the_limit_of_a_request_is_above_the_limit_of_an_input() -> None:
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE > settings.MAX_INPUT_BYTES

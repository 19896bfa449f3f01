"""The source's page: kinds, settings, what was seen; and the run page of sources that list."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from automations import connectors
from automations.models import AuditEvent, Automation, Run, SeenItem, Source
from automations.services import SYSTEM, run_source
from tests.automations.documents.making import make_docx, make_pdf
from tests.makers import make_live

pytestmark = pytest.mark.django_db


@pytest.fixture
def automation(tmp_path: Path, settings: Settings) -> Automation:
    settings.BASE_DIR, settings.FILE_ROOTS = tmp_path, [tmp_path / "files"]
    (tmp_path / "files" / "in").mkdir(parents=True)
    for name in ("a.md", "b.md"):
        (tmp_path / "files" / "in" / name).write_text(f"The text of {name}")
    return make_live().automation


def page(client: Client, user: Any, automation: Automation, **query: str) -> str:
    client.force_login(user)
    return client.get(reverse("source", args=[automation.slug]), query).content.decode()


def save(client: Client, user: Any, automation: Automation, **fields: Any) -> Any:
    client.force_login(user)
    return client.post(reverse("source", args=[automation.slug]), fields, follow=True)


def test_every_kind_can_be_chosen_and_says_what_it_is(
    client: Client, editor: Any, automation: Automation
) -> None:
    shown = page(client, editor, automation)
    for kind in connectors.sources:
        assert f'href="?kind={kind.kind}"' in shown
        own = page(client, editor, automation, kind=kind.kind)
        assert kind.help in own.replace("&#x27;", "'")
        assert f'href="?kind={kind.kind}" aria-current="page"' in own


def test_a_kind_that_does_not_exist_is_not_found(
    client: Client, editor: Any, automation: Automation
) -> None:
    client.force_login(editor)
    answer = client.get(reverse("source", args=[automation.slug]), {"kind": "ftp"})
    assert answer.status_code == 404


def test_what_is_saved_is_told_and_can_be_tested(
    client: Client, editor: Any, automation: Automation
) -> None:
    answer = save(client, editor, automation, kind="file", path="in", only_new="on")
    assert answer.redirect_chain[-1][0] == reverse("source", args=[automation.slug])
    shown = answer.content.decode()
    assert "reads new files of in below files" in shown
    assert "Taken before" in shown
    source = Source.objects.get()
    assert source.settings == {"path": "in", "only_new": True}


def test_a_change_is_noted_with_what_was_there_before(
    client: Client, editor: Any, automation: Automation
) -> None:
    save(client, editor, automation, kind="file", path="articles/*.md")
    event = AuditEvent.objects.get(action="save source")
    assert event.before["kind"] == "form"
    assert event.after["settings"] == {"path": "articles/*.md", "only_new": False}


def test_a_path_outside_the_roots_is_refused_beside_its_field(
    client: Client, editor: Any, automation: Automation
) -> None:
    answer = save(client, editor, automation, kind="file", path="../../etc/passwd")
    assert answer.context["parts"][0].errors["path"]
    assert "../../etc/passwd" in answer.content.decode()
    assert Source.objects.get().kind == "form"


def test_an_automation_cannot_take_its_own_outputs(
    client: Client, editor: Any, automation: Automation
) -> None:
    client.force_login(editor)
    fields = {"kind": "automation", "automation": automation.slug}
    answer = client.post(reverse("source", args=[automation.slug]), fields)
    assert "cannot take its own outputs" in answer.content.decode()
    assert Source.objects.get().kind == "form"


def test_settings_that_do_not_fit_stay_in_the_form(
    client: Client, editor: Any, automation: Automation
) -> None:
    fields = {"kind": "feed", "url": "http://169.254.169.254/feed"}
    shown = save(client, editor, automation, **fields).content.decode()
    assert "is not an address on the public internet" in shown
    assert 'value="http://169.254.169.254/feed"' in shown
    assert Source.objects.get().kind == "form"


def test_headers_with_a_reference_are_kept_as_such(
    client: Client, editor: Any, automation: Automation
) -> None:
    save(
        client, editor, automation, kind="http_get", url="https://example.com/a",
        headers="Authorization: Bearer env:SOURCE_TOKEN",
    )  # fmt: skip
    assert Source.objects.get().settings["headers"] == {"Authorization": "Bearer env:SOURCE_TOKEN"}
    assert "Authorization: Bearer env:SOURCE_TOKEN" in page(client, editor, automation)


def test_what_was_seen_is_counted_and_can_be_forgotten(
    client: Client, editor: Any, automation: Automation
) -> None:
    save(client, editor, automation, kind="file", path="in", only_new="on")
    run_source(Automation.objects.get(), by=SYSTEM)
    shown = page(client, editor, automation)
    assert "2 items were taken or passed by" in shown
    assert "in/a.md" in shown
    client.post(reverse("source_forget", args=[automation.slug]))
    assert not SeenItem.objects.exists()
    assert "Nothing yet" in page(client, editor, automation)


def test_the_run_page_shows_only_what_is_new(
    client: Client, editor: Any, operator: Any, automation: Automation
) -> None:
    save(client, editor, automation, kind="file", path="in", only_new="on")
    client.force_login(operator)
    address = reverse("automation_run", args=[automation.slug])
    assert "in/a.md" in client.get(address).content.decode()
    client.post(address, {"key": str(uuid.uuid4())})
    assert Run.objects.count() == 2
    assert "Nothing new" in client.get(address).content.decode()
    told = client.post(address, {"key": str(uuid.uuid4())}, follow=True).content.decode()
    assert "forget what was seen" in told
    assert Run.objects.count() == 2


def test_the_run_page_asks_nobody_outside(
    client: Client, editor: Any, operator: Any, automation: Automation
) -> None:
    save(client, editor, automation, kind="feed", url="https://example.com/feed")
    client.force_login(operator)
    shown = client.get(reverse("automation_run", args=[automation.slug])).content.decode()
    assert (
        "It takes new entries of example.com; what is there is looked up when you run it" in shown
    )


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.pdf", make_pdf("From a PDF"), "From a PDF"),
        ("a.docx", make_docx("From Word"), "From Word"),
        ("a.html", b"<p>From <b>HTML</b></p>", "From HTML"),
        ("a.csv", b"name\nAda\nBob\n", "name: Ada\n\nname: Bob"),
    ],
)
def test_a_document_can_be_uploaded_on_the_run_page(
    client: Client, operator: Any, automation: Automation, name: str, data: bytes, text: str
) -> None:
    client.force_login(operator)
    address = reverse("automation_run", args=[automation.slug])
    upload = SimpleUploadedFile(name, data)
    client.post(address, {"key": str(uuid.uuid4()), "file": upload})
    assert Run.objects.get().input_data == {"content": text}


def test_a_document_goes_to_the_first_long_text_where_there_is_no_content(
    client: Client, operator: Any, automation: Automation
) -> None:
    automation.input_schema = {
        "type": "object",
        "properties": {
            "topic": {"type": "string"},
            "article": {"type": "string", "format": "textarea"},
        },
        "required": ["article"],
    }
    automation.save()
    client.force_login(operator)
    address = reverse("automation_run", args=[automation.slug])
    fields = {"key": str(uuid.uuid4()), "in_topic": "clinics"}
    client.post(address, {**fields, "file": SimpleUploadedFile("a.pdf", make_pdf("From a PDF"))})
    assert Run.objects.get().input_data == {"topic": "clinics", "article": "From a PDF"}

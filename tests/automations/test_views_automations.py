"""The page of an automation, its versions and its buttons."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from automations.models import Automation, Provider, Trigger
from tests.makers import make_destination, make_live, make_run, make_version

pytestmark = pytest.mark.django_db


def shown(client: Client, user: Any, automation: Automation) -> str:
    client.force_login(user)
    answer = client.get(automation.get_absolute_url())
    assert answer.status_code == 200
    return str(answer.content.decode())


def press(client: Client, user: Any, name: str, key: Any, **fields: Any) -> str:
    client.force_login(user)
    answer = client.post(reverse(name, args=[key]), fields, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_page_says_how_it_works(client: Client, viewer: Any) -> None:
    automation = make_live().automation
    make_destination(automation, name="Blog", kind="file", settings={"path": "p/{{ run_id }}.md"})
    schedule = Trigger(automation=automation, settings={"cron": "0 9 * * *"})
    schedule.full_clean()
    schedule.save()
    page = shown(client, viewer, automation)
    for part in (
        "Length: at least 100, at most 50,000",
        "Length: at least 50, at most 1,300",
        "input given with each run",
        "Sent again after a failure; the receiver keeps one copy.",
        "0 9 * * * (UTC)",
        "Delivered without asking.",
    ):
        assert part in page


def test_without_a_key_the_embedded_model_answers(client: Client, viewer: Any) -> None:
    page = shown(client, viewer, make_live().automation)
    assert "<strong>Embedded model</strong>, on this installation" in page
    assert "nobody yet" in page
    assert "Neither OPENAI_BASE_URL nor OPENAI_API_KEY is set." in page


def test_with_an_endpoint_in_the_environment_its_host_and_model_are_named(
    client: Client, viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://user:secret@llm.example/v1")
    monkeypatch.setenv("OPENAI_MODEL", "m-9")
    page = shown(client, viewer, make_live().automation)
    assert "m-9" in page
    assert "llm.example" in page
    assert "secret" not in page


def test_an_unreadable_secret_file_is_said_not_raised(
    client: Client, viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY_FILE", "/nowhere/key")
    assert "OPENAI_API_KEY_FILE names a file" in shown(client, viewer, make_live().automation)


def test_an_endpoint_of_ours_is_named(client: Client, viewer: Any) -> None:
    provider = Provider.objects.create(name="Inference", base_url="https://inf.example/v1")
    page = shown(client, viewer, make_live(provider=provider, model="m-3").automation)
    assert "m-3" in page
    assert "Inference (inf.example)" in page


def test_without_a_live_version_the_page_says_the_next_step(client: Client, editor: Any) -> None:
    page = shown(client, editor, make_version().automation)
    assert "It has no live version yet" in page
    assert "Run now" not in page


def test_who_may_only_look_gets_no_buttons(client: Client, viewer: Any) -> None:
    page = shown(client, viewer, make_live().automation)
    for words in ("Run now", "New draft", "Pause", "Move</button>", "make live</button>"):
        assert words not in page


# --- buttons -------------------------------------------------------------------------------


def test_pausing_and_resuming(client: Client, operator: Any) -> None:
    automation = make_live().automation
    assert "nothing of it runs" in press(client, operator, "automation_pause", automation.slug)
    assert "goes on" in press(client, operator, "automation_resume", automation.slug)
    assert not Automation.objects.get().is_paused


def test_a_new_draft_opens_for_editing(client: Client, editor: Any) -> None:
    automation = make_live().automation
    page = press(client, editor, "automation_draft", automation.slug)
    assert automation.versions.drafts().get().number == 2
    assert "Here is your new draft." in page
    assert "<h1>Edit Writer v2" in page


def test_a_draft_can_be_made_from_an_older_version(client: Client, editor: Any) -> None:
    old = make_live(system_prompt="The old way.")
    make_live(old.automation, system_prompt="The new way.")
    press(client, editor, "version_draft", old.pk)
    assert old.automation.versions.drafts().get().system_prompt == "The old way."


def test_a_draft_with_a_fault_is_not_published_and_the_fault_is_named(
    client: Client, editor: Any
) -> None:
    draft = make_version(user_prompt="Write about {{ contents }}.")
    page = press(client, editor, "version_publish", draft.pk)
    assert "User prompt: " in page
    assert "contents" in page
    draft.refresh_from_db()
    assert not draft.is_published


def test_publishing_twice_says_so(client: Client, editor: Any) -> None:
    live = make_live()
    assert "is published already" in press(client, editor, "version_publish", live.pk)


def test_a_button_on_the_versions_page_returns_there(client: Client, editor: Any) -> None:
    draft = make_version()
    client.force_login(editor)
    address = reverse("version_publish", args=[draft.pk])
    answer = client.post(address, {"from": "version"})
    assert answer.headers["Location"] == draft.get_absolute_url()


def test_who_is_not_staff_is_sent_nowhere_near_the_admin(client: Client, editor: Any) -> None:
    editor.is_staff = False
    editor.save()
    automation = make_live().automation
    make_run(automation.live_version)
    page = shown(client, editor, automation)
    assert "/admin/automations/" not in page
    answer = client.post(reverse("automation_draft", args=[automation.slug]))
    draft = automation.versions.drafts().get()
    assert answer.headers["Location"] == reverse("version_edit", args=[draft.pk])

"""Trigger pages: forms by kind, what is shown once, history, and what a pause says everywhere."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from automations import curl, services
from automations.models import Automation, Batch, Destination, Hook, Run, Trigger
from tests.automations.hooking import make_hook
from tests.makers import make_automation, make_live, make_run

pytestmark = pytest.mark.django_db
SCHEDULE = {"kind": "schedule", "cron": "0 9 * * 1-5", "timezone": "Europe/Berlin",
            "input": '{"content": "x"}', "is_active": "on"}  # fmt: skip


@pytest.fixture
def automation() -> Automation:
    return make_live().automation


@pytest.fixture
def editing(client: Client, editor: Any) -> Client:
    client.force_login(editor)
    return client


def new(client: Client, automation: Automation, **fields: Any) -> Any:
    return client.post(reverse("trigger_new", args=[automation.slug]), fields)


def words(answer: Any) -> str:
    return str(answer.content.decode())


def test_every_kind_has_its_form(editing: Client, automation: Automation) -> None:
    for kind in ("schedule", "webhook", "object_event", "automation"):
        answer = editing.get(reverse("trigger_new", args=[automation.slug]), {"kind": kind})
        assert f'value="{kind}"' in words(answer)
    address = reverse("trigger_new", args=[automation.slug])
    assert editing.get(address, {"kind": "shell"}).status_code == 404


def test_the_next_five_times_are_shown_as_the_form_is_filled_in(
    editing: Client, automation: Automation
) -> None:
    address = reverse("trigger_times", args=[automation.slug])
    page = words(editing.get(address, {"cron": "0 9 * * 1-5", "timezone": "Europe/Berlin"}))
    assert page.count("09:00 CE") == 5
    assert "At 09:00 on Monday through Friday" in page
    wrong = words(editing.get(address, {"cron": "0 0 31 2 *", "timezone": "UTC"}))
    assert "is not a cron expression" in wrong
    assert "Unknown time zone" in words(
        editing.get(address, {"cron": "* * * * *", "timezone": "X"})
    )
    assert "30 2" not in words(editing.get(address))


def test_the_times_of_a_night_with_a_clock_change_carry_a_note(
    editing: Client, automation: Automation
) -> None:
    address = reverse("trigger_times", args=[automation.slug])
    page = words(editing.get(address, {"cron": "30 2 * * *", "timezone": "Europe/Berlin"}))
    assert "does not exist on this day" in page
    assert "runs the first time only" in page


def test_without_scripts_a_button_checks_the_times_and_saves_nothing(
    editing: Client, automation: Automation
) -> None:
    answer = new(editing, automation, **SCHEDULE, check="yes")
    assert answer.status_code == 200
    assert words(answer).count("09:00 CE") == 5
    assert not Trigger.objects.exists()


def test_a_schedule_keeps_its_policies(editing: Client, automation: Automation) -> None:
    answer = new(editing, automation, **SCHEDULE, missed="skip", overlap="queue")
    row = Trigger.objects.get()
    assert answer.headers["Location"] == reverse("trigger", args=[automation.slug, row.pk])
    assert (row.settings["missed"], row.settings["overlap"]) == ("skip", "queue")
    page = words(editing.get(answer.headers["Location"]))
    assert 'value="queue" selected' in page
    assert "Not due yet" in page


@pytest.mark.parametrize("name", ["missed", "overlap"])
def test_a_policy_that_does_not_exist_is_refused(
    editing: Client, automation: Automation, name: str
) -> None:
    answer = new(editing, automation, **SCHEDULE, **{name: "always"})
    assert answer.context["parts"][1].errors[name]
    assert not Trigger.objects.exists()


def test_a_webhook_shows_address_and_secret_once(editing: Client, automation: Automation) -> None:
    fields = {"kind": "webhook", "field": "", "is_active": "on", "requires_signature": "on"}
    answer = new(editing, automation, **fields)
    hook = Hook.objects.get()
    shown = answer.context["shown"]
    assert shown.token in words(answer)
    assert shown.secret in answer.content.decode()
    assert answer.headers["Cache-Control"].count("no-store") == 1
    later = words(editing.get(reverse("trigger", args=[automation.slug, hook.trigger_id])))
    assert shown.token not in later
    assert shown.secret not in later
    assert hook.token_hint in later


def test_the_same_form_sent_again_makes_nothing(editing: Client, automation: Automation) -> None:
    fields = {"kind": "webhook", "is_active": "on", "key": "3f0f7c9e"}
    new(editing, automation, **fields)
    again = new(editing, automation, **fields)
    row = Trigger.objects.get()
    assert again.headers["Location"] == reverse("trigger", args=[automation.slug, row.pk])


def test_address_and_secret_are_replaced_by_buttons(
    editing: Client, automation: Automation
) -> None:
    hook = make_hook(automation, signed=True)
    args = [automation.slug, hook.trigger.pk]
    fresh = editing.post(reverse("trigger_address", args=args))
    assert fresh.context["shown"].token not in ("", hook.token)
    secret = editing.post(reverse("trigger_secret", args=args))
    assert secret.context["shown"].secret not in ("", hook.secret)
    assert hook.hook.old_secret_until is not None
    assert "End the old secret now" in words(editing.get(reverse("trigger", args=args)))
    editing.post(reverse("trigger_old_secret", args=args))
    assert hook.hook.old_secret_until is None


def test_a_schedule_has_no_address_to_replace(editing: Client, automation: Automation) -> None:
    new(editing, automation, **SCHEDULE)
    args = [automation.slug, Trigger.objects.get().pk]
    answer = editing.post(reverse("trigger_address", args=args), follow=True)
    assert "only webhooks have one" in words(answer)


def test_without_an_encryption_key_a_sentence_says_so(
    editing: Client, automation: Automation, settings: Any
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = []
    answer = new(editing, automation, kind="webhook", is_active="on", requires_signature="on")
    assert "FIELD_ENCRYPTION_KEY is not set" in words(answer)
    assert not Trigger.objects.exists()
    assert new(editing, automation, kind="webhook", is_active="on").status_code == 200
    assert Hook.objects.get().secret_sealed == ""


def test_a_viewer_sees_the_history_and_no_form(
    client: Client, viewer: Any, automation: Automation
) -> None:
    hook = make_hook(automation)
    client.post(hook.address, {"content": "x"}, "application/json")
    client.force_login(viewer)
    page = words(client.get(reverse("trigger", args=[automation.slug, hook.trigger.pk])))
    assert f"Run {Run.objects.get().pk}" in page
    assert "New address" not in page
    assert "<textarea" not in page


def test_another_automations_trigger_is_not_found_here(
    editing: Client, automation: Automation
) -> None:
    other = make_hook(make_live(make_automation("other")).automation)
    for name in ("trigger", "trigger_secret", "trigger_address", "trigger_remove"):
        address = reverse(name, args=[automation.slug, other.trigger.pk])
        assert editing.post(address).status_code == 404


def test_a_chain_is_made_from_the_side_of_the_one_that_is_started(
    editing: Client, automation: Automation
) -> None:
    first = make_automation("first")
    answer = new(editing, automation, kind="automation", upstream="first", name="On to the writer")
    assert answer.status_code == 302
    row = Destination.objects.get()
    assert (row.automation, row.settings["automation"]) == (first, automation.slug)
    page = words(editing.get(reverse("automation_connections", args=[automation.slug])))
    assert "Started by other automations" in page
    assert "On to the writer" in page


def test_a_circle_is_refused_in_the_form(editing: Client, automation: Automation) -> None:
    first = make_automation("first")
    services.start_after(automation, first, name="x", settings={}, by=services.SYSTEM)
    answer = new(editing, automation, kind="automation", upstream="first", name="Back")
    assert answer.status_code == 200
    assert "writer -&gt; first -&gt; writer" in words(answer) or "first -&gt; writer" in words(
        answer
    )
    assert Destination.objects.count() == 1


def test_the_api_is_described_where_triggers_are(editing: Client, automation: Automation) -> None:
    page = words(editing.get(reverse("automation_connections", args=[automation.slug])))
    assert f"/api/v1/automations/{automation.slug}/runs" in page


def test_a_pause_is_said_everywhere(editing: Client, automation: Automation) -> None:
    new(editing, automation, **SCHEDULE)
    row = Trigger.objects.get()
    batch = Batch.objects.create(automation=automation, name="Two rows")
    run = make_run(automation.live_version, batch=batch)
    services.pause(automation, by=services.SYSTEM)
    pages = [
        automation.get_absolute_url(),
        reverse("automation_connections", args=[automation.slug]),
        reverse("trigger", args=[automation.slug, row.pk]),
        reverse("batch", args=[batch.pk]),
        reverse("run", args=[run.pk]),
    ]
    for address in pages:
        assert "is paused" in words(editing.get(address)), address
    assert "Stopped" in words(editing.get(pages[1]))
    assert "Paused" in words(editing.get(reverse("portfolio")))


def test_the_kill_switch_is_said_everywhere(
    client: Client, superuser: Any, automation: Automation
) -> None:
    row = make_hook(automation).trigger
    services.halt(by=services.SYSTEM, reason="a fire")
    client.force_login(superuser)
    for address in (
        automation.get_absolute_url(),
        reverse("automation_connections", args=[automation.slug]),
        reverse("automation_run", args=[automation.slug]),
        reverse("trigger", args=[automation.slug, row.pk]),
        reverse("portfolio"),
    ):
        assert "All automations are stopped (a fire)" in words(client.get(address)), address


# --- the command lines -------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("signed", ["", "signed"])
def test_the_command_line_shown_works(live_server: Any, signed: str) -> None:
    schema = {
        "type": "object",
        "properties": {"topic": {"type": "string"}, "kind": {"enum": ["it's", "new"]}},
        "required": ["topic", "kind"],
    }
    automation = make_live(make_automation(input_schema=schema)).automation
    hook = make_hook(automation, signed=bool(signed), field="data.input")
    payload = curl.sample_payload(automation, "data.input")
    line = curl.hook_line(f"{live_server.url}{hook.address}", payload, secret=hook.secret)
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == Run.objects.get().pk
    assert Run.objects.get().input_data == {"topic": curl.SAMPLE_TEXT, "kind": "it's"}

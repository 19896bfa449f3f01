"""Sources, destinations and schedules in forms of their own."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from automations.models import AuditEvent, Automation, Destination, Source, Trigger
from tests.makers import make_delivery, make_destination, make_live, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def automation() -> Automation:
    return make_live().automation


def send(client: Client, user: Any, view: str, *args: Any, **fields: Any) -> Any:
    client.force_login(user)
    return client.post(reverse(view, args=args), fields)


def test_a_destination_is_added_with_headers_as_lines(
    client: Client, editor: Any, automation: Automation
) -> None:
    send(
        client, editor, "destination_new", automation.slug, kind="http", name="Blog",
        is_active="on", url="https://example.com/posts",
        headers="X-Team: news\nAuthorization: Bearer env:DESTINATION_TOKEN",
    )  # fmt: skip
    made = Destination.objects.get()
    assert made.settings["headers"] == {
        "X-Team": "news",
        "Authorization": "Bearer env:DESTINATION_TOKEN",
    }
    page = client.get(reverse("destination", args=[automation.slug, made.pk])).content.decode()
    assert "X-Team: news\nAuthorization: Bearer env:DESTINATION_TOKEN" in page


def test_a_secret_in_a_header_is_refused_and_not_stored(
    client: Client, editor: Any, automation: Automation
) -> None:
    answer = send(
        client, editor, "destination_new", automation.slug, kind="http", name="Blog",
        url="https://example.com/posts", headers="Authorization: Bearer abcdef123456",
    )  # fmt: skip
    assert "must not be stored here" in answer.content.decode()
    assert not Destination.objects.exists()


def test_an_address_inside_is_refused(client: Client, editor: Any, automation: Automation) -> None:
    answer = send(
        client, editor, "destination_new", automation.slug, kind="http", name="Inside",
        url="http://169.254.169.254/latest",
    )  # fmt: skip
    assert answer.context["parts"][1].errors["url"]
    assert not Destination.objects.exists()


def test_a_name_is_used_once(client: Client, editor: Any, automation: Automation) -> None:
    make_destination(automation, name="Blog")
    fields = {"kind": "store_only", "name": "Blog"}
    answer = send(client, editor, "destination_new", automation.slug, **fields)
    assert answer.status_code == 200
    assert answer.context["parts"][0].non_field_errors()
    assert Destination.objects.count() == 1


def test_a_destination_keeps_its_kind(client: Client, editor: Any, automation: Automation) -> None:
    made = make_destination(automation, name="Shelf")
    address = reverse("destination", args=[automation.slug, made.pk])
    client.force_login(editor)
    assert 'aria-label="Kind"' not in client.get(address).content.decode()
    client.post(address, {"kind": "http", "name": "Bin"})
    made.refresh_from_db()
    assert (made.name, made.kind, made.is_active) == ("Bin", "store_only", False)


def test_another_automations_destination_is_not_found_here(
    client: Client, editor: Any, automation: Automation
) -> None:
    other = make_destination(Automation.objects.create(slug="other", name="Other"))
    assert send(client, editor, "destination", automation.slug, other.pk).status_code == 404


def test_a_destination_without_deliveries_is_removed(
    client: Client, editor: Any, automation: Automation
) -> None:
    made = make_destination(automation, name="Shelf")
    send(client, editor, "destination_remove", automation.slug, made.pk)
    assert not Destination.objects.exists()
    assert AuditEvent.objects.filter(action="remove destination", by=editor).exists()


def test_a_destination_with_deliveries_stays(
    client: Client, editor: Any, automation: Automation
) -> None:
    made = make_destination(automation, name="Shelf")
    make_delivery(make_run(automation.live_version), made)
    client.force_login(editor)
    address = reverse("destination_remove", args=[automation.slug, made.pk])
    page = client.post(address, follow=True).content.decode()
    assert "switch it off instead" in page
    assert Destination.objects.exists()
    assert not AuditEvent.objects.filter(action="remove destination").exists()


def test_a_schedule_knows_its_next_time(
    client: Client, editor: Any, automation: Automation
) -> None:
    fields = {"cron": "0 9 * * 1-5", "timezone": "Europe/Berlin", "is_active": "on"}
    send(client, editor, "trigger_new", automation.slug, **fields, input='{"content": "x"}')
    made = Trigger.objects.get()
    assert made.settings == {
        "cron": "0 9 * * 1-5", "timezone": "Europe/Berlin", "input": {"content": "x"},
        "missed": "once", "overlap": "allow",
    }  # fmt: skip
    assert made.next_at is not None


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"cron": "61 * * * *", "timezone": "UTC"}, "cron"),
        ({"cron": "0 9 * * *", "timezone": "Mars/Base"}, "timezone"),
        ({"cron": "0 9 * * *", "timezone": "UTC", "input": "[1]"}, "input"),
        ({"cron": "0 9 * * *", "timezone": "UTC", "input": "{"}, "input"),
        ({"timezone": "UTC"}, "cron"),
    ],
)
def test_a_faulty_schedule_is_refused_beside_its_field(
    client: Client, editor: Any, automation: Automation, fields: Any, name: str
) -> None:
    answer = send(client, editor, "trigger_new", automation.slug, **fields)
    assert answer.status_code == 200
    assert answer.context["parts"][1].errors[name]
    assert not Trigger.objects.exists()


def test_a_schedule_is_removed(client: Client, editor: Any, automation: Automation) -> None:
    send(
        client,
        editor,
        "trigger_new",
        automation.slug,
        cron="0 9 * * *",
        timezone="UTC",
        input='{"content": "x"}',
    )
    send(client, editor, "trigger_remove", automation.slug, Trigger.objects.get().pk)
    assert not Trigger.objects.exists()


def add_schedule(client: Client, user: Any, automation: Automation, given: str, **more: Any) -> Any:
    fields = {"cron": "0 9 * * *", "timezone": "UTC", "is_active": "on", "input": given, **more}
    return send(client, user, "trigger_new", automation.slug, **fields)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ('{"content": NaN}', "not NaN or Infinity"),
        ('{"content": 1e999}', "not NaN or Infinity"),
        ('{"content": ' + "[" * 70 + "]" * 70 + "}", "more than 64 levels"),
        ("[" * 20_000, "valid JSON"),
        ('{"topic": "x"}', "content"),
        ('{"content": 7}', "content"),
        ("{}", "write the input of each run"),
        ("", "write the input of each run"),
    ],
)
def test_an_input_on_which_no_run_can_work_is_refused_beside_its_field(
    client: Client, editor: Any, automation: Automation, given: str, sentence: str
) -> None:
    answer = add_schedule(client, editor, automation, given)
    assert answer.status_code == 200
    assert sentence in str(answer.context["parts"][1].errors["input"])
    assert not Trigger.objects.exists()


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800"])
def test_characters_that_no_database_stores_are_replaced(
    client: Client, editor: Any, automation: Automation, escape: str
) -> None:
    answer = add_schedule(client, editor, automation, f'{{"content": "a{escape}b"}}')
    assert answer.status_code == 302
    assert Trigger.objects.get().settings["input"] == {"content": "a\ufffdb"}


def test_a_source_with_items_needs_no_input(
    client: Client, editor: Any, automation: Automation
) -> None:
    Source.objects.filter(automation=automation).update(kind="file", settings={"path": "a/*.md"})
    assert add_schedule(client, editor, automation, "{}").status_code == 302
    assert Trigger.objects.get().settings["input"] == {}


def test_a_schedule_that_cannot_run_can_still_be_switched_off(
    client: Client, editor: Any, automation: Automation
) -> None:
    row = Trigger.objects.create(automation=automation, settings={"cron": "0 9 * * *"})
    fields = {"cron": "0 9 * * *", "timezone": "UTC", "input": "{}"}
    assert send(client, editor, "trigger", automation.slug, row.pk, **fields).status_code == 302
    row.refresh_from_db()
    assert not row.is_active

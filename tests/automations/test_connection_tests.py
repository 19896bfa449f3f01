"""The Test buttons: what is stored is reached, by a worker; what was found is kept, redacted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from automations import services, tasks
from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Automation, Destination
from tests.automations.mailing import Mailbox, mail_server
from tests.automations.receiving import Receiver, receiver
from tests.makers import make_automation, make_destination, make_live, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def there(settings: Settings) -> Iterator[Receiver]:
    with receiver() as running:
        settings.OUTBOUND_ALLOW = {"destination": [running.place]}
        yield running


@pytest.fixture
def automation() -> Automation:
    return make_automation()


def web_address(automation: Automation, there: Receiver, **settings: Any) -> Destination:
    given = {"url": f"{there.url}/in", **settings}
    return make_destination(automation, kind="http", settings=given)


def test_a_test_is_asked_for_and_made_by_a_worker(
    automation: Automation, there: Receiver, editor: Any,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:  # fmt: skip
    row = web_address(automation, there)
    with django_capture_on_commit_callbacks(execute=True):
        services.ask_for_connection_test(row, by=editor)
    row.refresh_from_db()
    assert row.is_being_tested
    assert OrmQ.objects.count() == 1
    assert AuditEvent.objects.filter(action="test connection", by=editor).exists()
    tasks.test_connection("automations.Destination", row.pk)
    row.refresh_from_db()
    assert row.test_passed is True
    assert row.test_message.startswith(f"{there.place} answers (OPTIONS: 200)")


def test_a_failed_test_says_why_without_the_secret(
    automation: Automation, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION_TOKEN", "s3cret-value-of-the-hook")
    there.status, there.body = 410, b"go away, s3cret-value-of-the-hook"
    row = web_address(automation, there, headers={"X-Key": "env:DESTINATION_TOKEN"})
    message = tasks.test_connection("automations.Destination", row.pk)
    row.refresh_from_db()
    assert (row.test_passed, row.test_message) == (False, message)
    assert "answered 410" in message
    assert "s3cret" not in message


def test_a_test_needs_its_right(automation: Automation, there: Receiver, operator: Any) -> None:
    row = web_address(automation, there)
    with pytest.raises(NotAllowed):
        services.ask_for_connection_test(row, by=operator)
    with pytest.raises(NotAllowed):
        services.ask_for_test_message(row, by=operator)


def test_a_test_message_goes_to_people_only(
    automation: Automation, there: Receiver, editor: Any
) -> None:
    with pytest.raises(WrongState, match="dry run"):
        services.ask_for_test_message(web_address(automation, there), by=editor)


def test_a_test_message_says_that_it_is_one(automation: Automation, settings: Settings) -> None:
    with mail_server() as box:
        settings.OUTBOUND_ALLOW = {"destination": [box.place]}
        row = _mail(automation, box)
        message = tasks.send_test_message(row.pk)
    assert message.startswith("The test message was sent: ")
    assert "This is a test message" in box.text.replace("\n", " ")
    row.refresh_from_db()
    assert row.test_passed is True


def _mail(automation: Automation, box: Mailbox) -> Destination:
    return make_destination(
        automation,
        kind="email",
        settings={
            "recipients": ["ada@example.com"],
            "sender": "robot@example.org",
            "host": "127.0.0.1",
            "port": box.port,
            "security": "none",
        },
    )


def test_a_row_that_was_removed_meanwhile_is_no_error() -> None:
    assert tasks.test_connection("automations.Destination", 4711) == "It was removed meanwhile."
    assert tasks.send_test_message(4711) == "It was removed meanwhile."


def test_a_destination_that_is_gone_is_switched_off_once(
    automation: Automation, there: Receiver
) -> None:
    row = web_address(automation, there)
    for _ in range(2):
        services.switch_off_destination(row.pk, "It wants nothing any more.")
    row.refresh_from_db()
    assert (row.is_active, row.test_passed) == (False, False)
    assert AuditEvent.objects.filter(action="switch off destination").count() == 1


# --- pages ----------------------------------------------------------------------------------


def test_the_page_polls_while_a_test_is_under_way_and_says_that_no_worker_lives(
    client: Client, editor: Any, automation: Automation, there: Receiver
) -> None:
    row = web_address(automation, there)
    client.force_login(editor)
    answer = client.post(reverse("destination_test", args=[automation.slug, row.pk]))
    assert answer.headers["Location"] == reverse("destination", args=[automation.slug, row.pk])
    fragment = client.get(reverse("destination_tested", args=[automation.slug, row.pk]))
    assert fragment.status_code == 200
    assert "No worker is alive" in fragment.content.decode()
    services.store_connection_test(row, passed=True, message="It answers.")
    fragment = client.get(reverse("destination_tested", args=[automation.slug, row.pk]))
    assert fragment.status_code == 286
    assert "It answers." in fragment.content.decode()


def test_a_test_takes_nothing_from_the_request(
    client: Client, editor: Any, automation: Automation, there: Receiver
) -> None:
    row = web_address(automation, there)
    client.force_login(editor)
    sent = {"url": "https://evil.example.com", "kind": "http", "settings": "{}"}
    client.post(reverse("destination_test", args=[automation.slug, row.pk]), sent)
    row.refresh_from_db()
    assert row.settings == {"url": f"{there.url}/in"}


def test_the_dry_run_shows_the_newest_output_and_calls_nobody(
    client: Client, viewer: Any, there: Receiver
) -> None:
    version = make_live()
    row = web_address(version.automation, there)
    url = reverse("destination_dry_run", args=[version.automation.slug, row.pk])
    client.force_login(viewer)
    assert "This is an example" in client.get(url).content.decode()
    make_run(version, status="success", output_data={"text": "A former one."})
    make_run(version, status="success", output_data={"text": "The <b>newest</b> post."})
    page = client.get(url).content.decode()
    assert "The &lt;b&gt;newest&lt;/b&gt; post." in page
    assert "A former one" not in page
    assert there.seen == []


def test_the_dry_run_says_why_nothing_could_be_sent(
    client: Client, viewer: Any, automation: Automation, there: Receiver
) -> None:
    row = web_address(automation, there, body="template", template='{"a": "{{ data_x }}"}')
    client.force_login(viewer)
    page = client.get(reverse("destination_dry_run", args=[automation.slug, row.pk]))
    assert "Nothing could be sent." in page.content.decode()
    assert "no field" in page.content.decode()


def test_a_destination_of_a_kind_that_is_gone_still_has_its_row(
    client: Client, editor: Any, automation: Automation
) -> None:
    row = make_destination(automation)
    Destination.objects.filter(pk=row.pk).update(kind="carrier_pigeon")
    client.force_login(editor)
    page = client.get(reverse("automation_connections", args=[automation.slug]))
    assert "Of the unknown kind carrier_pigeon" in page.content.decode()


def test_a_chain_that_would_loop_is_refused_beside_its_field(
    client: Client, editor: Any, automation: Automation
) -> None:
    client.force_login(editor)
    fields = {"kind": "automation", "name": "On", "is_active": "on"}
    fields["automation"] = automation.slug
    answer = client.post(reverse("destination_new", args=[automation.slug]), fields)
    assert answer.status_code == 200
    assert answer.context["parts"][1].errors["automation"]
    assert not automation.destinations.exists()


def test_an_automation_that_does_not_exist_is_no_target(
    client: Client, editor: Any, automation: Automation
) -> None:
    client.force_login(editor)
    fields = {"kind": "automation", "name": "On", "automation": "nobody"}
    answer = client.post(reverse("destination_new", args=[automation.slug]), fields)
    assert "no automation nobody" in answer.context["parts"][1].errors["automation"][0]
    assert not automation.destinations.exists()

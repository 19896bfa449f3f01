"""People are told when a provider is not called: since when, why, who waits, what to do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations import waiting
from automations.models import Provider, Run, Worker
from tests.makers import make_live, make_run

pytestmark = pytest.mark.django_db
OUTAGE = "api.acme.example failed with an error of its own (500); try again later."
REFUSED = "api.acme.example refused the API key (401); enter a valid key on the provider's page."


def stop(*, outage: bool) -> Provider:
    """Make the default provider one that is not called."""
    provider = Provider.objects.default()
    Provider.objects.update(
        circuit_opened_at=timezone.now() - timedelta(minutes=5),
        circuit_reason=OUTAGE if outage else REFUSED,
        circuit_is_outage=outage,
        failures_in_row=7 if outage else 0,
        probe_at=timezone.now() + timedelta(seconds=9) if outage else None,
    )
    provider.refresh_from_db()
    return provider


def page(client: Client, user: Any, *where: Any) -> str:
    client.force_login(user)
    answer = client.get(reverse(where[0], args=where[1:]))
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_nothing_is_said_while_all_providers_are_called(client: Client, admin: Any) -> None:
    make_run(make_live())
    assert waiting.stopped_providers() == []
    assert "is not called" not in page(client, admin, "portfolio")


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("outage", [OUTAGE, "tried again every 30 seconds"]),
        ("refusal", ["refused the API key (401)", "test the provider"]),
    ],
)
def test_home_and_the_automations_page_name_the_provider_that_is_not_called(
    client: Client, admin: Any, viewer: Any, trouble: str, words: list[str]
) -> None:
    version = make_live()
    provider = stop(outage=trouble == "outage")
    for priority in (Run.BULK, Run.BULK, Run.INTERACTIVE, Run.HELD):
        make_run(version, priority=priority)
    make_run(version, step="deliver")
    for user in (admin, viewer):
        for where in (("portfolio",), ("automation", version.automation.slug)):
            shown = page(client, user, *where)
            assert "is not called" in shown
            assert "3 runs wait" in shown
            assert provider.name in shown
            for word in words:
                assert word.replace("'", "&#x27;") in shown


def test_the_runs_page_says_why_it_waits(client: Client, viewer: Any) -> None:
    Worker.objects.create(name="w", started_at=timezone.now(), seen_at=timezone.now())
    run = make_run(make_live(), priority=Run.BULK)
    stop(outage=True)
    (sentence,) = waiting.obstacles(run)
    assert "keeps failing" in sentence
    assert "goes on by itself" in sentence
    assert OUTAGE in sentence
    assert "keeps failing" in page(client, viewer, "run", run.pk)


def test_the_providers_page_says_what_happens_next(client: Client, admin: Any) -> None:
    provider = stop(outage=True)
    shown = page(client, admin, "admin:automations_provider_change", provider.pk)
    assert "7 times in a row" in shown
    assert "every 30 seconds" in shown
    assert "Failing" in page(client, admin, "admin:automations_provider_changelist")


def test_many_waiting_runs_are_counted_no_further_than_they_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "COUNTED_FOR_ALL", 2)
    version = make_live()
    stop(outage=True)
    for _ in range(4):
        make_run(version, priority=Run.BULK)
    (told,) = waiting.stopped_providers()
    assert told.waiting == "more than 2 runs wait"

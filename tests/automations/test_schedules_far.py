"""Schedules whose sources are elsewhere: the sweep hands them over, and asks nobody itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from pytest_django import Settings

from automations import queue, services, tasks
from automations.models import Run, Source, Trigger
from automations.services import schedules
from tests.automations.connectors.serving import Site, serving
from tests.automations.connectors.test_feed import entry, rss
from tests.makers import make_automation, make_live

pytestmark = pytest.mark.django_db(transaction=True)
CRON = {"cron": "0 3 * * *"}


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    with serving() as running:
        settings.OUTBOUND_ALLOW = {"source": [running.place]}
        yield running


def make_far(url: str, slug: str) -> Trigger:
    automation = make_live(make_automation(slug)).automation
    Source.objects.filter(automation=automation).delete()
    Source.objects.create(automation=automation, kind="feed", settings={"url": url})
    due = timezone.now() - timedelta(seconds=1)
    return Trigger.objects.create(automation=automation, settings=CRON, next_at=due)


def handed_over() -> list[list[int]]:
    calls = [SignedPackage.loads(row.payload) for row in OrmQ.objects.order_by("pk")]
    return [call["args"][0] for call in calls if call["func"] == queue.FIRE]


@pytest.fixture
def meeting(settings: Settings) -> Iterator[str]:
    """Serve an address that answers once four ask for it at the same time, and return it."""
    gate = threading.Barrier(4, timeout=20)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            gate.wait()
            body = rss(entry(1)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"127.0.0.1:{server.server_address[1]}"
    settings.OUTBOUND_ALLOW = {"source": [place]}
    yield f"http://{place}/feed"
    server.shutdown()
    server.server_close()


def test_the_sweep_asks_nobody_and_hands_each_schedule_over_once(site: Site) -> None:
    far = make_far(site.put("/feed", rss(entry(1))), "far")
    for _ in range(3):
        assert tasks.sweep() == "reaped 0, fired 0"
    assert (handed_over(), site.requests) == ([[far.pk]], [])

    assert tasks.fire_triggers([far.pk]) == "fired 1"
    assert Run.objects.get().trigger == far
    far.refresh_from_db()
    assert far.listing_since is None
    assert [firing.outcome for firing in far.firings.all()] == ["started"]
    assert tasks.fire_triggers([far.pk]) == "fired 0"
    assert Run.objects.count() == 1


def test_a_schedule_whose_task_was_killed_is_handed_over_again(site: Site) -> None:
    far = make_far(f"{site.url}/feed", "far")
    killed = timezone.now() - schedules.LISTING_FOR - timedelta(minutes=1)
    Trigger.objects.filter(pk=far.pk).update(listing_since=killed)
    tasks.sweep()
    assert handed_over() == [[far.pk]]


def test_what_brings_its_own_input_is_started_by_the_sweep(site: Site) -> None:
    far = make_far(f"{site.url}/feed", "far")
    far.settings = {**CRON, "input": {"content": "tick"}}
    far.save()
    assert tasks.sweep() == "reaped 0, fired 1"
    assert handed_over() == []


def test_sources_are_asked_at_the_same_time(meeting: str) -> None:
    far = [make_far(meeting, f"far-{number}") for number in range(4)]
    tasks.sweep()
    assert handed_over() == [[trigger.pk for trigger in far]]
    assert tasks.fire_triggers(handed_over()[0]) == "fired 4"


def test_a_stopped_installation_asks_nobody(site: Site) -> None:
    far = make_far(f"{site.url}/feed", "far")
    Trigger.objects.filter(pk=far.pk).update(listing_since=timezone.now())
    services.halt(by=services.SYSTEM, reason="A test.")
    assert tasks.fire_triggers([far.pk]) == "fired 0"
    assert site.requests == []

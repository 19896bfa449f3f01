"""Is it up, can it work, and if not why."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from automations import services
from automations.models import Worker
from monitoring import health

pytestmark = pytest.mark.django_db


def make_worker(seconds_ago: float = 0) -> Worker:
    now = timezone.now()
    return Worker.objects.create(
        name="w", started_at=now, seen_at=now - timedelta(seconds=seconds_ago)
    )


def test_healthz_answers_without_a_worker(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_readyz_is_ready_with_a_live_worker(client: Client) -> None:
    make_worker()
    response = client.get("/readyz")
    assert (response.status_code, response.json()["reasons"]) == (200, [])


def test_readyz_says_that_no_worker_is_alive(client: Client) -> None:
    make_worker(seconds_ago=120)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "manage.py worker" in response.json()["reasons"][0]


def test_readyz_says_that_everything_is_stopped(client: Client) -> None:
    make_worker()
    services.halt(by=services.SYSTEM, reason="the model leaks prompts")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "the model leaks prompts" in response.json()["reasons"][0]


def test_readyz_says_that_migrations_are_missing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_worker()
    monkeypatch.setattr(health, "_applied_at", {})
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder.Migration.objects.filter(app="automations", name="0004_reliability").delete()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "1 migrations are not applied" in response.json()["reasons"][0]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_only_read(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
    assert "no-store" in client.get(path)["Cache-Control"]

"""Secrets at rest: readable with today's keys, bound to their row, rotated by a command."""

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from pytest_django.fixtures import Settings

from automations import encryption, services
from automations.errors import Problem
from automations.models import AuditEvent, Provider
from tests.makers import make_provider

SECRET = "sk-not-a-real-key-1234567890"


def test_a_sealed_secret_comes_back_for_its_row() -> None:
    token = encryption.seal(SECRET, binding="row-1")
    assert SECRET not in token
    assert encryption.unseal(token, binding="row-1") == SECRET


def test_a_ciphertext_moved_to_another_row_is_refused() -> None:
    token = encryption.seal(SECRET, binding="row-1")
    with pytest.raises(Problem, match="belongs to another row"):
        encryption.unseal(token, binding="row-2")


def test_a_secret_under_a_lost_key_is_refused_in_words(settings: Settings) -> None:
    token = encryption.seal(SECRET, binding="row-1")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(Problem, match="another FIELD_ENCRYPTION_KEY"):
        encryption.unseal(token, binding="row-1")


@pytest.mark.parametrize("keys", [[], ["not-a-key"]])
def test_without_a_proper_key_nothing_is_stored(settings: Settings, keys: list[str]) -> None:
    settings.FIELD_ENCRYPTION_KEYS = keys
    with pytest.raises(ImproperlyConfigured, match="FIELD_ENCRYPTION_KEY"):
        encryption.seal(SECRET, binding="row-1")


@pytest.mark.django_db
def test_rotation_makes_the_old_key_dispensable(settings: Settings) -> None:
    provider = services.set_key(
        make_provider(base_url="https://example.com/v1"), SECRET, by=services.SYSTEM
    )
    new = Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [new, *settings.FIELD_ENCRYPTION_KEYS]
    call_command("rotate_keys")
    settings.FIELD_ENCRYPTION_KEYS = [new]
    provider.refresh_from_db()
    assert provider.open_key() == SECRET


@pytest.mark.django_db
def test_the_trail_tells_of_the_key_without_it() -> None:
    provider = services.set_key(make_provider(), SECRET, by=services.SYSTEM)
    event = AuditEvent.objects.get(action="set key")
    assert event.object_id == str(provider.pk)
    stored = Provider.objects.values().get(pk=provider.pk)
    assert SECRET not in f"{event.before}{event.after}{stored}"

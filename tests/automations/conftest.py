"""Fixtures for tests in which runs reach a model and a destination, both on loopback."""

from typing import Any

import pytest

from tests.provider import FakeProvider

KEY = "sk-test-0123456789abcdefghij"


@pytest.fixture
def answering(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> FakeProvider:
    """The fake provider as the default provider, and as a place to which output may go."""
    monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_MODEL", "ok")
    place = f"127.0.0.1:{provider.port}"
    settings.OUTBOUND_ALLOW = {"destination": [place], "provider": [place]}
    return provider

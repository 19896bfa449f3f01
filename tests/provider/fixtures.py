"""The `provider` fixture: one server for the session, forgetful between tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.provider.handles import FakeProvider


@pytest.fixture(scope="session")
def _provider_server() -> Iterator[FakeProvider]:
    with FakeProvider() as server:
        yield server


@pytest.fixture
def provider(_provider_server: FakeProvider) -> FakeProvider:
    """A fake provider and destination on loopback, fresh for this test."""
    _provider_server.script(reset=True, latency_ms=0)
    return _provider_server

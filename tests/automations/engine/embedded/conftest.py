"""Fixtures for the embedded model: a cache and a hub of the test's own, no packages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.automations.engine.embedded.makers import CONTENT, Bars, Hub


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Take away what the machine's environment says about models, and the package index."""
    if "model" in request.keywords:
        return
    for name in ("LOCAL_MODEL", "LOCAL_MODEL_PATH", "LOCAL_MODEL_SHA256", "LOCAL_MODEL_HUB", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache folder, which the environment names."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("LOCAL_MODEL_CACHE", str(folder))
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Run a hub that has the toy model, and name it in the environment."""
    hub = Hub({"/toys/toy.gguf": CONTENT})
    server = hub.start()
    monkeypatch.setenv("LOCAL_MODEL_HUB", hub.url)
    yield hub
    server.shutdown()
    server.server_close()


@pytest.fixture
def bars() -> Bars:
    """Return a progress that remembers."""
    return Bars()

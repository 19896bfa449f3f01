"""What every test shares: the database, the browser, and the fixtures of the test packages."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest
from django.db import connection, connections
from hypothesis import settings as hypothesis_settings

from scripts.postgres import Server

# Fixtures that belong to a package of tests live there; add its module to this line.
FIXTURES = ("tests.provider.fixtures", "tests.people")
pytest_plugins = tuple(name for name in FIXTURES if find_spec(name))

# Timings are benchmarks, never assertions: a busy machine must not fail an example.
hypothesis_settings.register_profile("suite", deadline=None)
hypothesis_settings.load_profile("suite")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Without these Chromium calls home in the background, and a shared /dev/shm may be too small.
BROWSER_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
NO_CHROMIUM = (
    "No Chromium was found: install one (Debian: apt-get install chromium) "
    "or name it in CHROMIUM=/path/to/chromium."
)
NO_DRIVER = "Playwright's driver does not start (Debian: apt-get install libatomic1): "


# --- database ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Put SQLite's test database into a file, as in production: workers open it as well."""
    database = connections["default"].settings_dict
    if connections["default"].vendor == "sqlite":
        database["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """Return the environment for a process of ours that works on this test's database."""
    return {**os.environ, "DATABASE_URL": _database_url(connection.settings_dict)}


def _database_url(database: dict[str, Any]) -> str:
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    named = {name: str(database[name.upper()]) for name in ("host", "port", "user", "password")}
    return Server("the suite's", **named).database_url(database["NAME"])


# --- browser -------------------------------------------------------------------------------


def find_chromium() -> str | None:
    """Return the path of the Chromium to test with, or None."""
    if named := os.environ.get("CHROMIUM"):
        return named
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@cache
def what_the_browser_lacks() -> str:
    """Return why no browser can be driven here; empty if one can."""
    if find_chromium() is None:
        return NO_CHROMIUM
    command = [sys.executable, "-m", "playwright", "--version"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode == 0:
        return ""
    return NO_DRIVER + ":".join(asked.stderr.split(":")[-2:]).strip()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a browser test where no browser can be driven; in CI it fails."""
    if item.get_closest_marker("browser") and (reason := what_the_browser_lacks()):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the machine's own Chromium."""
    # Playwright keeps an event loop in this thread, which Django takes for an async caller.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    return {
        **browser_type_launch_args,
        "executable_path": find_chromium(),
        "args": [*BROWSER_ARGUMENTS],
    }


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark what uses a browser, and run it last: asyncio.run() fails once Playwright has begun."""
    for item in items:
        if "browser_name" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    yield
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it loudly when the browser tests did not run."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = [str(report.longrepr) for report in reports]
    count = sum(NO_CHROMIUM in reason or NO_DRIVER in reason for reason in reasons)
    if count:
        terminalreporter.section("THE BROWSER TESTS DID NOT RUN", red=True, bold=True)
        terminalreporter.line(f"{count} tests. {what_the_browser_lacks()}")

"""Scratch databases: made for the benchmark, migrated, and dropped again."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psycopg import sql

from benchmarks.processes import ask, run
from scripts.cluster import NoPostgres
from scripts.postgres import Server, server

QUIET = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "REDIS_URL")


@dataclass(frozen=True, slots=True)
class Place:
    """A database to measure on, and the environment of processes that work on it."""

    name: str
    version: str
    environment: dict[str, str]
    durable: bool = True

    @property
    def directory(self) -> Path:
        return Path(self.environment["BENCHMARK_SCRATCH"])

    def allowing(self, port: int) -> Place:
        """Return the place with the fake provider's port open for calls and deliveries."""
        ours = f"127.0.0.1:{port}"
        opened = {"OUTBOUND_ALLOW_PROVIDERS": ours, "OUTBOUND_ALLOW_DESTINATIONS": ours}
        return replace(self, environment={**self.environment, **opened})

    def ask(self, module: str, **wish: Any) -> Any:
        """Run a module of ours on this database and return its answer."""
        return ask(module, wish, environment=self.environment)


@contextlib.contextmanager
def places(*, only: str = "") -> Iterator[tuple[list[Place], str]]:
    """Yield the databases to measure on, and why PostgreSQL is missing ('' when it is not)."""
    with contextlib.ExitStack() as stack:
        found, missing = [], ""
        if only != "postgresql":
            found.append(stack.enter_context(_sqlite()))
        if only != "sqlite":
            try:
                found.append(stack.enter_context(_postgresql(stack.enter_context(server()))))
            except NoPostgres as reason:
                missing = str(reason)
        for place in found:
            run(["manage.py", "migrate", "--verbosity", "0"], environment=place.environment)
        yield found, missing


@contextlib.contextmanager
def _sqlite() -> Iterator[Place]:
    with _directory() as scratch:
        url = f"sqlite:///{scratch}/benchmark.sqlite3"
        yield Place("SQLite", sqlite3.sqlite_version, _environment(scratch, url))


@contextlib.contextmanager
def _postgresql(found: Server) -> Iterator[Place]:
    name = f"lifecycle_benchmark_{os.getpid()}"
    found.drop(name)
    with found.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        durable = connection.execute("SHOW fsync").fetchone() == ("on",)
    try:
        with _directory() as scratch:
            environment = _environment(scratch, found.database_url(name))
            yield Place("PostgreSQL", found.version, environment, durable)
    finally:
        found.drop(name)


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lifecycle-benchmark-") as name:
        yield Path(name)


def _environment(scratch: Path, url: str) -> dict[str, str]:
    (scratch / "files").mkdir()
    return {
        **os.environ,
        **dict.fromkeys(QUIET, ""),  # empty, not absent: a .env file must not fill it in
        "BENCHMARK_SCRATCH": str(scratch),
        "DATABASE_URL": url,
        "DEBUG": "false",
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "FIELD_ENCRYPTION_KEY": "",
        "LOG_LEVEL": "INFO",
        "SECRET_KEY": "benchmark-only-" + "k" * 50,
        "SITE_URL": "http://127.0.0.1:8000",
    }

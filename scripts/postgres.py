"""Finds a PostgreSQL server for tests and benchmarks, or starts one that is thrown away."""

import contextlib
import getpass
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from scripts.cluster import NoPostgres, throw_away

SOCKET_DIRECTORIES = ("/var/run/postgresql", "/tmp")  # noqa: S108
OLDEST = 140_000  # what Django 5.2 needs


@dataclass(frozen=True, slots=True)
class Server:
    """A server on which databases may be created; `host` may be a socket's directory."""

    origin: str
    host: str
    port: str = "5432"
    user: str = "postgres"
    password: str = ""
    version: str = ""

    def database_url(self, name: str) -> str:
        """Return DATABASE_URL for the database with this name."""
        login = quote(self.user) + (f":{quote(self.password)}" if self.password else "")
        if self.host.startswith("/"):  # django-environ reads a socket's directory in the path
            return f"postgres://{login}@/{self.host}/{name}"
        return f"postgres://{login}@{self.host}:{self.port}/{name}"

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Return a connection to the server's `postgres` database, outside any transaction."""
        conninfo = make_conninfo(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password or None,
            dbname="postgres",
            connect_timeout=3,
        )
        return psycopg.connect(conninfo, autocommit=True)

    def drop(self, name: str) -> None:
        """Drop a database, closing what is still connected to it; none of that name is fine."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        with self.connect() as connection:
            connection.execute(statement.format(sql.Identifier(name)))


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """Yield a server: TEST_POSTGRES_URL, a local one, or one of our own until the block ends.

    Raises NoPostgres when none can be had.
    """
    if configured := os.environ.get("TEST_POSTGRES_URL", ""):
        yield _configured(configured)
    elif local := _local():
        yield local
    else:
        with throw_away() as (port, password):
            started = Server("a server of its own", "127.0.0.1", str(port), password=password)
            own = _probe(started)
            if isinstance(own, str):
                raise NoPostgres(f"The server started for this run cannot be used: {own}.")
            yield own


def _configured(url: str) -> Server:
    parts: Mapping[str, object] = {"port": "5432", "password": "", **conninfo_to_dict(url)}
    try:
        named = {key: str(parts[key]) for key in ("host", "port", "user", "password")}
    except KeyError as error:
        message = f"TEST_POSTGRES_URL names no {error}: set it to postgres://user@host:port."
        raise NoPostgres(message) from None
    found = _probe(Server("TEST_POSTGRES_URL", **named))
    if isinstance(found, str):
        raise NoPostgres(f"TEST_POSTGRES_URL cannot be used: {found}.")
    return found


def _local() -> Server | None:
    sockets = [place for place in SOCKET_DIRECTORIES if Path(place, ".s.PGSQL.5432").exists()]
    for host in ["127.0.0.1", *sockets]:
        for user in dict.fromkeys(("postgres", getpass.getuser())):
            found = _probe(Server(f"{host}, port 5432, as {user}", host, user=user))
            if isinstance(found, Server):
                return found
    return None


def _probe(candidate: Server) -> Server | str:
    """Return the server with its version, or the reason why it will not do."""
    question = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
    try:
        with candidate.connect() as connection:
            row = connection.execute(question).fetchone()
            version = connection.info.server_version
    except psycopg.Error as error:
        return " ".join(str(error).split())
    if version < OLDEST:
        return f"it is version {version // 10_000} and Django needs {OLDEST // 10_000}"
    if not row or not row[0]:
        return f"its user {candidate.user} may not create databases"
    return replace(candidate, version=f"{version // 10_000}.{version % 10_000}")

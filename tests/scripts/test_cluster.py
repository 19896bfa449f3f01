"""The PostgreSQL that is started for a run and thrown away."""

import os
import tempfile
from pathlib import Path

import psycopg
import pytest

from scripts.cluster import NoPostgres, throw_away
from scripts.postgres import Server

pytestmark = pytest.mark.once


def directories() -> set[Path]:
    """Return the data directories there are."""
    return set(Path(tempfile.gettempdir()).glob("lifecycle-pg-*"))


def test_a_cluster_lives_as_long_as_its_block() -> None:
    before = directories()
    try:
        with throw_away() as (port, password):
            own = Server("own", "127.0.0.1", str(port), password=password)
            with own.connect() as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            assert len(directories() - before) == 1
    except NoPostgres as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))
    with pytest.raises(psycopg.OperationalError):
        own.connect()
    assert directories() == before


def test_a_server_behind_a_socket_has_a_url_that_the_settings_read() -> None:
    server = Server("socket", "/var/run/postgresql", user="someone")
    assert server.database_url("name") == "postgres://someone@//var/run/postgresql/name"


def test_a_password_is_quoted_in_the_url() -> None:
    server = Server("tcp", "127.0.0.1", "5433", "someone", "p@ss:word")
    assert server.database_url("name") == "postgres://someone:p%40ss%3Aword@127.0.0.1:5433/name"

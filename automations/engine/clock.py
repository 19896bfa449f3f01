"""The database's clock: the only one that leases and due times follow."""

from datetime import UTC, datetime, timedelta

from django.db import connection


class DatabaseClock:
    """Local time corrected by the offset to the database's clock."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def sync(self) -> None:
        """Ask the database for its time; on SQLite it is this machine's own."""
        if connection.vendor != "postgresql":
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            self._offset = cursor.fetchone()[0] - datetime.now(UTC)

    def now(self) -> datetime:
        """Return the database's present time, aware, in UTC."""
        return datetime.now(UTC) + self._offset

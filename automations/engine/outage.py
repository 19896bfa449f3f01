"""Tell a database that is away from a statement that it refuses."""

from django.db import InterfaceError, OperationalError, connection

# Connection lost, transaction rolled back, resources, locks, operator's doing (SQLSTATE classes).
POSTGRESQL_OUTAGES = {"08", "40", "53", "55", "57"}
SQLITE_OUTAGES = ("locked", "busy", "disk i/o", "unable to open", "readonly")


def is_outage(error: Exception) -> bool:
    """Tell whether waiting and repeating can help.

    SQLite reports mistakes in a statement as operational errors too, so its words decide.
    """
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, OperationalError):
        return False
    if connection.vendor != "sqlite":
        state = getattr(error.__cause__, "sqlstate", None)
        return state is None or state[:2] in POSTGRESQL_OUTAGES
    return any(words in str(error).lower() for words in SQLITE_OUTAGES)

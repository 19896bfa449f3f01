"""Tell a database that is away from a statement that it refuses."""

from django.db import InterfaceError, OperationalError, connection

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
        return True
    return any(words in str(error).lower() for words in SQLITE_OUTAGES)

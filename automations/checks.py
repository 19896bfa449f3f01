"""System checks: settings that do not fit together, found at start-up."""

import sqlite3
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connection


@register()
def check_fields_key(**_: Any) -> list[CheckMessage]:
    """Warn when no key is set: typed provider keys cannot be stored then."""
    if settings.FIELD_ENCRYPTION_KEYS:
        return []
    hint = "Run `make env`, or set FIELD_ENCRYPTION_KEY to a Fernet key."
    return [Warning("FIELD_ENCRYPTION_KEY is not set.", hint=hint, id="automations.W001")]


@register()
def check_debug_is_private(**_: Any) -> list[CheckMessage]:
    """Refuse DEBUG on a host that others can reach."""
    public = set(settings.ALLOWED_HOSTS) - {"127.0.0.1", "localhost", "[::1]", "testserver"}
    if not (settings.DEBUG and public):
        return []
    hint = "Set DEBUG=false, or take the public names out of ALLOWED_HOSTS."
    return [Error("DEBUG is on while ALLOWED_HOSTS is public.", hint=hint, id="automations.E001")]


@register()
def check_queue_outlives_pump(**_: Any) -> list[CheckMessage]:
    """Refuse a queue that would hand out a pump's message twice."""
    queue = settings.Q_CLUSTER
    if int(str(queue["retry"])) >= 10 * int(str(queue["timeout"])):
        return []
    hint = "Keep Q_CLUSTER['retry'] at least ten times its timeout."
    return [Error("The queue would repeat a running pump.", hint=hint, id="automations.E002")]


@register()
def check_sqlite_is_new_enough(**_: Any) -> list[CheckMessage]:
    """Refuse an SQLite that cannot update from a list and tell what it updated."""
    if connection.vendor != "sqlite" or sqlite3.sqlite_version_info >= (3, 35):
        return []
    hint = "Use a newer Python or system, or set DATABASE_URL to a PostgreSQL server."
    found = f"SQLite {sqlite3.sqlite_version} is too old; 3.35 is needed."
    return [Error(found, hint=hint, id="automations.E003")]


@register()
def check_api_limits(**_: Any) -> list[CheckMessage]:
    """Refuse limits under which the API would answer nobody, or believe anybody's address."""
    found: list[CheckMessage] = []
    if settings.API_REQUESTS_PER_MINUTE < 1:
        hint = "Set it to 1 or more, or leave it out for 600."
        found.append(Error("API_REQUESTS_PER_MINUTE is below 1.", hint=hint, id="automations.E010"))
    if settings.PROXY_HOPS < 0:
        hint = "Set it to the number of your own proxies before the web process, or leave it out."
        found.append(Error("PROXY_HOPS is below 0.", hint=hint, id="automations.E011"))
    return found

"""A pump's threads: the one that talks to the database, through outages, and what blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

from automations.engine.outage import is_outage

log = structlog.get_logger(__name__)
T = TypeVar("T")
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
BLOCKING = 16


def threads(name: str) -> ThreadPoolExecutor:
    """Return threads for one kind of work that blocks; a pump has no more of them than these.

    What hangs in them holds up its own kind only: the event loop's own threads look up addresses.
    """
    return ThreadPoolExecutor(BLOCKING, thread_name_prefix=f"pump-{name}")


class DatabaseThread:
    """One thread with one connection; the event loop never touches the database itself."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pump-db")

    async def call(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run `work`; while the database is away, wait and repeat.

        Everything sent through here is fenced or read-only, so repeating it is safe.
        """
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(
                    self._thread, lambda: work(*args, **kwargs)
                )
            except (OperationalError, InterfaceError) as error:
                if not is_outage(error):
                    raise
                log.warning("database_away", error=type(error).__name__, again_in_s=wait_s)
                self._thread.submit(_close_connection)
                await asyncio.sleep(wait_s)
                wait_s = min(LONGEST_WAIT_S, wait_s * 2)

    async def close(self) -> None:
        """Close the connection and end the thread."""
        await self.call(_close_connection)
        self._thread.shutdown()


def _close_connection() -> None:
    """Close the calling thread's connection: `connection` is another one in each thread."""
    connection.close()

"""The HTTP client for sources, destinations and notices."""

import asyncio
import re
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from automations.outbound.replies import OutboundFailed, Reply
from automations.outbound.rules import Allowance, check_url, place_of
from automations.text import one_line

if TYPE_CHECKING:
    from automations.outbound.session import GuardedSession, Lookup

DEFAULT_MAX_BYTES = 1_000_000
# Servers close idle connections after as little as 2 s, and a request that meets the closing has
# an unknown outcome: keep a connection only for as long as a burst lasts.
IDLE_S = 1.0

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t -~\x80-\U0010ffff]*")
# These say where a request ends, where it goes and in which form the answer may come.
_OUR_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class OutboundClient:
    """Calls what an allowance permits, within a deadline and a number of bytes.

    Use as `async with OutboundClient(Allowance.for_purpose("destination")) as http`; one client
    serves any number of calls at once.
    """

    def __init__(self, allow: Allowance, *, lookup: "Lookup | None" = None) -> None:
        self._allow = allow
        self._lookup = lookup
        self._session: GuardedSession

    async def __aenter__(self) -> Self:
        # aiohttp takes a quarter of a second to import, and the web process never calls out.
        from automations.outbound.session import GuardedSession, system_lookup  # noqa: PLC0415

        lookup = self._lookup or system_lookup
        self._session = GuardedSession(self._allow, lookup=lookup, idle_s=IDLE_S)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        deadline_s: float = 15.0,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> Reply:
        """Call a URL and return the whole answer, whatever its status; a redirect is an answer.

        The deadline covers everything from the name's look-up to the last byte. Raises
        `OutboundRefused` when the call was not made, `OutboundFailed` when no answer came.
        """
        check_url(url, allow=self._allow)
        sent = self._checked_headers(headers or {})
        try:
            async with asyncio.timeout(deadline_s):
                return await self._session.fetch(
                    method, url, headers=sent, body=body, max_bytes=max_bytes
                )
        except TimeoutError:
            what = f"no whole answer within {deadline_s:g} s"
            host = one_line(place_of(url, allow=self._allow).host)
        raise OutboundFailed(what, host=host, code="timeout", category=self._allow.category)

    def _checked_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise self._allow.refusal(
                    f"The header {one_line(name, limit=40)!r} holds characters that headers cannot "
                    "hold; remove them",
                    code="bad_header",
                )
            if name.lower() in _OUR_HEADERS:
                raise self._allow.refusal(
                    f"The header {name} is not yours to set; remove it", code="bad_header"
                )
        return {"User-Agent": "Lifecycle", **headers, "Accept-Encoding": "identity"}

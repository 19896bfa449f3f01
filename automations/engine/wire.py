"""The guarded session as a transport for the provider's client."""

from collections.abc import Mapping

import httpx2

from automations.outbound.session import GuardedSession


class Wire(httpx2.AsyncBaseTransport):
    """Sends requests through a guarded session under headers of our own.

    The client's headers are not sent: it takes some from the environment, and adds a description
    of this machine. `max_bytes` bounds every answer, errors included.
    """

    def __init__(
        self, session: GuardedSession, *, headers: Mapping[str, str], max_bytes: int
    ) -> None:
        self._session = session
        self._headers = headers
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Make the call; `OutboundRefused` and `OutboundFailed` pass the client untouched."""
        reply = await self._session.fetch(
            request.method,
            str(request.url),
            headers=self._headers,
            body=request.content,
            max_bytes=self._max_bytes,
        )
        headers = [
            (name.encode(), value.encode("utf-8", "surrogateescape"))
            for name, value in reply.headers.items()
        ]
        return httpx2.Response(reply.status, headers=headers, content=reply.body, request=request)

    async def aclose(self) -> None:
        """Close the session."""
        await self._session.close()

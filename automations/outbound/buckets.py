"""The guard on the object store's client: its connections are held to the rules of all others."""

from __future__ import annotations

from typing import Any

from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.httpsession import AIOHTTPSession
from botocore.awsrequest import AWSPreparedRequest

from automations.outbound.replies import OutboundFailed
from automations.outbound.rules import Allowance, check_url, place_of
from automations.outbound.session import CONNECT_TIMEOUT_S, GuardedResolver

# Listings come a thousand keys a page: well under 2 MB.
MAX_ANSWER_BYTES = 8 * 1024 * 1024
READ_TIMEOUT_S = 30.0
_CHUNK = 65_536


class GuardedStoreSession(AIOHTTPSession):  # type: ignore[misc]  # botocore has no types
    """Looks at every address the store's client calls, redirects and region hops included.

    Answers that the client reads whole are capped; objects stream and are capped by who reads.
    """

    async def send(self, request: AWSPreparedRequest) -> AioAWSResponse:
        """Check, send, and read what is not streamed up to the cap."""
        allow: Allowance = self._connector_args["resolver"].allow
        check_url(request.url, allow=allow)
        streamed, request.stream_output = request.stream_output, True
        try:
            response = await super().send(request)
        finally:
            request.stream_output = streamed
        if not streamed:
            response._content = await _read(response, request.url, allow)
        return response


async def _read(response: AioAWSResponse, url: str, allow: Allowance) -> bytes:
    content = bytearray()
    async for piece in response.raw.content.iter_chunked(_CHUNK):
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            response.raw.close()
            host = place_of(url, allow=allow).host
            what = "the store's answer is larger than any it should give"
            raise OutboundFailed(
                what, host=host, code="response_too_large", category=allow.category
            )
    return bytes(content)


def guarded_config(allow: Allowance) -> dict[str, Any]:
    """Return settings for a store's client under which it goes where the allowance says.

    No proxies, no profiles of the machine, no repeats of its own. Call it in the event loop.
    """
    resolver = GuardedResolver(allow)
    return {
        "http_session_cls": GuardedStoreSession,
        "connector_args": {"resolver": resolver, "socket_factory": resolver.open_socket},
        "proxies": {},
        "retries": {"total_max_attempts": 1},
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "ignore_configured_endpoint_urls": True,
        # Stores other than AWS refuse checksums in trailers.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        "tcp_keepalive": False,
    }

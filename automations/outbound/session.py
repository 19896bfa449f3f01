"""The guard on aiohttp: a name is resolved once, and only an address that was checked is called."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from automations.outbound.replies import OutboundFailed, Reply
from automations.outbound.rules import Allowance
from automations.text import human_size, one_line

Lookup = Callable[[str, int], Awaitable[list[str]]]
AddressInfo = tuple[int, int, int, str, tuple[object, ...]]

CONNECT_TIMEOUT_S = 10.0
_CHUNK = 65_536
_UNKNOWN_NAME = (socket.EAI_NONAME, socket.EAI_NODATA)
_TLS_ERRORS = (
    aiohttp.ClientConnectorSSLError,
    aiohttp.ClientConnectorCertificateError,
    ssl.SSLError,
)
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, *_TLS_ERRORS)


async def system_lookup(host: str, port: int) -> list[str]:
    """Resolve a name with the system's resolver; raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class GuardedResolver(AbstractResolver):
    """Refuses a name if any one of its addresses may not be called."""

    def __init__(self, allow: Allowance, lookup: Lookup = system_lookup) -> None:
        self.allow = allow
        self._lookup = lookup
        self._checked = set(allow.places)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._lookup(host, port)
        if not addresses:
            raise OSError(socket.EAI_NODATA, "the name has no address")
        if not all(self.allow.accepts(address, host=host, port=port) for address in addresses):
            raise self.allow.blocked(host, port)
        self._checked.update((address, port) for address in addresses)
        return [_result(host, port, address) for address in addresses]

    def open_socket(self, info: AddressInfo) -> socket.socket:
        """Make a connection's socket: the last look at where it goes, by whatever way it came."""
        family, kind, protocol, _, target = info
        address, port = str(target[0]), int(str(target[1]))
        known = (address, port) in self._checked
        if not known and not self.allow.accepts(address, host=address, port=port):
            raise self.allow.blocked(address, port)
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Hold nothing, so close nothing."""


def _result(host: str, port: int, address: str) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


class GuardedSession:
    """Connections that only go where an allowance says.

    No redirects, no cookies, no decompression, no proxies or passwords from the environment.
    `idle_s` is how long an unused connection is kept for the next call.
    """

    def __init__(self, allow: Allowance, *, lookup: Lookup = system_lookup, idle_s: float) -> None:
        resolver = GuardedResolver(allow, lookup)
        self._allow = allow
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=resolver,
                socket_factory=resolver.open_socket,
                limit=0,
                keepalive_timeout=idle_s,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def fetch(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes, max_bytes: int
    ) -> Reply:
        """Call a URL that `check_url` has passed and read the whole answer, whatever its status.

        Raises `OutboundRefused` when the name leads where it may not, `OutboundFailed` when no
        answer came. The deadline is the caller's; a cancelled call closes its connection.
        """
        parsed = URL(url, encoded=True)
        try:
            return await self._exchange(method, parsed, headers, body, max_bytes)
        except (aiohttp.ClientError, OSError) as error:
            raise self._explained(error, parsed) from error

    async def _exchange(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes, max_bytes: int
    ) -> Reply:
        async with self._session.request(
            method, url, headers=headers, data=body or None, allow_redirects=False
        ) as response:
            try:
                content = await self._read(response, max_bytes)
            except BaseException:
                response.close()
                raise
        return Reply(response.status, response.headers, content)

    async def _read(self, response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
        coding = response.headers.get("Content-Encoding", "identity").lower()
        if coding != "identity":
            what = f"the answer came compressed ({one_line(coding, limit=20)}), not asked for"
            raise self._failure(what, "unwanted_encoding", response.url)
        if (response.content_length or 0) <= max_bytes:
            content = bytearray()
            async for piece in response.content.iter_chunked(_CHUNK):
                content += piece
                if len(content) > max_bytes:
                    break
            else:
                return bytes(content)
        what = f"the answer is larger than {human_size(max_bytes)}"
        raise self._failure(what, "response_too_large", response.url)

    def _explained(self, error: Exception, url: URL) -> OutboundFailed:
        what, code = _cause(error)
        failure = self._failure(what, code, url)
        failure.maybe_sent = not isinstance(error, _NEVER_SENT)
        return failure

    def _failure(self, what: str, code: str, url: URL) -> OutboundFailed:
        host = one_line(url.host or "")
        return OutboundFailed(what, host=host, code=code, category=self._allow.category)


def _cause(error: Exception) -> tuple[str, str]:
    if isinstance(error, TimeoutError):
        return f"no connection within {CONNECT_TIMEOUT_S:g} s", "timeout"
    if isinstance(error, _TLS_ERRORS):
        return "no secure connection could be made", "tls_error"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        unknown = error.os_error.errno in _UNKNOWN_NAME
        what = "the name is not known" if unknown else "the name could not be looked up"
        return what, "dns_error" if unknown else "network_error"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "nothing answers at that address and port", "network_error"
    if isinstance(error, aiohttp.ClientResponseError):
        return "the answer is not HTTP as we know it", "network_error"
    return "the connection broke before the whole answer had come", "network_error"

"""A guarded connection for what does not speak HTTP: mail."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection

from automations.outbound.replies import OutboundFailed
from automations.outbound.rules import Allowance, check_host
from automations.text import one_line

CONNECT_TIMEOUT_S = 10.0


async def open_connection(
    allow: Allowance, host: str, port: int, *, ports: Collection[int]
) -> socket.socket:
    """Resolve once, refuse if any address may not be called, connect to an address checked.

    `ports` are those open on public hosts. The socket is the caller's, non-blocking. Raises
    `OutboundRefused` when no connection was made, `OutboundFailed` when none came about.
    """
    check_host(host, port, allow=allow, ports=ports)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            addresses = await _addresses(allow, host, port)
            return await _first_connected(addresses, port)
    except TimeoutError:
        what, code = f"no connection within {CONNECT_TIMEOUT_S:g} s", "timeout"
    except socket.gaierror as error:
        unknown = error.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
        what = "the name is not known" if unknown else "the name could not be looked up"
        code = "dns_error" if unknown else "network_error"
    except OSError:
        what, code = "nothing answers at that address and port", "network_error"
    failure = OutboundFailed(what, host=one_line(host), code=code, category=allow.category)
    failure.maybe_sent = False
    raise failure


async def _addresses(allow: Allowance, host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    if not all(allow.accepts(address, host=host, port=port) for address in addresses):
        raise allow.blocked(host, port)
    return addresses


async def _first_connected(addresses: list[str], port: int) -> socket.socket:
    failure: OSError = OSError("the name has no address")
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setblocking(False)  # noqa: FBT003
        try:
            await asyncio.get_running_loop().sock_connect(made, (address, port))
        except OSError as error:
            made.close()
            failure = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise failure

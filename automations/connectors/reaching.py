"""Reach a server without saying anything to it."""

from __future__ import annotations

from automations.connectors.problems import DeliveryProblem
from automations.outbound import (
    Allowance,
    OutboundFailed,
    OutboundRefused,
    check_url,
    open_connection,
    place_of,
)


async def reach(url: str) -> None:
    """Look a web address's host up and connect to it. Raises `DeliveryProblem`."""
    allow = Allowance.for_purpose("destination")
    try:
        check_url(url, allow=allow)
        place = place_of(url, allow=allow)
        made = await open_connection(allow, place.host, place.port, ports=(80, 443))
    except OutboundRefused as refusal:
        raise DeliveryProblem(refusal.message, code=refusal.code) from refusal
    except OutboundFailed as failure:
        raise DeliveryProblem(failure.message, code=failure.code, retry=True) from failure
    made.close()

"""The one way out: every HTTP call to a provider, source or destination goes through here."""

from automations.outbound.client import OutboundClient
from automations.outbound.connections import open_connection
from automations.outbound.replies import OutboundFailed, Reply
from automations.outbound.rules import Allowance, OutboundRefused, check_host, check_url, place_of

__all__ = [
    "Allowance",
    "OutboundClient",
    "OutboundFailed",
    "OutboundRefused",
    "Reply",
    "check_host",
    "check_url",
    "open_connection",
    "place_of",
]

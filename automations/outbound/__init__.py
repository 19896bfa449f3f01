"""The one way out: every HTTP call to a provider, source or destination goes through here."""

from automations.outbound.client import OutboundClient
from automations.outbound.replies import OutboundFailed, Reply
from automations.outbound.rules import Allowance, OutboundRefused, check_url

__all__ = [
    "Allowance",
    "OutboundClient",
    "OutboundFailed",
    "OutboundRefused",
    "Reply",
    "check_url",
]

"""Destination: what stands in for a kind that this installation no longer has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automations.connectors.base import AT_MOST_ONCE, Destination, Outside, Parcel, Receipt
from automations.connectors.problems import DeliveryProblem
from automations.text import one_line


class UnknownDestination(Destination):
    """Refuses every delivery with a sentence, so that the other destinations get theirs."""

    kind = "unknown"
    label = "Unknown kind"
    help = "A kind that this installation does not have."
    promise = AT_MOST_ONCE

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return f"of the unknown kind {one_line(settings['kind'], limit=40)}"

    async def deliver(self, parcel: Parcel, outside: Outside) -> Receipt:
        raise self._refusal()

    async def test(self, outside: Outside) -> str:
        raise self._refusal()

    def _refusal(self) -> DeliveryProblem:
        kind = one_line(self.settings["kind"], limit=40)
        return DeliveryProblem(
            f"There is no destination of the kind {kind} in this installation, so nothing was "
            "sent; switch it off or install what it needs.",
            code="unknown_kind",
        )

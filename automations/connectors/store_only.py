"""Destination: nowhere; the output stays with its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automations.connectors.base import IDEMPOTENT, Destination, Outside, Parcel, Receipt


class StoreOnly(Destination):
    """Keeps the output in the run's own row and sends nothing."""

    kind = "store_only"
    label = "Store only"
    help = "The output stays with its run; nothing leaves this installation."
    leaves = False
    promise = IDEMPOTENT

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return "kept with the run"

    @property
    def promise_sentence(self) -> str:
        return "Nothing is sent; the output is on the run's page."

    async def deliver(self, parcel: Parcel, outside: Outside) -> Receipt:
        return Receipt(reference=f"run {parcel.run_id}")

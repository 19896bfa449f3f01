"""The destination that sends nothing."""

import asyncio
from datetime import UTC, datetime

from automations.connectors import Parcel
from automations.connectors.store_only import StoreOnly
from tests.makers import make_outside


def test_the_output_stays_with_its_run() -> None:
    parcel = Parcel("key", 7, "content_repurposer", "text", None, datetime.now(UTC))
    destination = StoreOnly({})
    # A client that was never opened: any call through it would fail.
    receipt = asyncio.run(destination.deliver(parcel, make_outside()))
    assert receipt.reference == "run 7"
    assert destination.promise == "idempotent"
    assert destination.promise_sentence == "Nothing is sent; the output is on the run's page."

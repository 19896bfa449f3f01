"""Reach a source or destination as it is stored, and keep what was found."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import structlog
from django.db import connection
from django.utils import timezone

from automations import connectors
from automations.connectors.base import Outside, Parcel
from automations.connectors.problems import DeliveryProblem
from automations.errors import AutomationsError, Problem
from automations.models import Destination, Source
from automations.outbound import Allowance, OutboundClient
from automations.services import examine_source, store_connection_test

DEADLINE_S = 90.0
TEST_TEXT = (
    "This is a test message. Somebody at Lifecycle pressed “Send a test message” to see whether "
    "the outputs of this automation will arrive here. Nothing needs to be done."
)
BROKE = "The test broke off, and it is our fault: an administrator finds why in the worker's log."
log = structlog.get_logger(__name__)

Found = tuple[str, dict[str, Any]]


def test_connection(model: str, pk: int) -> str:
    """Test the source or destination `pk`; return the sentence that was stored."""
    row: Source | Destination | None
    if model == Source._meta.label:
        row = Source.objects.select_related("automation").filter(pk=pk).first()
    else:
        row = Destination.objects.filter(pk=pk).first()
    if row is None:
        return "It was removed meanwhile."
    if isinstance(row, Source):
        return _keep(row, lambda: examine_source(row))
    return _keep(row, lambda: (asyncio.run(_reach(row)), {}))


def send_test_message(pk: int) -> str:
    """Send a message that says it is a test through the destination `pk`."""
    row = Destination.objects.select_related("automation").filter(pk=pk).first()
    if row is None:
        return "It was removed meanwhile."
    return _keep(row, lambda: (asyncio.run(_send(row, row.automation.slug)), {}))


def _keep(row: Source | Destination, work: Callable[[], Found]) -> str:
    passed, (message, sample) = _tried(row, work)
    if not store_connection_test(row, passed=passed, message=message, sample=sample):
        return "It was changed or removed meanwhile, so what was found does not count."
    return row.test_message


def _tried(row: Source | Destination, work: Callable[[], Found]) -> tuple[bool, Found]:
    try:
        return True, _within_deadline(work)
    except AutomationsError as problem:
        return False, (problem.message if isinstance(problem, Problem) else str(problem), {})
    except Exception:
        log.exception("connection_test_broke", model=row._meta.label, pk=row.pk)
        return False, (BROKE, {})


def _within_deadline(work: Callable[[], Found]) -> Found:
    """Do it in a thread that may be left behind: what blocks for good blocks no worker."""
    outcome: list[Found | BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001  it is raised again below
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True, name="connection-test")
    thread.start()
    thread.join(DEADLINE_S)
    if not outcome:
        raise AutomationsError(f"It did not answer within {DEADLINE_S:g} s; try again later.")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


async def _reach(row: Destination) -> str:
    async with OutboundClient(Allowance.for_purpose("destination")) as http:
        return await _kind_of(row).test(Outside(http, _start_nothing))


async def _send(row: Destination, automation: str) -> str:
    now = timezone.now()
    parcel = Parcel(
        key=f"test-{row.pk}-{int(now.timestamp())}",
        run_id=0,
        automation=automation,
        text=TEST_TEXT,
        data=None,
        created_at=now,
    )
    async with OutboundClient(Allowance.for_purpose("destination")) as http:
        receipt = await _kind_of(row).deliver(parcel, Outside(http, _start_nothing))
    return f"The test message was sent: {receipt.reference}."


def _kind_of(row: Destination) -> connectors.Destination:
    return connectors.destinations.get(row.kind)(row.settings)


async def _start_nothing(slug: str, _input: dict[str, Any], _parcel: Parcel) -> int:
    raise DeliveryProblem(f"A test starts no run of {slug}.", code="only_a_test")

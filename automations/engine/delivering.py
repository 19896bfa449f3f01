"""Hand a run's output to its destinations: intent first, then the call, under a constant key."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from automations.connectors.base import AT_MOST_ONCE, Destination, Parcel, Receipt
from automations.connectors.parcels import data_of
from automations.connectors.problems import DeliveryProblem
from automations.engine.bench import Bench, commit, let_go, note
from automations.engine.held import DeliveryChange, Held, HeldDelivery
from automations.engine.recipes import Recipe
from automations.engine.retry import delivery_again_at, postponed_until
from automations.errors import Problem
from automations.models import Delivery, Run
from automations.models.run import CUT_SHORT, text_of
from automations.redaction import redact
from automations.text import clean_text

log = structlog.get_logger(__name__)
SURENESS_POLL_S = 0.2
# Every kind has a shorter one of its own; this is for what hangs all the same.
DEADLINE_S = 330.0


@dataclass(slots=True)
class Sent:
    """What came of one delivery."""

    delivery: HeldDelivery
    state: str
    values: dict[str, Any]
    again_at: datetime | None = None
    message: str = ""
    code: str = ""
    postponed: bool = False


async def intend(run: Held, recipe: Recipe, bench: Bench, values: dict[str, Any]) -> None:
    """Commit `values` together with one intent per active destination."""
    missing = [d for d in recipe.active if d not in {x.destination_id for x in run.deliveries}]
    await commit(run, bench, values, intents=missing)
    run.deliveries += [HeldDelivery(d, Delivery.State.SENDING, run.fence, 1) for d in missing]


async def deliver(run: Held, recipe: Recipe, bench: Bench) -> None:
    """Send what is still to be sent and end the run, or return it to the queue for another try."""
    started = bench.now()
    if not run.deliveries:
        await intend(run, recipe, bench, {})
    cut_short = [d for d in run.deliveries if _was_cut_short(d, run, recipe)]
    due = [d for d in run.deliveries if d.state in _OPEN and d not in cut_short]
    await _take_over(run, due, bench)
    sent = [Sent(d, Delivery.State.UNKNOWN, {}, message=CUT_SHORT) for d in cut_short]
    sent += await asyncio.gather(*(_send(run, d, recipe, bench) for d in due))
    if not all(item.postponed for item in sent):
        # Else what is asked every few minutes would push the rest out of the trace.
        note(run, "deliver", started, bench.now(), "; ".join(s.message for s in sent if s.message))
    await _conclude(run, sent, bench)


_OPEN = (Delivery.State.PENDING, Delivery.State.SENDING)


def _was_cut_short(delivery: HeldDelivery, run: Held, recipe: Recipe) -> bool:
    """A send that another claim began may have arrived; only a kept key makes it repeatable."""
    begun = delivery.state == Delivery.State.SENDING and delivery.fence != run.fence
    return begun and recipe.destinations[delivery.destination_id].promise == AT_MOST_ONCE


async def _take_over(run: Held, due: list[HeldDelivery], bench: Bench) -> None:
    """Put this claim's fence on sends that an earlier claim left open, before sending."""
    stale = [d for d in due if d.state != Delivery.State.SENDING or d.fence != run.fence]
    if not stale:
        return
    for delivery in stale:
        delivery.state, delivery.fence = Delivery.State.SENDING, run.fence
        delivery.tries += 1
    changes = [
        DeliveryChange(
            run.id, d.destination_id, {"state": d.state, "fence": d.fence, "tries": d.tries}
        )
        for d in stale
    ]
    await commit(run, bench, {}, deliveries=changes)


async def _send(run: Held, delivery: HeldDelivery, recipe: Recipe, bench: Bench) -> Sent:
    while not bench.is_sure_of(run):  # noqa: ASYNC110  the clock is what is waited for
        # The next beat extends the lease, or learns that the run is lost and stops this.
        await asyncio.sleep(SURENESS_POLL_S)
    kind = recipe.destinations[delivery.destination_id]
    parcel = Parcel(
        key=Delivery.key_for(run.id, delivery.destination_id),
        run_id=run.id,
        automation=run.automation_id,
        text=text_of(run.output_data),
        data=data_of(run.output_data),
        created_at=run.started_at or bench.now(),
        depth=run.depth,
        priority=run.priority,
    )
    started = bench.now()
    try:
        receipt = await _handed_over(kind, parcel, bench)
    except DeliveryProblem as problem:
        if problem.switch_off:
            await bench.switch_off(delivery.destination_id, problem.message)
        return _problem(delivery, kind, problem, bench.now())
    values = {
        "delivered_at": bench.now(),
        "latency_ms": int((bench.now() - started) / timedelta(milliseconds=1)),
        "reference": receipt.reference[:1000],
        "error_message": "",
    }
    return Sent(delivery, Delivery.State.DELIVERED, values)


async def _handed_over(kind: Destination, parcel: Parcel, bench: Bench) -> Receipt:
    """Deliver within a deadline; whatever goes wrong becomes a `DeliveryProblem`.

    One destination's fault, even a bug of ours, must not hide what became of the others.
    """
    repeatable = kind.promise != AT_MOST_ONCE
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await kind.deliver(parcel, bench.outside)
    except DeliveryProblem:
        raise
    except Problem as problem:
        raise DeliveryProblem(problem.message, code=problem.code) from problem
    except TimeoutError as error:
        message = f"{kind.label} gave no answer within {DEADLINE_S:g} s, so the outcome is unknown."
        raise DeliveryProblem(
            message, code="timeout", retry=repeatable, maybe_delivered=True
        ) from error
    except Exception as error:
        log.exception("delivery_broke", run=parcel.run_id, kind=kind.kind)
        message = (
            "The delivery broke, and it is our fault; look whether it arrived, and tell us the "
            "number of the run."
        )
        raise DeliveryProblem(message, code="internal_error", maybe_delivered=True) from error


def _problem(
    delivery: HeldDelivery, kind: Destination, problem: DeliveryProblem, now: datetime
) -> Sent:
    message = clean_text(redact(problem.message)).text
    if problem.maybe_delivered and kind.promise == AT_MOST_ONCE:
        return Sent(delivery, Delivery.State.UNKNOWN, {}, message=message, code=problem.code)
    if problem.postpone:
        untried = {"tries": delivery.tries - 1}
        again_at = postponed_until(now=now)
        return Sent(
            delivery,
            Delivery.State.PENDING,
            untried,
            again_at,
            message,
            problem.code,
            postponed=True,
        )
    if problem.retry and delivery.tries < Delivery.MAX_TRIES:
        again_at = delivery_again_at(delivery.tries, problem.retry_after_s, now=now)
        return Sent(delivery, Delivery.State.PENDING, {}, again_at, message, problem.code)
    return Sent(delivery, Delivery.State.FAILED, {}, message=message, code=problem.code)


async def _conclude(run: Held, sent: list[Sent], bench: Bench) -> None:
    for item in sent:
        item.delivery.state = item.state
    changes = [DeliveryChange(run.id, s.delivery.destination_id, _row(s)) for s in sent]
    await let_go(run, bench, _ending(run, sent), deliveries=changes)


def _row(sent: Sent) -> dict[str, Any]:
    return {
        "state": sent.state,
        **({"error_message": sent.message} if sent.message else {}),
        "error_code": sent.code[:60],
        **sent.values,
    }


def _ending(run: Held, sent: list[Sent]) -> dict[str, Any]:
    states = {delivery.state for delivery in run.deliveries}
    message = " ".join(s.message for s in sent if s.message)
    if Delivery.State.PENDING in states:
        again_at = max(s.again_at for s in sent if s.again_at)
        return {"status": Run.Status.QUEUED, "available_at": again_at, "error_message": message}
    if states <= {Delivery.State.DELIVERED}:
        return {"status": Run.Status.SUCCESS, "error_message": None}
    return {
        "status": Run.Status.FAILED,
        "error_category": Run.ErrorCategory.DELIVERY_ERROR,
        "error_code": _code(states, sent),
        "error_message": message or "An earlier delivery of this run failed; see below.",
    }


def _code(states: set[str], sent: list[Sent]) -> str:
    """Return the run's fine cause: unknown outcomes first, for they wait for a person."""
    if Delivery.State.UNKNOWN in states:
        return "delivery_unknown"
    failed = (s.code for s in sent if s.state == Delivery.State.FAILED and s.code)
    return next(failed, "delivery_failed")[:60]

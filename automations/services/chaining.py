"""Hand an output over to another automation: its next run, started once per parcel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from automations import schemas
from automations.audit import Actor
from automations.connectors.base import Parcel
from automations.connectors.problems import DeliveryProblem
from automations.errors import WrongState
from automations.models import Automation, Destination, Run
from automations.services.acting import SYSTEM, require
from automations.services.connections import save_connection
from automations.services.loops import CHAIN
from automations.services.starting import Origin, runnable, submit_run

MOST_SHOWN = 3
TAKES_NONE = "target_takes_none"


def start_chained(slug: str, input_data: dict[str, Any], parcel: Parcel) -> int:
    """Queue a run of the automation `slug` for a parcel, once, and return its id.

    What a batch's run starts waits like a batch's. A paused automation is asked until it goes on.

    Raises:
        DeliveryProblem: there is no such automation, it takes no runs now, the input does not fit
            its schema, or the chain is deeper than `Run.MAX_DEPTH`.
    """
    if parcel.depth >= Run.MAX_DEPTH:
        raise DeliveryProblem(
            f"This run stands {parcel.depth} automations deep in its chain, and the chain stops "
            "there; look whether the automations feed each other in a circle.",
            code="chain_too_deep",
        )
    automation = Automation.objects.select_related("live_version").filter(slug=slug).first()
    if automation is None:
        raise DeliveryProblem(f"There is no automation {slug}; choose another.", code="no_target")
    _require_ready(automation, input_data)
    origin = Origin(
        Run.Origin.AUTOMATION, idempotency_key=f"chain:{parcel.key}", caused_by=parcel.run_id,
        depth=parcel.depth + 1, is_bulk=parcel.priority < Run.USUAL,
    )  # fmt: skip
    try:
        return submit_run(automation, input_data, by=SYSTEM, origin=origin).pk
    except WrongState as error:
        # Paused between the look and the start.
        raise DeliveryProblem(str(error), code=TAKES_NONE, postpone=True) from error


def _require_ready(automation: Automation, input_data: Mapping[str, Any]) -> None:
    try:
        runnable(automation)
    except WrongState as error:
        passes = automation.is_paused and automation.stage != Automation.Stage.RETIRED
        raise DeliveryProblem(str(error), code=TAKES_NONE, postpone=passes) from error
    if problems := schemas.errors_in(input_data, automation.input_schema):
        listed = " ".join(problems[:MOST_SHOWN])
        raise DeliveryProblem(
            f"{automation} does not take this as its input: {listed} Change the fields of the "
            "destination, or the automation's input schema.",
            code="input_refused",
        )


def start_after(
    upstream: Automation, target: Automation, *, name: str, settings: Mapping[str, Any], by: Actor
) -> Destination:
    """Let `target` start whenever `upstream` has an output: a destination of `upstream`.

    Raises:
        NotAllowed: the person may not edit both sides.
        ValidationError: a circle, a name that is taken, or settings the destination refuses.
    """
    require(by, "automations.add_trigger")
    row = Destination(automation=upstream, name=name, kind=CHAIN)
    row.settings = {**settings, "automation": target.slug}
    with transaction.atomic():
        save_connection(row, by=by)
    return row

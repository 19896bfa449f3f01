"""Hand an output over to another automation: its next run, started once per parcel."""

from __future__ import annotations

from typing import Any

from automations.connectors.base import Parcel
from automations.connectors.problems import DeliveryProblem
from automations.errors import AutomationsError
from automations.models import Automation, Run
from automations.services.acting import SYSTEM
from automations.services.starting import Origin, submit_run


def start_chained(slug: str, input_data: dict[str, Any], parcel: Parcel) -> int:
    """Queue a run of the automation `slug` for a parcel, once, and return its id.

    Raises:
        DeliveryProblem: there is no such automation, it takes no runs now, or the chain is deeper
            than `Run.MAX_DEPTH`.
    """
    if parcel.depth >= Run.MAX_DEPTH:
        raise DeliveryProblem(
            f"This run stands {parcel.depth} automations deep in its chain, and the chain stops "
            "there; look whether the automations feed each other in a circle.",
            code="chain_too_deep",
        )
    automation = Automation.objects.filter(slug=slug).first()
    if automation is None:
        raise DeliveryProblem(f"There is no automation {slug}; choose another.", code="no_target")
    origin = Origin(
        Run.Origin.AUTOMATION, idempotency_key=parcel.key, caused_by=parcel.run_id,
        depth=parcel.depth + 1,
    )  # fmt: skip
    try:
        return submit_run(automation, input_data, by=SYSTEM, origin=origin).pk
    except AutomationsError as error:
        raise DeliveryProblem(str(error), code="target_takes_none", retry=True) from error

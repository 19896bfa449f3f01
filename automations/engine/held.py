"""A run as the worker that claimed it holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from automations.models import Attempt

COLUMNS = (
    "id", "automation_id", "version_id", "provider_id", "batch_id", "input_data", "source_item",
    "output_data", "status", "step", "started_at", "queued_at", "deadline_at", "execution_time_ms",
    "estimated_tokens", "fence", "calls", "failures", "postponements", "crashes", "model_index",
    "answer", "dialogue", "verdicts", "trace", "model", "answered_by", "input_tokens",
    "output_tokens", "cost_usd", "priority", "lease_until", "depth", "is_simulated", "fault",
)  # fmt: skip


@dataclass(slots=True)
class HeldDelivery:
    """One delivery of a held run, as last committed."""

    destination_id: int
    state: str
    fence: int
    tries: int


@dataclass(slots=True)
class Held:
    """A claimed run: the columns the runner works on, true as of its last commit."""

    id: int
    automation_id: str
    version_id: int
    provider_id: int
    batch_id: int | None
    input_data: dict[str, Any]
    source_item: str
    output_data: Any
    status: str
    step: str
    started_at: datetime | None
    queued_at: datetime
    deadline_at: datetime | None
    execution_time_ms: int | None
    estimated_tokens: int
    fence: int
    calls: int
    failures: int
    postponements: int
    crashes: int
    model_index: int
    answer: str
    dialogue: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]
    trace: list[dict[str, Any]]
    model: str
    answered_by: str
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    priority: int
    lease_until: datetime
    depth: int
    is_simulated: bool
    fault: str
    claimed_at: datetime
    deliveries: list[HeldDelivery] = field(default_factory=list)
    broken_off: Attempt | None = None

    @property
    def worked_ms(self) -> int:
        return self.execution_time_ms or 0


@dataclass(slots=True)
class DeliveryChange:
    """New values for the delivery of a run to a destination."""

    run_id: int
    destination_id: int
    values: dict[str, Any]


@dataclass(slots=True)
class ProviderNews:
    """What one call taught about its provider.

    `alive`: it answered, though not with what was wanted. `opened` is noted by the circuit: this
    very call opened it.
    """

    provider_id: int
    endpoint_id: str
    succeeded: bool = False
    alive: bool = False
    pause_s: float | None = None
    circuit_reason: str = ""
    outage_reason: str = ""
    took_ms: int = 0
    extra_tokens: int = 0
    opened: bool = False


@dataclass(slots=True)
class Step:
    """What one run asks to have committed: its new values and the rows that belong to them.

    `instead` are the values if the call failed because the provider's circuit is open.
    """

    run: Held
    values: dict[str, Any]
    attempt: Attempt | None = None
    intents: list[int] = field(default_factory=list)
    deliveries: list[DeliveryChange] = field(default_factory=list)
    news: ProviderNews | None = None
    instead: dict[str, Any] | None = None


LEASE = timedelta(seconds=settings.RUN_LEASE_S)

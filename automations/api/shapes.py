"""What the API takes and gives: input and output models apart, nothing beyond what is named."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

Key = Annotated[
    str,
    Field(
        min_length=1,
        max_length=180,
        description="Any text of your own. The same key again starts nothing more.",
    ),
]
Cost = Annotated[
    Decimal,
    PlainSerializer(lambda value: f"{value:f}", return_type=str),
]
RunStatus = Literal["queued", "running", "awaiting_approval", "success", "failed", "cancelled"]
Stage = Literal["idea", "prototype", "production", "retired"]


class Taken(BaseModel):
    """Base of what comes in: types as JSON has them, unknown members refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Given(BaseModel):
    """Base of what goes out."""

    model_config = ConfigDict(extra="forbid")


class RunIn(Taken):
    """The input of one run."""

    input: dict[str, Any] | str = Field(
        description="An object with the automation's input fields, or a text for its first one."
    )
    idempotency_key: Key | None = None


class BatchIn(Taken):
    """The inputs of a batch, one run each."""

    rows: Annotated[list[dict[str, Any] | str], Field(min_length=1, max_length=10_000)]
    name: Annotated[str, Field(max_length=200)] = ""
    idempotency_key: Key | None = None


class ErrorDetail(Given):
    code: str
    message: str
    field: str | None = None


class ErrorOut(Given):
    """Every error."""

    error: ErrorDetail


class RunRef(Given):
    """A run that was started, and where to look for it."""

    id: int
    status: RunStatus
    url: str


class RunLine(RunRef):
    """A run as a list has it."""

    page: str = Field(description="The run's page for people.")
    automation: str
    version: int | None
    batch: int | None
    origin: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    execution_time_ms: int | None
    error_category: str | None
    error_code: str | None
    error_message: str | None
    cost_usd: Cost | None = Field(description="A decimal number; null while the price is unknown.")


class RunOut(RunLine):
    """One run with what went in and what came out."""

    input_data: Any
    output_data: Any
    answered_by: str | None
    model: str | None
    calls: int
    input_tokens: int
    output_tokens: int


class RunPage(Given):
    """Runs, newest first."""

    items: list[RunLine]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page.")


class BatchRef(Given):
    """A batch that was started, and where to look for it."""

    id: int
    total: int
    url: str


class BatchOut(BatchRef):
    """A batch and how many of its runs are where."""

    page: str = Field(description="The batch's page for people.")
    automation: str
    name: str
    created_at: datetime
    cancelled_at: datetime | None
    counts: dict[RunStatus, int]


class AutomationLine(Given):
    """An automation and what input it takes."""

    slug: str
    name: str
    summary: str
    stage: Stage
    is_paused: bool
    live_version: int | None
    input_schema: dict[str, Any]
    page: str


class AutomationPage(Given):
    """Automations by their slug."""

    items: list[AutomationLine]
    next_cursor: str | None

"""What a run's page says about it: the steps, why it waits, what to do about an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.utils import timezone

from automations import connectors
from automations.models import Delivery, Run

TITLES = ("Queued", "Source", "Input checks", "Model", "Output checks", "Delivery")
QUEUED, SOURCE, INPUT, MODEL, OUTPUT, DELIVERY = range(6)
STAGE_OF = {
    Run.Step.SOURCE: SOURCE,
    Run.Step.MODEL: MODEL,
    Run.Step.CHECK: OUTPUT,
    Run.Step.DELIVER: DELIVERY,
}
LINES_OF = {SOURCE: "source", MODEL: "model", OUTPUT: "check", DELIVERY: "deliver"}
SHAPES = {
    "done": "tick", "failed": "cross", "stopped": "dash", "current": "spinner",
    "waiting": "clock", "approval": "eye", "skipped": "dash", "ahead": "",
}  # fmt: skip

DOING = {
    Run.Step.SOURCE: "It is reading the source",
    Run.Step.MODEL: "It is asking the model",
    Run.Step.CHECK: "It is checking the answer",
    Run.Step.DELIVER: "It is being delivered",
}

ADVICE = {
    Run.ErrorCategory.API_RATE_LIMIT: "Run it again later, or lower the provider's limits.",
    Run.ErrorCategory.VALIDATION_ERROR: "Mend the input, or the prompt or check in a new draft.",
    Run.ErrorCategory.AI_HALLUCINATION: "Compare output and input; tighten the prompt in a draft.",
    Run.ErrorCategory.TIMEOUT: "Run it again, or raise the time limits in a new draft.",
    Run.ErrorCategory.API_ERROR: "Test the provider's connection, then run it again.",
    Run.ErrorCategory.AUTHENTICATION: "Have the provider's key set, test it, then run it again.",
    Run.ErrorCategory.CONTENT_FILTER: "The provider refused the text; change the input or prompt.",
    Run.ErrorCategory.SOURCE_ERROR: "Mend the source or the file, then run it again.",
    Run.ErrorCategory.DELIVERY_ERROR: "Look at the destination, then send again or mark it.",
    Run.ErrorCategory.INTERNAL_ERROR: "Tell an administrator the run's number; nothing is lost.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the track: done, current, waiting, approval, failed, stopped, skipped, ahead."""

    title: str
    state: str
    note: str = ""
    took_ms: int | None = None

    @property
    def shape(self) -> str:
        return SHAPES[self.state]

    @property
    def tone(self) -> str:
        return {"failed": "bad", "done": "done", "stopped": "off"}.get(self.state, "")


def track(run: Run, deliveries: Sequence[Delivery]) -> list[Stage]:
    """Return the six stages of a run with what is known of each."""
    at = stage_of(run)
    facts = _facts(run, deliveries)
    return [
        Stage(title, _state(run, index, at), *facts[index]) for index, title in enumerate(TITLES)
    ]


def stage_of(run: Run) -> int:
    """Return the stage at which a run is, or ended; past the last one after a success."""
    if run.status == Run.Status.SUCCESS:
        return len(TITLES)
    if run.status == Run.Status.QUEUED and not run.trace and not run.calls:
        return QUEUED
    if run.status == Run.Status.FAILED and run.error_category == Run.ErrorCategory.SOURCE_ERROR:
        return SOURCE
    failed = [verdict["direction"] for verdict in run.verdicts if not verdict["passed"]]
    if run.status == Run.Status.FAILED and failed and run.step in (Run.Step.MODEL, Run.Step.CHECK):
        return INPUT if failed[-1] == "input" else OUTPUT
    return STAGE_OF[Run.Step(run.step)]


def _state(run: Run, index: int, at: int) -> str:
    if index == SOURCE and not run.source_item and at != SOURCE:
        return "skipped" if at > SOURCE else "ahead"
    if index != at:
        return "done" if index < at else "ahead"
    here = {
        Run.Status.RUNNING: "current",
        Run.Status.FAILED: "failed",
        Run.Status.CANCELLED: "stopped",
        Run.Status.AWAITING_APPROVAL: "approval",
    }
    return here.get(Run.Status(run.status), "waiting")


def _facts(run: Run, deliveries: Sequence[Delivery]) -> list[tuple[str, int | None]]:
    return [
        ("", run.queue_time_ms),
        ("" if run.source_item else "given", _took(run, SOURCE)),
        (_judged(run, "input"), None),
        (_called(run), _took(run, MODEL)),
        (_judged(run, "output"), None),
        (_sent(run, deliveries), _took(run, DELIVERY)),
    ]


def _took(run: Run, stage: int) -> int | None:
    times = [line["ms"] for line in run.trace if line["step"] == LINES_OF[stage]]
    return sum(times) if times else None


def _judged(run: Run, direction: str) -> str:
    verdicts = [v for v in run.verdicts if v["direction"] == direction]
    if not verdicts:
        return ""
    last = [v for v in verdicts if v["turn"] == verdicts[-1]["turn"]]
    passed = sum(v["passed"] for v in last)
    return f"{passed} of {len(last)} passed"


def _called(run: Run) -> str:
    return {0: "", 1: "1 call"}.get(run.calls, f"{run.calls} calls")


def _sent(run: Run, deliveries: Sequence[Delivery]) -> str:
    if run.status == Run.Status.AWAITING_APPROVAL:
        return "waits for approval"
    if not deliveries:
        return "nothing to send" if run.status == Run.Status.SUCCESS else ""
    arrived = sum(d.state == Delivery.State.DELIVERED for d in deliveries)
    return f"{arrived} of {len(deliveries)} delivered"


def advice(run: Run) -> str:
    """Return what to do about a failed run; an empty string for others."""
    if run.status != Run.Status.FAILED:
        return ""
    category = Run.ErrorCategory(run.error_category or "unknown")
    if not can_repeat(run) and category != Run.ErrorCategory.INTERNAL_ERROR:
        return "Mend the input, then start a new run."
    return ADVICE.get(category, "Run it again.")


def can_repeat(run: Run) -> bool:
    """Tell whether there is an input to run again: kept with the run, or in a file to read."""
    source = getattr(run.automation, "source", None)
    readable = source is not None and connectors.sources.get(source.kind).lists()
    return (readable and bool(run.source_item)) or bool(run.input_data)


def elapsed_s(run: Run) -> int:
    """Return for how many seconds a run has been under way since it was last queued."""
    since = max(run.queued_at, run.available_at)
    return max(0, int((timezone.now() - since).total_seconds()))


def mark(run: Run, deliveries: Sequence[Delivery], *more: Any) -> str:
    """Return a word that changes when the run's page would look different."""
    states = "".join(delivery.state[0] for delivery in deliveries)
    words = (
        run.status, run.step, run.fence, run.calls, len(run.trace), states,
        bool(run.cancel_requested_at), *more,
    )  # fmt: skip
    return sha256(repr(words).encode()).hexdigest()[:16]


def headline(run: Run, place: str) -> str:
    """Say in one sentence how the run stands; `place` is what is said of a queued one."""
    if run.status == Run.Status.QUEUED:
        return place
    if run.status == Run.Status.RUNNING:
        doing = "It is being cancelled" if run.cancel_requested_at else DOING[Run.Step(run.step)]
        return f"{doing}."
    said = {
        Run.Status.AWAITING_APPROVAL: "The output waits for a person to approve it.",
        Run.Status.CANCELLED: "It was cancelled; nothing more happens to it.",
        Run.Status.SUCCESS: _answered(run),
    }
    failed = f"It failed: {run.get_error_category_display() or 'unknown'}."
    return said.get(Run.Status(run.status), failed)


def _answered(run: Run) -> str:
    if not run.answered_by:
        return "It succeeded."
    return f"Answered by {run.model} at {run.answered_by}."

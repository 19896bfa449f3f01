"""Everything that happened in a run, in the order of time: steps, waits, people, other runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from automations.models import Attempt, AuditEvent, Delivery, Run
from automations.redaction import redact

MS = timedelta(milliseconds=1)
WORTH_A_LINE_MS = 100
START, WAIT, SOURCE, MODEL, CHECK, DELIVERY, PERSON, RUN, END = (
    "start", "wait", "source", "model", "check", "delivery", "person", "run", "end",
)  # fmt: skip
ICONS = {
    START: "play", WAIT: "clock", SOURCE: "file", MODEL: "model", CHECK: "check",
    DELIVERY: "send", PERSON: "user", RUN: "link", END: "dot",
}  # fmt: skip
DID = {
    "approve delivery": "Approved",
    "cancel run": "Cancelling was asked for",
    "send again": "Sending again was asked for",
    "mark delivered": "Marked as delivered",
}
TRUNCATED = "output_truncated"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: when, for how long, at what cost, and what is known of it."""

    kind: str
    title: str
    at: datetime
    ms: int | None = None
    tone: str = "info"
    cost: Decimal | None = None
    notes: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    verdicts: tuple[dict[str, Any], ...] = ()
    refused: str | None = None
    run_id: int | None = None

    @property
    def icon(self) -> str:
        return ICONS[self.kind]

    @property
    def end(self) -> datetime:
        return self.at + MS * (self.ms or 0)


def story(
    run: Run, *, attempts: Sequence[Attempt], deliveries: Sequence[Delivery],
    audit: Iterable[AuditEvent] = (), caused: Iterable[Run] = (), waits: Sequence[str] = (),
) -> list[Event]:  # fmt: skip
    """Return a run's events, oldest first, with what it waited for between them.

    `waits` says why a run that has not begun or goes on later waits now.
    """
    happened = [
        *_sources(run),
        *_judged(run, attempts),
        *_asked(run, attempts),
        *_sent(run, deliveries),
        *(_by_person(run, event) for event in audit if event.action in DID),
    ]
    happened.sort(key=lambda event: event.at)
    told = [_started(run), *with_waits(run, happened, waits)]
    told += [_other(run, other) for other in caused]
    if run.is_final and run.completed_at:
        told.append(_ended(run, run.completed_at))
    # Stable: what is said to have happened at one moment stays in the order of the steps.
    return sorted(told, key=lambda event: event.at)


def _started(run: Run) -> Event:
    who = str(run.requested_by) if run.requested_by else run.get_origin_display()
    how = run.get_origin_display().lower() if run.requested_by and run.origin != "person" else ""
    notes = (f"By way of: {how}.",) if how else ()
    return Event(START, f"Queued by {who}", run.queued_at, notes=notes)


def _ended(run: Run, at: datetime) -> Event:
    tones = {Run.Status.SUCCESS: "ok", Run.Status.FAILED: "bad"}
    notes = (redact(run.error_message),) if run.error_message else ()
    category = run.get_error_category_display()
    title = f"Failed: {category}" if category else run.get_status_display()
    code = (("Code", run.error_code),) if run.error_code else ()
    return Event(
        END, title, at, tone=tones.get(Run.Status(run.status), "off"), notes=notes, facts=code
    )


def _other(run: Run, other: Run) -> Event:
    again = other.rerun_of_id == run.pk
    did = "Run again as" if again else f"Handed to {other.automation.name} as"
    return Event(RUN, f"{did} run {other.pk}", other.queued_at, run_id=other.pk)


def _by_person(run: Run, event: AuditEvent) -> Event:
    # The trail is written just after the change it tells of; a cancelled run has ended by then.
    cancelled = run.completed_at if event.action == "cancel run" else None
    at = min(event.at, cancelled) if cancelled else event.at
    return Event(PERSON, f"{DID[event.action]} by {event.by_name}", at)


# --- steps ---------------------------------------------------------------------------------


def _lines(run: Run, step: str) -> list[tuple[datetime, int, str]]:
    """Return what the engine noted of a step: when, for how many milliseconds, with what words."""
    lines = [line for line in run.trace if line["step"] == step]
    timed = ((parse_datetime(x["at"]), x["ms"], redact(x.get("note", ""))) for x in lines)
    return [(at, ms, note) for at, ms, note in timed if at]


def _sources(run: Run) -> Iterator[Event]:
    for at, ms, note in _lines(run, "source"):
        yield Event(SOURCE, "Read the source", at, ms, notes=(note,) if note else ())


def _asked(run: Run, attempts: Sequence[Attempt]) -> Iterator[Event]:
    """Yield the calls; what the engine noted of a call tells only of those without a row."""
    for attempt in attempts:
        yield _call(attempt)
    begun = [attempt.started_at for attempt in attempts]
    for at, ms, note in _lines(run, "model"):
        if not any(at - MS <= start <= at + MS * (ms + 1) for start in begun):
            yield Event(MODEL, "Asked the model", at, ms, notes=(note,) if note else ())


def _call(attempt: Attempt) -> Event:
    failed = bool(attempt.error_category or attempt.error_code)
    title = "Asked for a repair" if attempt.is_repair else "Asked the model"
    said = attempt.get_error_category_display() or "Broken off" if failed else "answered"
    known = {
        "Model": f"{attempt.model} at {attempt.provider_name}",
        "Tokens": _tokens(attempt),
        "HTTP status": attempt.http_status,
        "Finish reason": attempt.finish_reason,
        "Code": attempt.error_code,
        "Request id": attempt.request_id,
    }
    return Event(
        MODEL,
        f"{title}, call {attempt.number}: {said}",
        attempt.started_at,
        attempt.latency_ms,
        tone="bad" if failed else "info",
        cost=attempt.cost_usd,
        notes=(redact(attempt.error_message),) if attempt.error_message else (),
        facts=tuple((label, str(value)) for label, value in known.items() if value),
    )


def _tokens(attempt: Attempt) -> str:
    if attempt.input_tokens is None and attempt.output_tokens is None:
        return ""
    return f"{attempt.input_tokens or 0:,} in, {attempt.output_tokens or 0:,} out"


def _judged(run: Run, attempts: Sequence[Attempt]) -> Iterator[Event]:
    given = [verdict for verdict in run.verdicts if verdict["direction"] == "input"]
    if given:
        yield _checked("Checked the input", _input_checked_at(run, attempts), None, given)
    turns = sorted({v["turn"] for v in run.verdicts if v["direction"] == "output"})
    when = dict(zip(reversed(turns), reversed(_lines(run, "check")), strict=False))
    for turn in turns:
        at, ms, _note = when.get(turn, (run.completed_at or run.queued_at, None, ""))
        mine = [v for v in run.verdicts if v["direction"] == "output" and v["turn"] == turn]
        checked = _checked(f"Checked answer {turn + 1}", at, ms, mine)
        yield checked
        if turn < len(run.dialogue):
            yield _refused(run.dialogue[turn], checked.end)
    yield from _cut_off(run, attempts, turns)


def _input_checked_at(run: Run, attempts: Sequence[Attempt]) -> datetime:
    """Return when the input was judged: just before the first call, or when the run ended."""
    if attempts:
        return attempts[0].started_at
    noted = _lines(run, "model")
    return noted[0][0] if noted else run.completed_at or run.started_at or run.queued_at


def _checked(title: str, at: datetime, ms: int | None, verdicts: list[dict[str, Any]]) -> Event:
    passed = sum(bool(verdict["passed"]) for verdict in verdicts)
    tone = "ok" if passed == len(verdicts) else "bad"
    said = f"{title}: {passed} of {len(verdicts)} passed"
    return Event(CHECK, said, at, ms, tone=tone, verdicts=tuple(verdicts))


def _cut_off(run: Run, attempts: Sequence[Attempt], turns: Sequence[int]) -> Iterator[Event]:
    """Yield the repairs of answers that were cut off and so never came to the checks."""
    unjudged = [turn for at, turn in enumerate(run.dialogue) if at not in turns]
    cut = [attempt for attempt in attempts if attempt.error_code == TRUNCATED]
    for turn, attempt in zip(unjudged, cut, strict=False):
        yield _refused(turn, attempt.started_at + MS * attempt.latency_ms)


def _refused(turn: dict[str, Any], at: datetime) -> Event:
    notes = tuple(redact(sentence) for sentence in turn["complaints"])
    refused = redact(turn["answer"]) or "(no answer)"
    title = "Sent back to the model for a repair"
    return Event(CHECK, title, at, tone="warn", notes=notes, refused=refused)


def _sent(run: Run, deliveries: Sequence[Delivery]) -> Iterator[Event]:
    lines = _lines(run, "deliver")
    for number, (at, ms, note) in enumerate(lines, start=1):
        is_last = number == len(lines)
        notes = (note,) if note else ()
        facts = tuple(_told(d) for d in deliveries) if is_last else ()
        title = f"Delivery, try {number}" if len(lines) > 1 else "Delivery"
        yield Event(
            DELIVERY, title, at, ms, tone="warn" if note else "ok", notes=notes, facts=facts
        )
    for delivery in deliveries if not lines else ():
        at = delivery.delivered_at or delivery.created_at
        yield Event(DELIVERY, "Delivery", at, facts=(_told(delivery),))


def _told(delivery: Delivery) -> tuple[str, str]:
    tries = f"{delivery.tries} {'try' if delivery.tries == 1 else 'tries'}"
    parts = [delivery.get_state_display(), tries]
    if delivery.latency_ms is not None:
        parts.append(f"{delivery.latency_ms:,} ms")
    words = ", ".join(parts) + (f"; {delivery.reference}" if delivery.reference else "")
    error = f". {redact(delivery.error_message)}" if delivery.error_message else ""
    return delivery.destination.name, words + error


# --- waits ---------------------------------------------------------------------------------


def with_waits(run: Run, happened: Sequence[Event], waits: Sequence[str] = ()) -> list[Event]:
    """Return the events with a line for every pause between two of them, and for one that lasts."""
    told: list[Event] = []
    last, until = None, run.queued_at
    for event in happened:
        if last is None:
            told += _first_pause(run, event)
        else:
            told += _pause(until, event.at, _why(last, event))
        told.append(event)
        last, until = event, max(until, event.end)
    if run.status in (Run.Status.QUEUED, Run.Status.AWAITING_APPROVAL):
        approval = run.status == Run.Status.AWAITING_APPROVAL
        title = "Waits for approval" if approval else "Waits in the queue"
        lasting = Event(WAIT, title, until, _ms(until, timezone.now()), tone="warn")
        told.append(replace(lasting, notes=tuple(waits)))
    return told


def _first_pause(run: Run, first: Event) -> list[Event]:
    """Tell the wait until a worker took the run from what that worker did before the first step."""
    taken = min(max(run.started_at or first.at, run.queued_at), first.at)
    waited = _pause(run.queued_at, taken, "Waited in the queue")
    return waited + _pause(taken, first.at, "Prepared by the worker")


def _pause(start: datetime, end: datetime, title: str) -> list[Event]:
    ms = _ms(start, end)
    return [Event(WAIT, title, start, ms, tone="off")] if ms >= WORTH_A_LINE_MS else []


def _ms(start: datetime, end: datetime) -> int:
    return max(0, int((end - start) / MS))


def _why(last: Event, following: Event) -> str:
    """Say what a run waited for between two events."""
    if following.kind == PERSON:
        return "Waited for a person"
    if last.kind == MODEL and last.tone == "bad":
        limited = Run.ErrorCategory.API_RATE_LIMIT.label in last.title
        return "Paused by the provider's rate limit" if limited else "Back-off before the next call"
    if last.kind == DELIVERY and following.kind == DELIVERY:
        return "Back-off before the next delivery"
    if last.refused is not None:
        return "Waited for its turn to ask again"
    return "Waited for a worker" if last.kind == PERSON else "Between two steps"

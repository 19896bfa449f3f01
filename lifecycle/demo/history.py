"""Sample runs of the last weeks, with calls, deliveries and reviews: marked, and proving nothing.

Built in memory from data and a seeded chance, so that every installation has the same history.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from automations import prompts
from automations.models import Attempt, Automation, Delivery, Destination, Run, Version
from automations.models.run import text_of
from lifecycle.demo.outcomes import MODEL, OUTCOMES, PROVIDER, TOO_SHORT, Outcome, Refusal
from lifecycle.demo.story import Plan
from lifecycle.demo.texts import Sample
from monitoring.models import Review

PRICE_IN, PRICE_OUT = Decimal("0.0000025"), Decimal("0.00001")  # dollars per token
HOUR = timedelta(hours=1)
MS = timedelta(milliseconds=1)
REASONS = ("style", "wrong", "incomplete", "style", "format")
FORWARD = 0.02  # the newest run is this share of the whole time ago


@dataclass(slots=True)
class Told:
    """One run with everything that belongs to it; rows get their keys when they are stored."""

    run: Run
    attempts: list[Attempt] = field(default_factory=list)
    delivery: Delivery | None = None
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """Whose history it is."""

    automation: Automation
    version: Version
    destination: Destination | None
    samples: Sequence[Sample]


def tell(cast: Cast, plan: Plan, *, now: datetime) -> list[Told]:
    """Return an automation's sample runs, oldest first, none of them in the future."""
    chance = random.Random(cast.automation.slug)  # noqa: S311  the same on every installation
    names = [name for name, count in plan.outcomes.items() for _ in range(count)]
    chance.shuffle(names)
    first = names.index("good")  # a prototype begins with a run that went well
    names[0], names[first] = names[first], names[0]
    span = timedelta(hours=plan.hours)
    told = []
    for index, name in enumerate(names):
        share = 1 - (index + chance.random() * 0.8) / len(names)
        at = now - span * max(share, FORWARD)
        told.append(_run(cast, plan, OUTCOMES[name], at, chance))
    _review(told, plan, chance, now)
    return told


def _run(cast: Cast, plan: Plan, outcome: Outcome, at: datetime, chance: random.Random) -> Told:
    sample = chance.choice(cast.samples)
    run = Run(
        automation_id=cast.automation.slug,
        version=cast.version,
        provider_id=cast.version.provider_id,
        origin=plan.origin,
        is_sample=True,
        input_data=_input(sample, outcome),
        queued_at=at,
        available_at=at,
        started_at=at + MS * chance.randint(90, 1_400),
        fence=1,
        calls=len(outcome.calls),
        postponements=sum(call.http_status == 429 for call in outcome.calls),
        failures=sum(call.http_status != 429 and bool(call.category) for call in outcome.calls),
    )
    told = Told(run)
    clock = _call(told, plan, outcome, sample, chance)
    run.verdicts = list(_verdicts(cast.version, outcome, sample))
    _end(told, cast, outcome, sample, clock)
    return told


def _input(sample: Sample, outcome: Outcome) -> dict[str, Any]:
    if outcome.calls:
        return sample.input
    return dict.fromkeys(sample.input, "Too little")


def _call(
    told: Told, plan: Plan, outcome: Outcome, sample: Sample, chance: random.Random
) -> datetime:
    """Add the run's calls; return when the last one ended."""
    run = told.run
    assert run.started_at is not None  # noqa: S101  narrows
    clock = run.started_at
    for number, call in enumerate(outcome.calls, start=1):
        ms = int(plan.ms * chance.uniform(0.6, 1.7)) if not call.category else 400
        ms = 120_000 if call.http_status is None else ms
        spent = [int(n * chance.uniform(0.85, 1.15)) for n in plan.tokens]
        tokens_in, tokens_out = spent if not call.category else (0, 0)
        cost = round(tokens_in * PRICE_IN + tokens_out * PRICE_OUT, 6)
        told.attempts.append(
            Attempt(
                number=number, fence=1, is_repair=number > 1 and bool(outcome.refused),
                provider_name=PROVIDER, model=MODEL, started_at=clock, latency_ms=ms,
                input_tokens=tokens_in, output_tokens=tokens_out, cost_usd=cost,
                http_status=call.http_status, finish_reason="" if call.category else "stop",
                error_category=call.category, error_code=call.code, error_message=call.message,
            )
        )  # fmt: skip
        run.trace.append(_noted("model", clock, ms, call.message))
        clock += MS * ms
        if call.category and number < len(outcome.calls):
            clock += MS * (8_000 if call.http_status == 429 else chance.randint(300, 1_900))
    for turn in range(min(outcome.refused, len(outcome.calls) - 1)):
        assert outcome.refusal is not None  # noqa: S101  narrows
        said = f"{outcome.refusal.label}: {outcome.refusal.message}"
        run.dialogue.append({"answer": _worse(sample, turn), "complaints": [said]})
    return clock


def _noted(step: str, at: datetime, ms: int, note: str = "") -> dict[str, Any]:
    line = {"step": step, "at": at.isoformat(timespec="milliseconds"), "ms": ms}
    return {**line, "note": note} if note else line


def _worse(sample: Sample, turn: int) -> str:
    """Return the answer that was refused."""
    first = next(iter(sample.answer))
    spoiled = {**sample.answer, first: f"{sample.answer[first]} (answer {turn + 1})"}
    return json.dumps(spoiled, ensure_ascii=False)


def _verdicts(version: Version, outcome: Outcome, sample: Sample) -> Iterator[dict[str, Any]]:
    """Yield what the version's checks say: of the input, then of each answer."""
    rules = list(version.validator_rules.all())
    given = [rule for rule in rules if rule.direction == "input"]
    for rule in given:
        refusal = None if outcome.calls else TOO_SHORT
        yield _verdict("input", 0, rule.kind, refusal)
    kinds = ["schema"] if version.output_schema else []
    kinds += [rule.kind for rule in rules if rule.direction == "output"]
    answered = sum(not call.category for call in outcome.calls)
    for turn in range(answered):
        wrong = outcome.refusal if turn < outcome.refused else None
        for kind in kinds:
            refused = wrong if wrong and wrong.kind == kind else None
            yield _verdict("output", turn, kind, refused)
            if refused and kind == "schema":
                break  # what does not fit its schema comes to no other check


LABELS = {"schema": "Output schema", "length": "Length", "grounding": "Grounding"}
FINE = {
    "schema": ("Fits the output schema.", "output_schema"),
    "length": ("Within its bounds", "ok"),
    "grounding": ("Every number, date and link is in the input", "ok"),
}


def _verdict(direction: str, turn: int, kind: str, refusal: Refusal | None) -> dict[str, Any]:
    message, code = FINE.get(kind, ("Passed", "ok"))
    return {
        "direction": direction,
        "turn": turn,
        "kind": kind,
        "label": LABELS.get(kind, kind.capitalize()),
        "passed": refusal is None,
        "message": refusal.message if refusal else message,
        "code": refusal.code if refusal else code,
        "category": refusal.category if refusal else Run.ErrorCategory.VALIDATION_ERROR,
    }


def _end(told: Told, cast: Cast, outcome: Outcome, sample: Sample, clock: datetime) -> None:
    """Give a run its result, what it cost, and its delivery if it succeeded."""
    run = told.run
    answered = any(not attempt.error_category for attempt in told.attempts)
    if answered:
        run.answer = json.dumps(sample.answer, ensure_ascii=False)
        run.model, run.answered_by = MODEL, PROVIDER
        run.trace.append(_noted("check", clock, 4))
        clock += MS * 4
    run.input_tokens = sum(a.input_tokens or 0 for a in told.attempts)
    run.output_tokens = sum(a.output_tokens or 0 for a in told.attempts)
    run.cost_usd = sum((a.cost_usd or Decimal(0) for a in told.attempts), Decimal(0))
    if outcome.succeeds:
        run.status, run.step = Run.Status.SUCCESS, Run.Step.DELIVER
        run.output_data = _output(cast.version, sample)
        if cast.destination:
            run.trace.append(_noted("deliver", clock, 7))
            clock += MS * 7
            told.delivery = _delivery(cast.destination, clock)
    else:
        run.status = Run.Status.FAILED
        run.step = Run.Step.CHECK if answered else Run.Step.MODEL
        run.error_category, run.error_code = outcome.category, outcome.code
        run.error_message = outcome.message
    assert run.started_at is not None  # noqa: S101  narrows
    run.completed_at = clock + MS * 6
    run.execution_time_ms = int((run.completed_at - run.started_at) / MS)


def _output(version: Version, sample: Sample) -> Any:
    if not version.output_template:
        return sample.answer
    text = prompts.render(version.output_template, sample.answer)
    return {"text": text, "data": sample.answer}


def _delivery(destination: Destination, at: datetime) -> Delivery:
    return Delivery(
        destination=destination,
        state=Delivery.State.DELIVERED,
        fence=1,
        tries=1,
        delivered_at=at,
        latency_ms=7,
        reference="sample data: nothing was written",
    )


def _review(told: Sequence[Told], plan: Plan, chance: random.Random, now: datetime) -> None:
    """Review some of the successes, the rejected ones spread among them."""
    good = [one for one in told if one.run.status == Run.Status.SUCCESS]
    chosen = sorted(chance.sample(range(len(good)), min(plan.reviewed, len(good))))
    bad = set(chance.sample(chosen, len(chosen) - plan.useful))
    for number, index in enumerate(chosen):
        run = good[index].run
        assert run.completed_at is not None  # noqa: S101  narrows
        edited = index not in bad and chance.random() < 0.15
        rejected, after_edit = Review.Verdict.REJECTED, Review.Verdict.EDITED
        verdict = rejected if index in bad else after_edit if edited else Review.Verdict.APPROVED
        good[index].review = Review(
            verdict=verdict,
            reason=REASONS[number % len(REASONS)] if index in bad else "",
            edited_output=f"{text_of(run.output_data)}" if edited else "",
            seconds_spent=chance.randint(12, 95),
            at=min(run.completed_at + HOUR * chance.uniform(0.1, 9), now),
            is_sample=True,
        )


def store(told: Sequence[Told]) -> int:
    """Write sample runs of several automations, oldest first; return how many."""
    ordered = sorted(told, key=lambda one: one.run.queued_at)
    Run.objects.bulk_create([one.run for one in ordered], batch_size=200)
    for one in ordered:
        _join(one)
    Attempt.objects.bulk_create([a for one in ordered for a in one.attempts], batch_size=200)
    made = [one.delivery for one in ordered if one.delivery]
    moments = [delivery.delivered_at for delivery in made]
    Delivery.objects.bulk_create(made, batch_size=200)
    for delivery, at in zip(made, moments, strict=True):
        delivery.created_at = at  # type: ignore[assignment]  # auto_now_add: it said now
    Delivery.objects.bulk_update(made, ["created_at"], batch_size=200)
    Review.objects.bulk_create([one.review for one in ordered if one.review], batch_size=200)
    return len(ordered)


def _join(one: Told) -> None:
    run = one.run
    for attempt in one.attempts:
        attempt.run = run
    if one.delivery:
        one.delivery.run = run
        one.delivery.key = Delivery.key_for(run.pk, one.delivery.destination_id)
    if one.review:
        one.review.run, one.review.version = run, run.version
        one.review.automation = run.automation

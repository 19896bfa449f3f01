"""Call the model once for a run and say what came of it; commits nothing itself."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from automations.engine import retry
from automations.engine.bench import Bench
from automations.engine.called import Called
from automations.engine.endpoints import endpoint_id
from automations.engine.held import Held, ProviderNews
from automations.engine.llm import Answer, Call, CallFailed, Client
from automations.engine.pricing import cost_of
from automations.engine.recipes import Recipe
from automations.errors import Problem
from automations.models import Attempt, Run

# Failures that no other model of the same provider could have avoided.
WHATEVER_MODEL = {"network_error", "api_config"}


async def ask(run: Held, recipe: Recipe, rendered: list[dict[str, str]], bench: Bench) -> Called:
    """Make one model call within the run's deadline.

    Raises:
        Problem: there is no endpoint to call (missing key, embedded model unavailable), or the
            deadline has passed before the call.
    """
    left_s = _left_s(run, bench.now())
    if left_s <= 0:
        raise _too_late(recipe)
    try:
        client = await bench.client(recipe)
    except Problem as problem:
        if problem.code != "secret_missing":
            raise
        return _not_called(run, recipe, problem)
    model = recipe.models[min(run.model_index, len(recipe.models) - 1)] or client.endpoint.model
    call = Call(
        messages=rendered,
        model=model,
        temperature=recipe.temperature,
        max_tokens=recipe.max_output_tokens,
        schema=recipe.output_schema,
        extra=recipe.parameters,
        deadline_s=min(float(recipe.call_timeout_s), left_s),
    )
    async with bench.call_slot(run):
        started = bench.now()
        try:
            answer = await client.complete(call)
        except CallFailed as failure:
            return _failed(run, recipe, client, call, started, failure, bench.now())
        except asyncio.CancelledError:
            run.broken_off = _broken_off(run, client, call, started, bench.now())
            raise
    return _answered(run, recipe, client, call, started, answer)


def _answered(
    run: Held, recipe: Recipe, client: Client, call: Call, started: datetime, answer: Answer
) -> Called:
    cost = _cost(client, call.model, answer)
    attempt = _attempt(run, client, call, started, answer.latency_ms)
    _fill(attempt, client, answer, cost)
    values = {**_totals(run, answer, cost), "answer": answer.text, "calls": run.calls + 1}
    values |= {"model": attempt.model, "answered_by": client.endpoint.label}
    news = _news(run, recipe, answer)
    news.succeeded = True
    return Called(values, attempt, news, f"{values['model']} at {client.endpoint.label}")


def _failed(
    run: Held, recipe: Recipe, client: Client, call: Call, started: datetime,
    failure: CallFailed, now: datetime,
) -> Called:  # fmt: skip
    attempt = _attempt(run, client, call, started, failure.latency_ms)
    attempt.http_status, attempt.request_id = failure.http_status, failure.request_id
    attempt.error_category, attempt.error_code = failure.category, failure.code
    attempt.error_message = failure.message
    values: dict[str, Any] = {"calls": run.calls + 1}
    if failure.answer:
        cost = _cost(client, call.model, failure.answer)
        _fill(attempt, client, failure.answer, cost)
        values |= {**_totals(run, failure.answer, cost), "answer": failure.answer.text}
        values |= {"model": attempt.model, "answered_by": client.endpoint.label}
    fact = retry.Failure(failure.code, failure.retry, failure.rate_limited, failure.retry_after_s)
    again = retry.after_call(
        run, fact, max_attempts=recipe.max_attempts, models=len(recipe.models), now=now
    )
    news = _failure_news(run, recipe, failure)
    if failure.rate_limited:
        news.pause_s = retry.pause_s(fact, run.postponements + 1)
    cut_off = _cut_off(call) if failure.code == "output_truncated" and failure.answer else ""
    waiting = _waiting(run, failure, values, models=len(recipe.models), now=now)
    return Called(values, attempt, news, failure.message, failure, again, cut_off, waiting)


def _failure_news(run: Held, recipe: Recipe, failure: CallFailed) -> ProviderNews:
    """Return what a failed call says about its provider."""
    news = _news(run, recipe, failure.answer)
    news.took_ms = failure.latency_ms
    if failure.opens_circuit:
        news.circuit_reason = failure.message
    elif not failure.outage:
        news.alive = failure.http_status is not None
    elif failure.code in WHATEVER_MODEL or run.model_index + 1 >= len(recipe.models):
        # While another model may answer, one that does not is no outage.
        news.outage_reason = failure.message
    return news


def _waiting(
    run: Held, failure: CallFailed, values: dict[str, Any], *, models: int, now: datetime
) -> dict[str, Any] | None:
    """Return the values with which the run waits if the circuit turns out to be open.

    That failure costs it no attempt; after an outage's failure its next model is tried.
    """
    if not failure.outage and not failure.opens_circuit:
        return None
    next_model = failure.outage and run.model_index + 1 < models
    return {
        **values,
        "status": Run.Status.QUEUED,
        "available_at": now,
        "failures": 0 if next_model else run.failures,
        "postponements": run.postponements,
        "model_index": run.model_index + next_model,
        "error_message": failure.message,
    }


def _not_called(run: Held, recipe: Recipe, problem: Problem) -> Called:
    """Fail a run for want of a key, and let the others wait until there is one."""
    news = _news(run, recipe, None)
    news.circuit_reason = problem.message
    return Called({}, None, news, problem.message, problem)


def _broken_off(run: Held, client: Client, call: Call, started: datetime, now: datetime) -> Attempt:
    """Return the row of a call that we ended ourselves; the provider may charge for it."""
    latency_ms = int((now - started) / timedelta(milliseconds=1))
    attempt = _attempt(run, client, call, started, latency_ms)
    attempt.error_code = "broken_off"
    attempt.error_message = "Broken off before it answered; what it cost is not known."
    return attempt


def _attempt(run: Held, client: Client, call: Call, started: datetime, latency_ms: int) -> Attempt:
    return Attempt(
        run_id=run.id,
        number=run.calls + 1,
        fence=run.fence,
        is_repair=bool(run.dialogue),
        provider_name=client.endpoint.label,
        model=call.model,
        started_at=started,
        latency_ms=latency_ms,
    )


def _fill(attempt: Attempt, client: Client, answer: Answer, cost: Decimal | None) -> None:
    attempt.input_tokens, attempt.output_tokens = answer.input_tokens, answer.output_tokens
    attempt.cost_usd, attempt.finish_reason = cost, answer.finish_reason[:40]
    attempt.http_status, attempt.request_id = answer.http_status, answer.request_id
    # The embedded server answers to any name, so its own is the true one. Others are made up by
    # the provider and cut to what the column holds.
    endpoint = client.endpoint
    named = endpoint.model if endpoint.embedded else answer.model or attempt.model
    attempt.model = named[:160]


def _totals(run: Held, answer: Answer, cost: Decimal | None) -> dict[str, Any]:
    known = run.cost_usd if run.input_tokens or run.output_tokens else Decimal(0)
    return {
        "input_tokens": run.input_tokens + (answer.input_tokens or 0),
        "output_tokens": run.output_tokens + (answer.output_tokens or 0),
        "cost_usd": known + cost if known is not None and cost is not None else None,
    }


def _cost(client: Client, model: str, answer: Answer) -> Decimal | None:
    if client.endpoint.embedded:
        return Decimal(0)
    return cost_of(
        answer.model or model,
        base_url=client.endpoint.base_url,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cached_tokens=answer.cached_tokens,
    )


def _news(run: Held, recipe: Recipe, answer: Answer | None) -> ProviderNews:
    news = ProviderNews(run.provider_id, endpoint_id(recipe.provider))
    # The claim has charged the request and the estimate; only the difference is left.
    if answer and recipe.provider.tokens_per_minute:
        used = (answer.input_tokens or 0) + (answer.output_tokens or 0)
        news.extra_tokens = used - run.estimated_tokens
    return news


def _cut_off(call: Call) -> str:
    words = max(20, (call.max_tokens or 0) // 3)
    return f"It was cut off at {call.max_tokens} tokens; answer in at most {words} words."


def _left_s(run: Held, now: datetime) -> float:
    deadline = run.deadline_at or now + timedelta(days=1)
    return (deadline - now).total_seconds()


def _too_late(recipe: Recipe) -> Problem:
    message = (
        f"The run's deadline of {recipe.deadline_s} s passed before an answer came; "
        "raise the deadline in the version or run it again."
    )
    return Problem(message, category=Run.ErrorCategory.TIMEOUT, code="deadline")

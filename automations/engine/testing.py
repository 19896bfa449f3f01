"""Test a provider's connection with one small real call."""

from __future__ import annotations

import asyncio

from automations.engine.endpoints import resolve
from automations.engine.llm import Answer, Call, Client, Endpoint
from automations.errors import Problem
from automations.models import Provider
from automations.redaction import redact
from automations.services import store_test

QUESTION = [{"role": "user", "content": "Answer with the one word: ready"}]
DEADLINE_S = 60.0


def test_provider(provider_id: int) -> str:
    """Call the provider as it is stored; keep whether it answered, which model, and how fast."""
    provider = Provider.objects.get(pk=provider_id)
    try:
        endpoint = resolve(provider)
        answer = asyncio.run(_call(endpoint))
    except Problem as problem:
        message = redact(problem.message)
        store_test(provider, passed=False, message=message)
        return message
    model = answer.model or endpoint.model
    message = f"{model} at {endpoint.label} answered in {answer.latency_ms / 1000:.1f} s."
    store_test(provider, passed=True, message=message)
    return message


async def _call(endpoint: Endpoint) -> Answer:
    call = Call(
        messages=QUESTION,
        model=endpoint.model,
        temperature=None,
        max_tokens=16,
        schema=None,
        extra={},
        deadline_s=DEADLINE_S,
    )
    async with Client(endpoint) as client:
        return await client.complete(call)

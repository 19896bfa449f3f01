"""From a provider's row to the endpoint that is called now."""

from __future__ import annotations

import hashlib

from automations import environment
from automations.answering import host_of
from automations.engine.embedded import server
from automations.engine.llm import Endpoint
from automations.errors import Problem
from automations.models import Provider

OPENAI_URL = "https://api.openai.com/v1"
EMBEDDED_MARK = " (embedded)"
DEFAULT_OPENAI_MODEL = "gpt-5-mini"


def is_embedded(provider: Provider) -> bool:
    """Tell whether calls go to the embedded model, without starting it."""
    if provider.kind == Provider.Kind.DEFAULT:
        return not (environment.read("OPENAI_BASE_URL") or environment.read("OPENAI_API_KEY"))
    return provider.kind == Provider.Kind.EMBEDDED


def takes_at_once(provider: Provider) -> int | None:
    """Return how many calls the provider takes at once; None is no limit."""
    return 1 if is_embedded(provider) else provider.max_concurrency


def endpoint_id(provider: Provider) -> str:
    """Name the endpoint and key in use, so that a pause or a circuit dies with them."""
    if is_embedded(provider):
        return "embedded"
    parts = [provider.base_url, provider.api_key_env, provider.api_key_sealed]
    if provider.kind == Provider.Kind.DEFAULT:
        parts = [environment.read("OPENAI_BASE_URL"), environment.read("OPENAI_API_KEY")]
    elif provider.api_key_env:
        parts.append(environment.read(provider.api_key_env))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def resolve(provider: Provider) -> Endpoint:
    """Return the endpoint to call; starts the embedded model when that is it (blocking).

    Raises:
        Problem: the key is missing or unreadable, or the embedded model cannot start.
    """
    if is_embedded(provider):
        return _embedded()
    if provider.kind == Provider.Kind.DEFAULT:
        return _from_environment()
    return Endpoint(
        base_url=provider.base_url,
        api_key=_key_of(provider),
        model=provider.default_model,
        trusted=False,
        label=provider.name,
    )


def _embedded() -> Endpoint:
    served = server.ensure_server()
    return Endpoint(
        base_url=served.base_url,
        api_key=served.api_key,
        model=served.label.removesuffix(EMBEDDED_MARK),
        trusted=True,
        label="this machine (embedded)",
        embedded=True,
    )


def _from_environment() -> Endpoint:
    url = environment.read("OPENAI_BASE_URL") or OPENAI_URL
    key = environment.read("OPENAI_API_KEY")
    if url == OPENAI_URL and not key:
        raise _missing("OPENAI_API_KEY")
    return Endpoint(
        base_url=url,
        api_key=key or "none",
        model=environment.read("OPENAI_MODEL") or DEFAULT_OPENAI_MODEL,
        trusted=True,
        label=host_of(url),
    )


def _key_of(provider: Provider) -> str:
    if not provider.api_key_env:
        return provider.open_key() or "none"
    key = environment.read(provider.api_key_env)
    if not key:
        raise _missing(provider.api_key_env)
    return key


def _missing(name: str) -> Problem:
    message = f"{name} is not set: set it in the environment (or {name}_FILE) and run again."
    return Problem(message, category="authentication", code="secret_missing")

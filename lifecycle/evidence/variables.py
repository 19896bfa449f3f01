"""Which environment variables an automation asks for, and whether they are set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from automations import environment
from automations.errors import Problem
from automations.models import Provider
from automations.references import MARK, is_reference
from automations.stores import BUCKET_VARIABLE
from lifecycle.evidence.subject import Subject

OPENAI_URL = "https://api.openai.com/v1"
BARE = frozenset({"key_id_env", "secret_env"})  # settings that hold a variable's name as it is
STORE = "object_store"


def wanted_by(subject: Subject) -> list[str]:
    """Return, sorted, what provider, source and active destinations read from the environment."""
    names: list[str] = []
    if subject.live is not None:
        names += _of_provider(subject.live.provider)
    source = getattr(subject.automation, "source", None)
    for connection in (*([source] if source else []), *subject.destinations):
        names += _of_settings(connection.settings)
        if connection.kind == STORE and not connection.settings.get("bucket"):
            names.append(BUCKET_VARIABLE)
    return sorted(set(names))


def is_set(name: str) -> bool:
    """Tell whether a variable, or its NAME_FILE, holds a value that this process can read."""
    try:
        return bool(environment.read(name))
    except Problem:
        return False


def _of_provider(provider: Provider) -> list[str]:
    """The default provider asks for its key where it calls OpenAI, else for nothing."""
    if provider.kind == Provider.Kind.DEFAULT:
        asks = is_set("OPENAI_API_KEY") or _default_url() == OPENAI_URL
        return ["OPENAI_API_KEY"] if asks else []
    is_endpoint = provider.kind == Provider.Kind.ENDPOINT
    return [provider.api_key_env] if is_endpoint and provider.api_key_env else []


def _default_url() -> str:
    try:
        return environment.read("OPENAI_BASE_URL")
    except Problem:
        return ""


def _of_settings(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _of_settings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _of_settings(inner)
    elif isinstance(value, str) and value and key in BARE:
        yield value
    elif isinstance(value, str) and is_reference(value):
        yield value.partition(MARK)[2]

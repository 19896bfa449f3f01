"""Which environment variables an automation asks for, and whether they are set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from automations import environment
from automations.answering import host_of
from automations.errors import Problem
from automations.models import Provider
from automations.references import MARK, is_reference
from automations.stores import BUCKET_VARIABLE
from lifecycle.evidence.subject import Subject

OPENAI = "api.openai.com"
URL, KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"
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
    try:
        name = key_of(provider)
    except Problem:
        return [name for name in (KEY, URL) if not _is_readable(name)]
    return [name] if name else []


def key_of(provider: Provider) -> str:
    """Return the name of the variable with the key that a provider needs; "" if it needs none.

    The default provider needs one where it calls OpenAI: an endpoint of one's own may need none,
    and with neither address nor key the embedded model answers.

    Raises:
        Problem: the default provider's address or key is in a file that cannot be read.
    """
    if provider.kind == Provider.Kind.DEFAULT:
        url, key = (environment.read(name) for name in (URL, KEY))
        return KEY if key or host_of(url).lower() == OPENAI else ""
    return provider.api_key_env if provider.kind == Provider.Kind.ENDPOINT else ""


def _is_readable(name: str) -> bool:
    try:
        environment.read(name)
    except Problem:
        return False
    return True


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

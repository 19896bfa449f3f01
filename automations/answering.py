"""Which model a version's calls go to, in words; asks nothing of the engine."""

from __future__ import annotations

from dataclasses import dataclass

from automations import environment
from automations.errors import Problem
from automations.models import Provider, Version

EMBEDDED = "on this installation's own machine"


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who answers: the model's name, where it is, and how that came about."""

    model: str
    place: str
    note: str = ""
    is_embedded: bool = False


def answerer_of(version: Version) -> Answerer:
    """Return who answers a version's calls, as this process's environment says."""
    provider = version.provider
    if provider.kind == Provider.Kind.EMBEDDED:
        return _embedded("")
    if provider.kind == Provider.Kind.DEFAULT:
        return _from_environment(version.model)
    model = version.model or provider.default_model or "the endpoint's own choice"
    return Answerer(model, f"{provider.name} ({host_of(provider.base_url)})")


def _from_environment(model: str) -> Answerer:
    try:
        url, key = environment.read("OPENAI_BASE_URL"), environment.read("OPENAI_API_KEY")
        asked = model or environment.read("OPENAI_MODEL")
    except Problem as problem:
        return Answerer("not known", "not known", problem.message)
    if not (url or key):
        return _embedded("Neither OPENAI_BASE_URL nor OPENAI_API_KEY is set.")
    host = host_of(url) if url else "api.openai.com"
    return Answerer(asked or "Its usual model", host, "Default provider: from the environment.")


def _embedded(note: str) -> Answerer:
    return Answerer("Embedded model", EMBEDDED, note, is_embedded=True)


def host_of(url: str) -> str:
    """Return the host of a provider's base URL, without what may be a password before it."""
    return url.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1]

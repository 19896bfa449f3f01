"""What compatible servers take differently: learned from their refusals, per model, for a while."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from automations.engine.parsing import parse_error

DEFAULT_MAX_TOKENS = 2_048
REMEMBERED_S = 600.0
_SCHEMA_NAMES = ("response_format", "json_schema")
IN_WORDS = (
    "Answer with one JSON value and nothing else: no explanation, no Markdown. "
    "It must fit this JSON Schema:\n"
)


class Asked(Protocol):
    """What of a call goes into its request."""

    @property
    def messages(self) -> list[dict[str, str]]: ...
    @property
    def temperature(self) -> float | None: ...
    @property
    def max_tokens(self) -> int | None: ...
    @property
    def schema(self) -> dict[str, Any] | None: ...
    @property
    def extra(self) -> dict[str, Any]: ...


@dataclass(slots=True)
class Dialects:
    """How each model of one endpoint wants to be asked; both refusals cost nothing there."""

    now: Callable[[], float] = time.monotonic
    _limit_names: dict[str, str] = field(default_factory=dict)
    _schema_in_words_until: dict[str, float] = field(default_factory=dict)

    def body(self, call: Asked, model: str) -> dict[str, Any]:
        """Return the request for a call."""
        body: dict[str, Any] = {"model": model, "messages": call.messages, **call.extra}
        body[self._limit_names.get(model, "max_tokens")] = call.max_tokens or DEFAULT_MAX_TOKENS
        if call.temperature is not None:
            body["temperature"] = call.temperature
        if call.schema is None:
            return body
        if self._schema_in_words_until.get(model, 0.0) > self.now():
            body["messages"] = in_words(call.messages, call.schema)
        else:
            form = {"name": "answer", "strict": True, "schema": call.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body

    def learns(self, status: int, content: bytes, sent: dict[str, Any]) -> bool:
        """Tell whether a refusal says how to ask instead; it is then asked so."""
        if status not in (400, 422):
            return False
        error, model = parse_error(content), str(sent["model"])
        if error.param == "max_tokens" and "max_completion_tokens" in error.message:
            known = self._limit_names.setdefault(model, "max_completion_tokens") in sent
            return not known
        about = f"{error.param} {error.message}".lower()
        if "response_format" not in sent or not any(name in about for name in _SCHEMA_NAMES):
            return False
        self._schema_in_words_until[model] = self.now() + REMEMBERED_S
        return True


def in_words(messages: list[dict[str, str]], schema: dict[str, Any]) -> list[dict[str, str]]:
    """Return the messages with the schema told to the model instead of to its server."""
    told = IN_WORDS + json.dumps(schema, ensure_ascii=False)
    if messages and messages[0]["role"] == "system":
        first = {"role": "system", "content": f"{messages[0]['content']}\n\n{told}"}
        return [first, *messages[1:]]
    return [{"role": "system", "content": told}, *messages]

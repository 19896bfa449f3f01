"""What a well-behaved provider says, and the error bodies of real ones."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

_numbers = itertools.count(1)

DEFAULT_ANSWER = (
    "This text was written by the fake provider of the test suite. It is long enough for the "
    "usual limits and it says nothing that could be wrong."
)

# Errors as providers phrase them: name -> (message, type, code, param).
ERRORS: dict[str, tuple[str, str, str | None, str | None]] = {
    "quota": ("You exceeded your current quota.", "insufficient_quota", "insufficient_quota", None),
    "billing": ("Hard limit reached.", "invalid_request_error", "billing_hard_limit_reached", None),
    "context": (
        "This model's maximum context length is 8192 tokens.",
        "invalid_request_error",
        "context_length_exceeded",
        "messages",
    ),
    "embedded-context": (
        "the request exceeds the available context size",
        "exceed_context_size_error",
        "400",
        None,
    ),
    "policy": (
        "Rejected by the content policy.",
        "invalid_request_error",
        "content_policy_violation",
        None,
    ),
    "model": ("The model does not exist.", "invalid_request_error", "model_not_found", "model"),
    "param": ("Invalid type for 'top_p'.", "invalid_request_error", "invalid_type", "top_p"),
    "max-tokens": (
        "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
        "invalid_request_error",
        "unsupported_parameter",
        "max_tokens",
    ),
    "response-format": (
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported.",
        "invalid_request_error",
        None,
        "response_format",
    ),
    "overloaded": ("The server is overloaded.", "server_error", "server_is_overloaded", None),
    "slow-down": ("Slow down.", "server_error", "slow_down", None),
    "plain": ("Something went wrong.", "server_error", None, None),
}


def error_body(name: str) -> bytes:
    """Return one provider error as JSON."""
    message, kind, code, param = ERRORS[name]
    error: dict[str, Any] = {"message": message, "type": kind, "code": code, "param": param}
    if name == "embedded-context":
        error |= {"n_prompt_tokens": 5000, "n_ctx": 4096}
    return json.dumps({"error": error}).encode()


def completion(model: str, text: str | None, question: str, **changes: Any) -> dict[str, Any]:
    """Return a chat completion; `message` merges into the message, the rest into the choice."""
    message = {"role": "assistant", "content": text, "refusal": None, **changes.pop("message", {})}
    return {
        "id": f"chatcmpl-{next(_numbers)}",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", **changes}],
        "usage": usage_of(question, text or ""),
    }


def usage_of(question: str, text: str) -> dict[str, Any]:
    """Count tokens as one per four characters."""
    sent, made = len(question) // 4 + 1, len(text) // 4 + 1
    return {
        "prompt_tokens": sent,
        "completion_tokens": made,
        "total_tokens": sent + made,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


def instance_of(schema: Mapping[str, Any]) -> Any:
    """Return a small value that fits a JSON schema of the usual kind."""
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    makers = {"object": _object, "array": _array, "string": _string}
    if kind in makers:
        return makers[kind](schema)
    plain: dict[str, Any] = {"integer": 1, "number": 1, "boolean": True, "null": None}
    return schema.get("minimum", plain[kind])


def _object(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: instance_of(part) for name, part in schema.get("properties", {}).items()}


def _array(schema: Mapping[str, Any]) -> list[Any]:
    return [instance_of(schema.get("items", {})) for _ in range(schema.get("minItems", 1))]


def _string(schema: Mapping[str, Any]) -> str:
    text = "A text from the fake provider."
    if schema.get("format") == "date":
        text = "2026-11-22"
    return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", 1_000)]

"""Why a model call failed: the category, what follows from it, and the words for the operator."""

import re
from dataclasses import dataclass

from automations.engine.parsing import ProviderError

_QUOTA = frozenset({"insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached"})
_TOO_LONG = frozenset(
    {"context_length_exceeded", "string_above_max_length", "exceed_context_size_error"}
)
_TOO_LONG_WORDS = re.compile(r"(?i)maximum context length|context (?:size|window|limit)")
_POLICY = frozenset({"content_policy_violation", "content_filter", "invalid_prompt"})
_NO_MODEL = frozenset({"model_not_found", "model_not_available"})


@dataclass(frozen=True, slots=True)
class Cause:
    """What follows from one fine cause. `what` and `advice` make the sentence after the label.

    `outage`: several in a row mean that the provider is out, and open its circuit.
    """

    category: str
    what: str
    advice: str
    retry: bool = False
    rate_limited: bool = False
    opens_circuit: bool = False
    outage: bool = False


CAUSES: dict[str, Cause] = {
    "api_rate_limit": Cause(
        "api_rate_limit",
        "limits how often it may be called",
        "try again later, or lower the provider's concurrency",
        retry=True,
        rate_limited=True,
    ),
    "api_quota": Cause(
        "api_error",
        "says that its quota or credit is used up",
        "add credit or raise the limit there, then resume the provider",
        opens_circuit=True,
    ),
    "api_overloaded": Cause(
        "api_error",
        "is overloaded",
        "try again later, or choose another model",
        retry=True,
        outage=True,
    ),
    "api_server_error": Cause(
        "api_error",
        "failed with an error of its own",
        "try again later; its status page may say more",
        retry=True,
        outage=True,
    ),
    "api_auth": Cause(
        "authentication",
        "refused the API key",
        "enter a valid key on the provider's page",
        opens_circuit=True,
    ),
    "api_permission": Cause(
        "authentication",
        "does not allow this to the API key",
        "ask the owner of the account, or use another key",
        opens_circuit=True,
    ),
    "api_model_not_found": Cause(
        "api_error", "does not have the model", "choose a model that it offers"
    ),
    "api_bad_request": Cause(
        "api_error", "found the request wrong", "correct the version's parameters or its schema"
    ),
    "api_config": Cause(
        "api_error", "is not where the base URL says", "check its base URL", outage=True
    ),
    "context_too_long": Cause(
        "api_error",
        "cannot take an input this long",
        "shorten the input, or choose a model with a larger context",
    ),
    "content_policy": Cause(
        "content_filter",
        "stopped at its content filter",
        "change the input or the prompt",
    ),
    "refusal": Cause("content_filter", "declined to answer", "review the prompt and the input"),
    "output_truncated": Cause(
        "validation_error",
        "was cut off",
        "ask for a shorter answer, or raise the maximum of tokens",
    ),
    "timeout": Cause(
        "timeout",
        "did not answer in time",
        "allow more time, or ask for less",
        retry=True,
        outage=True,
    ),
    "network_error": Cause(
        "api_error",
        "could not be reached",
        "check its base URL and the network",
        retry=True,
        outage=True,
    ),
    "provider_bad_response": Cause(
        "api_error",
        "gave no usable answer",
        "try again, and look for a proxy in between if it lasts",
        retry=True,
        outage=True,
    ),
    "response_too_large": Cause(
        "api_error", "answered with too much", "lower the maximum of tokens, or check the base URL"
    ),
    "empty_output": Cause(
        "api_error",
        "answered with nothing",
        "try again, and review the prompt if it lasts",
        retry=True,
    ),
    "unexpected_tool_call": Cause(
        "api_error", "asked for a tool though it was given none", "check the model's own settings"
    ),
    "internal_error": Cause(
        "internal_error",
        "was not called properly, and it is our fault",
        "report it with the number of this run",
    ),
}

_BY_STATUS = {
    401: "api_auth",
    402: "api_quota",
    403: "api_permission",
    408: "api_server_error",
    409: "api_server_error",
    413: "context_too_long",
    425: "api_server_error",
    429: "api_rate_limit",
    498: "api_overloaded",
    529: "api_overloaded",
}


def code_of(status: int, error: ProviderError) -> str:
    """Return the fine cause of an answer with an error status (300 and above)."""
    named = {error.code, error.type}
    if status == 429 and named & _QUOTA:
        return "api_quota"
    if status == 503 and "slow_down" in named:
        return "api_rate_limit"
    if status == 503 and "server_is_overloaded" in named:
        return "api_overloaded"
    if status in (400, 404, 422):
        return _code_of_refusal(status, error, named)
    if status < 400:
        return "api_config"
    return _BY_STATUS.get(status, "api_server_error" if status >= 500 else "api_bad_request")


def _code_of_refusal(status: int, error: ProviderError, named: set[str]) -> str:
    if named & _TOO_LONG or _TOO_LONG_WORDS.search(error.message):
        return "context_too_long"
    if named & _POLICY:
        return "content_policy"
    if named & _NO_MODEL or (status == 404 and "model" in error.message.lower()):
        return "api_model_not_found"
    return "api_config" if status == 404 else "api_bad_request"

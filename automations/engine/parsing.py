"""A provider's bytes turned into a completion, or into the reason why they are none."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from automations.text import clean_text, one_line

# Compatible servers have names of their own for the same few endings.
_DONE = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence", "complete"})
_CUT_OFF = frozenset({"length", "max_tokens", "model_length"})
_FILTERED = frozenset({"content_filter", "safety", "recitation", "prohibited_content"})
_TOOLS = frozenset({"tool_calls", "function_call", "tool_use"})

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_MOST_TOKENS = 1_000_000_000  # more is nonsense, and would not fit the column


@dataclass(frozen=True, slots=True)
class Completion:
    """What a provider answered, cleaned; tokens are None where it did not say."""

    text: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int
    finish_reason: str
    response_id: str


@dataclass(frozen=True, slots=True)
class ProviderError:
    """A provider's own account of an error; empty strings where it gave none."""

    message: str = ""
    code: str = ""
    type: str = ""
    param: str = ""


class Unusable(Exception):
    """The bytes are no answer: `code` is the fine cause, `what` says it after the label."""

    def __init__(
        self,
        what: str,
        *,
        code: str = "provider_bad_response",
        completion: Completion | None = None,
        error: ProviderError | None = None,
    ) -> None:
        super().__init__(code)
        self.what = what
        self.code = code
        self.completion = completion
        self.error = error


def parse_completion(body: bytes) -> Completion:
    """Read a chat completion; raises `Unusable` for whatever is not a finished answer."""
    data = _object(body)
    if data.get("error") and not data.get("choices"):
        raise Unusable("reported an error under status 200", error=_error_in(data))
    choice = _first_choice(data)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise Unusable("left the message out")
    completion = _completion(data, choice, message)
    _check_ending(completion, message)
    _check_content(completion, message)
    return completion


def parse_error(body: bytes) -> ProviderError:
    """Read an error body of any provider; an empty account if it is none of the known shapes."""
    try:
        return _error_in(_object(body))
    except Unusable:
        return ProviderError()


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = _DECODER.decode(body.decode("utf-8-sig"))
    # ValueError: no JSON, no UTF-8, NaN, or a number of more digits than Python takes.
    except (ValueError, RecursionError):
        raise Unusable(f"answered with {_kind_of(body)}") from None
    if not isinstance(data, dict):
        raise Unusable("answered with JSON that is no completion")
    return data


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _kind_of(body: bytes) -> str:
    start = body[:200].strip().lower()
    if not start:
        return "an empty body"
    if start.startswith(b"<"):
        return "a web page instead of JSON"
    return "broken JSON" if start.startswith((b"{", b"[")) else "something that is not JSON"


def _first_choice(data: Mapping[str, Any]) -> dict[str, Any]:
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Unusable("answered without any choice")
    return choices[0]


def _completion(
    data: Mapping[str, Any], choice: Mapping[str, Any], message: Mapping[str, Any]
) -> Completion:
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    given = _tokens(usage.get("prompt_tokens"))
    cached = _tokens(details.get("cached_tokens")) if isinstance(details, dict) else None
    content = message.get("content")
    return Completion(
        text=clean_text(content).text if isinstance(content, str) else "",
        model=_word(data.get("model")),
        input_tokens=given,
        output_tokens=_tokens(usage.get("completion_tokens")),
        cached_tokens=min(cached or 0, given or 0),
        finish_reason=_word(choice.get("finish_reason")).lower(),
        response_id=_word(data.get("id")),
    )


def _check_ending(completion: Completion, message: Mapping[str, Any]) -> None:
    ending = completion.finish_reason
    if _word(message.get("refusal")):
        raise Unusable(_word(message["refusal"]), code="refusal", completion=completion)
    if ending in _CUT_OFF:
        raise Unusable("", code="output_truncated", completion=completion)
    if ending in _FILTERED:
        raise Unusable("", code="content_policy", completion=completion)
    if ending in _TOOLS:
        raise Unusable("", code="unexpected_tool_call", completion=completion)
    if ending not in _DONE:
        what = f"ended for an unknown reason ({ending or 'none given'})"
        raise Unusable(what, completion=completion)


def _check_content(completion: Completion, message: Mapping[str, Any]) -> None:
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        raise Unusable("answered with something other than text", completion=completion)
    if not completion.text.translate(_INVISIBLE).strip():
        raise Unusable("", code="empty_output", completion=completion)


def _error_in(data: Mapping[str, Any]) -> ProviderError:
    error = data.get("error", data)
    if isinstance(error, str):
        return ProviderError(message=error)
    if not isinstance(error, dict):
        return ProviderError()
    message = error.get("message") or data.get("detail")
    return ProviderError(
        message=message if isinstance(message, str) else "",
        code=_word(error.get("code")).lower(),
        type=_word(error.get("type")).lower(),
        param=_word(error.get("param")),
    )


def _word(value: object) -> str:
    """Return a short, clean string for a name or number from outside, else the empty string."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return one_line(str(value), limit=200)


def _tokens(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None

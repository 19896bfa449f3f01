"""Every bad behaviour of a provider, through the real adapter: category, cause, what follows."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.engine.causes import CAUSES, code_of
from automations.engine.llm import Call, CallFailed, Client, Endpoint
from automations.engine.parsing import (
    Completion,
    ProviderError,
    Unusable,
    parse_completion,
    parse_error,
)
from automations.models import Run
from automations.pauses import LONGEST_PAUSE_S, pause_asked
from tests.automations.engine.expected import BEHAVIOURS, KEPT, OPENS_CIRCUIT, RATE_LIMITED
from tests.provider import FakeProvider

patient = settings(deadline=None)
QUESTION = [{"role": "user", "content": "Tell me more."}]


def fail(provider: FakeProvider, model: str, *, max_tokens: int = 500) -> CallFailed:
    """Make one call that fails, and return how."""
    key = "sk-test-0123456789abcdefghij"
    where = Endpoint(provider.base_url, key, model, trusted=True, label="Acme models")

    async def go() -> None:
        async with Client(where) as client:
            await client.complete(Call(messages=QUESTION, max_tokens=max_tokens))

    with pytest.raises(CallFailed) as failed:
        asyncio.run(go())
    return failed.value


@pytest.mark.parametrize("model", BEHAVIOURS)
def test_each_misbehaviour_has_its_cause_and_consequence(
    provider: FakeProvider, model: str
) -> None:
    failed = fail(provider, model)
    assert (failed.category, failed.code, failed.retry) == BEHAVIOURS[model]
    assert failed.rate_limited == (model in RATE_LIMITED)
    assert failed.opens_circuit == (model in OPENS_CIRCUIT)
    assert (failed.answer is not None) == (model in KEPT)
    assert provider.seen()["calls"] == 1


@pytest.mark.parametrize("model", BEHAVIOURS)
def test_each_message_is_one_sentence_that_names_the_endpoint_and_a_way_out(
    provider: FakeProvider, model: str
) -> None:
    message = fail(provider, model).message
    assert re.fullmatch(r"Acme models [^\n]{10,400}; [^\n;]{10,120}\.", message)
    assert not message.endswith("..")


def test_the_status_and_request_id_are_kept(provider: FakeProvider) -> None:
    failed = fail(provider, "500")
    assert (failed.http_status, failed.request_id) == (500, "req_1")
    assert "(500)" in failed.message


def test_a_cut_off_answer_is_kept_and_says_where_it_was_cut(provider: FakeProvider) -> None:
    provider.script(answer="Half of a sentence that")
    failed = fail(provider, "length", max_tokens=6)
    assert failed.answer is not None
    assert failed.answer.text == "Half of a sentence that"
    assert (failed.answer.output_tokens, failed.answer.finish_reason) == (6, "length")
    assert "cut off at 6 tokens" in failed.message


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("400:param", "Invalid type for 'top_p'"),
        ("404:model", "The model does not exist"),
        ("400:context", "maximum context length is 8192 tokens"),
        ("refusal", "I cannot help with that"),
    ],
)
def test_the_providers_reason_is_shown_where_only_it_knows(
    provider: FakeProvider, model: str, words: str
) -> None:
    assert words in fail(provider, model).message


# --- Retry-After ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("retry-after=2", 2.0),
        ("retry-after=0", 0.0),
        ("retry-after=1.5", 1.5),
        ("retry-after=900", 900.0),
        ("retry-after=901", None),
        ("retry-after=-1", None),
        ("retry-after=nan", None),
        ("retry-after=inf", None),
        ("retry-after=soon", None),
        ("retry-after-ms=300", 0.3),
        ("retry-after-ms=300,retry-after=9", 0.3),
        ("retry-after-ms=-5,retry-after=9", 9.0),
        ("retry-after-ms=9000000,retry-after=9", 9.0),
        ("retry-after=date-5", None),
        ("retry-after=date+9999", None),
        ("", None),
    ],
)
def test_the_pause_a_provider_asks_for_is_taken_unless_it_is_absurd(
    provider: FakeProvider, headers: str, seconds: float | None
) -> None:
    assert fail(provider, f"429:{headers}").retry_after_s == seconds


def test_the_pause_may_be_given_as_a_date(provider: FakeProvider) -> None:
    pause = fail(provider, "503:retry-after=date+60").retry_after_s
    assert pause is not None
    assert 30 < pause <= 60


def test_what_is_not_tried_again_has_no_pause(provider: FakeProvider) -> None:
    assert fail(provider, "429:quota,retry-after=5").retry_after_s is None


@patient
@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_makes_a_pause_out_of_range(after: str, after_ms: str) -> None:
    pause = pause_asked({"retry-after": after, "retry-after-ms": after_ms})
    assert pause is None or 0 <= pause <= LONGEST_PAUSE_S


@patient
@given(st.datetimes(timezones=st.just(UTC)))
def test_dates_far_away_are_no_pause(moment: datetime) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    moment = moment.replace(microsecond=0)
    pause = pause_asked({"retry-after": format_datetime(moment, usegmt=True)}, now=now)
    near = timedelta(0) <= moment - now <= timedelta(seconds=LONGEST_PAUSE_S)
    assert pause == ((moment - now).total_seconds() if near else None)


# --- the table itself ----------------------------------------------------------------------


def test_every_cause_has_a_category_that_runs_know() -> None:
    assert {cause.category for cause in CAUSES.values()} <= set(Run.ErrorCategory.values)


def test_only_what_is_tried_again_can_be_rate_limited() -> None:
    assert all(cause.retry for cause in CAUSES.values() if cause.rate_limited)
    assert not any(cause.retry for cause in CAUSES.values() if cause.opens_circuit)


words = st.sampled_from(["", "slow_down", "model_not_found", "insufficient_quota", "x"])


@patient
@given(status=st.integers(300, 999), code=words, kind=words, message=st.text(max_size=50))
def test_every_status_has_a_cause(status: int, code: str, kind: str, message: str) -> None:
    assert code_of(status, ProviderError(message=message, code=code, type=kind)) in CAUSES


# --- the parser ----------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def parsed(body: bytes) -> Completion | str:
    """Parse a body; the cause when it is refused in the way the adapter knows."""
    try:
        return parse_completion(body)
    except Unusable as unusable:
        return unusable.code


@patient
@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    assert parsed(body) == "provider_bad_response"
    assert isinstance(parse_error(body), ProviderError)


@patient
@given(message=json_values, finish=json_values, usage=json_values, extra=json_values)
def test_no_shape_breaks_the_parser(
    message: object, finish: object, usage: object, extra: object
) -> None:
    choice = {"message": message, "finish_reason": finish}
    for choices in ([choice], choice, extra, [extra]):
        data = {"choices": choices, "usage": usage, "model": extra, "id": extra}
        body = json.dumps(data).encode("utf-8", "surrogatepass")
        outcome = parsed(body)
        assert isinstance(outcome, Completion) or outcome in CAUSES
        parse_error(json.dumps({"error": extra, "detail": message}).encode())


@patient
@given(content=st.text(), made=st.integers(), cached=st.integers())
def test_whatever_is_accepted_can_be_stored(content: str, made: int, cached: int) -> None:
    details = {"cached_tokens": cached}
    data = {
        "choices": [{"message": {"content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": made, "prompt_tokens_details": details},
    }
    completion = parsed(json.dumps(data).encode())
    if isinstance(completion, str):
        assert completion == "empty_output"
        assert not content.strip("\u200b\u200c\u200d\u2060\ufeff\u00ad \t\r\n").strip()
        return
    assert completion.text.strip()
    assert "\0" not in completion.text
    completion.text.encode()
    assert completion.output_tokens is None or 0 <= completion.output_tokens <= 10**9
    assert 0 <= completion.cached_tokens <= 5

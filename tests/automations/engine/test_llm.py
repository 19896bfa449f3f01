"""Model calls over a real socket: what is sent, what is read, what is bounded."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from automations.engine.llm import Answer, Call, CallFailed, Client, Endpoint
from tests.provider import FakeProvider, ProviderProcess
from tests.provider.certificates import untrusted_tls

KEY = "sk-test-0123456789abcdefghij"
PROMPT = "Please write about the brave little toaster and its friends."
MESSAGES = [{"role": "user", "content": PROMPT}]
SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}


def endpoint(base_url: str, **changes: Any) -> Endpoint:
    """Return a trusted endpoint, as the embedded model has one."""
    values = {"api_key": KEY, "model": "ok", "trusted": True, "label": "Acme models"}
    return Endpoint(base_url=base_url, **{**values, **changes})


def with_client(where: Endpoint, work: Callable[[Client], Coroutine[Any, Any, Any]]) -> Any:
    """Run some work on a client in a loop of its own."""

    async def go() -> Any:
        async with Client(where) as client:
            return await work(client)

    return asyncio.run(go())


def complete(where: Endpoint, **changes: Any) -> Answer:
    """Make one call."""
    call = Call(**{"messages": MESSAGES, "deadline_s": 30.0, **changes})
    answer: Answer = with_client(where, lambda client: client.complete(call))
    return answer


def failure(where: Endpoint, **changes: Any) -> CallFailed:
    """Make one call that fails, and return how."""
    with pytest.raises(CallFailed) as failed:
        complete(where, **changes)
    return failed.value


# --- what is sent --------------------------------------------------------------------------


def test_a_call_brings_the_answer_with_its_numbers(provider: FakeProvider) -> None:
    provider.script(answer="A post about toasters.")
    answer = complete(endpoint(provider.base_url))
    assert (answer.text, answer.model, answer.finish_reason) == (
        "A post about toasters.",
        "ok",
        "stop",
    )
    assert (answer.input_tokens, answer.output_tokens, answer.cached_tokens) == (16, 6, 0)
    assert (answer.request_id, answer.http_status) == ("req_1", 200)
    assert answer.latency_ms >= 0


def test_the_request_holds_exactly_what_the_call_says(provider: FakeProvider) -> None:
    extra = {"top_p": 0.5, "seed": 7, "stop": ["END"]}
    complete(endpoint(provider.base_url), temperature=0.2, max_tokens=99, extra=extra)
    (request,) = provider.seen()["requests"]
    assert request["path"] == "/v1/chat/completions"
    assert request["json"] == {
        "model": "ok",
        "messages": MESSAGES,
        "temperature": 0.2,
        "max_tokens": 99,
        **extra,
    }


def test_a_maximum_of_tokens_is_always_sent(provider: FakeProvider) -> None:
    complete(endpoint(provider.base_url))
    (request,) = provider.seen()["requests"]
    assert request["json"]["max_tokens"] > 0
    assert "temperature" not in request["json"]


def test_a_schema_is_sent_strictly_and_the_answer_stays_text(provider: FakeProvider) -> None:
    answer = complete(endpoint(provider.base_url), schema=SCHEMA)
    (request,) = provider.seen()["requests"]
    assert request["json"]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
    }
    assert set(json.loads(answer.text)) == {"label"}


def test_the_calls_own_model_wins_over_the_endpoints(provider: FakeProvider) -> None:
    assert complete(endpoint(provider.base_url), model="other").model == "other"
    assert provider.seen()["by_model"] == {"other": 1}


def test_parameters_that_are_not_on_the_list_are_never_sent(provider: FakeProvider) -> None:
    failed = failure(endpoint(provider.base_url), extra={"stream": True, "top_p": 1})
    assert (failed.code, failed.retry) == ("api_bad_request", False)
    assert "stream" in failed.message
    assert provider.seen()["calls"] == 0


def test_the_environment_adds_nothing_to_a_request(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ORG_ID", "PROJECT_ID", "API_KEY", "ADMIN_KEY", "BASE_URL"):
        monkeypatch.setenv(f"OPENAI_{name}", "http://from.the.environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer stolen\nX-Env: 1")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    complete(endpoint(provider.base_url))
    headers = provider.seen()["requests"][0]["headers"]
    length = headers.pop("content-length")
    assert int(length) > 0
    assert headers == {
        "host": f"127.0.0.1:{provider.port}",
        "authorization": f"Bearer {KEY}",
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "Lifecycle",
    }


def test_a_base_url_may_carry_a_path_and_a_query(provider: FakeProvider) -> None:
    complete(endpoint(f"{provider.url}/openai/v1/?api-version=2026-01-01"))
    assert provider.seen()["requests"][0]["path"] == (
        "/openai/v1/chat/completions?api-version=2026-01-01"
    )


def test_a_model_that_refuses_max_tokens_is_asked_again_once_and_remembered(
    provider: FakeProvider,
) -> None:
    async def twice(client: Client) -> None:
        for _ in range(2):
            await client.complete(Call(messages=MESSAGES, max_tokens=50))

    with_client(endpoint(provider.base_url, model="needs-max-completion-tokens"), twice)
    limits = [
        {name for name in request["json"] if name.startswith("max_")}
        for request in provider.seen()["requests"]
    ]
    assert limits == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}]


# --- what is read --------------------------------------------------------------------------


def test_an_answer_is_cleaned_before_anyone_sees_it(provider: FakeProvider) -> None:
    assert complete(endpoint(provider.base_url, model="nul")).text == "before\ufffdafter \ufffd end"


def test_cached_tokens_are_counted(provider: FakeProvider) -> None:
    answer = complete(endpoint(provider.base_url, model="cached"))
    assert (answer.input_tokens, answer.output_tokens, answer.cached_tokens) == (1000, 100, 800)


@pytest.mark.parametrize("model", ["no-usage", "bad-usage"])
def test_tokens_that_are_not_told_are_unknown_not_zero(provider: FakeProvider, model: str) -> None:
    answer = complete(endpoint(provider.base_url, model=model))
    assert (answer.input_tokens, answer.output_tokens, answer.cached_tokens) == (None, None, 0)


def test_other_words_for_a_finished_answer_are_understood(provider: FakeProvider) -> None:
    assert complete(endpoint(provider.base_url, model="finish-eos")).finish_reason == "eos_token"


def test_fail_twice_then_fine_is_three_calls_of_the_caller(provider: FakeProvider) -> None:
    """The adapter never repeats a call by itself: each try is the queue's, and on record."""
    where = endpoint(provider.base_url, model="fail:500x2-then-ok")
    assert [failure(where).http_status for _ in range(2)] == [500, 500]
    assert complete(where).http_status == 200
    assert provider.seen()["calls"] == 3


# --- where calls go ------------------------------------------------------------------------


def test_an_untrusted_endpoint_on_this_machine_is_not_called(provider: FakeProvider) -> None:
    failed = failure(endpoint(provider.base_url, trusted=False))
    assert (failed.category, failed.code, failed.retry) == ("api_error", "api_config", False)
    assert "OUTBOUND_ALLOW_PROVIDERS" in failed.message
    assert provider.seen()["calls"] == 0


def test_an_endpoint_on_the_operators_list_is_called(provider: FakeProvider, settings: Any) -> None:
    settings.OUTBOUND_ALLOW = {"provider": [f"127.0.0.1:{provider.port}"]}
    assert complete(endpoint(provider.base_url, trusted=False)).http_status == 200


@pytest.mark.parametrize(
    "base_url",
    ["", "nonsense", "http://api.example.com/v1", "https://user:pw@api.example.com/v1", "ftp://x/"],
)
def test_a_base_url_that_makes_no_sense_is_named_as_the_cause(base_url: str) -> None:
    failed = failure(endpoint(base_url, trusted=False))
    assert (failed.code, failed.retry, failed.http_status) == ("api_config", False, None)
    assert "pw" not in failed.message


def test_an_untrusted_certificate_is_a_matter_of_configuration(
    tmp_path: Path, settings: Any
) -> None:
    with FakeProvider(tls=untrusted_tls(tmp_path)) as server:
        failed = failure(endpoint(server.base_url))
        assert server.seen()["calls"] == 0
    assert (failed.code, failed.retry) == ("api_config", False)


def test_nothing_listening_is_a_network_error_worth_another_try(provider: FakeProvider) -> None:
    with FakeProvider() as gone:
        base_url = gone.base_url
    failed = failure(endpoint(base_url))
    assert (failed.category, failed.code, failed.retry) == ("api_error", "network_error", True)
    assert (failed.http_status, failed.answer) == (None, None)


def test_a_redirect_is_not_followed(provider: FakeProvider) -> None:
    with FakeProvider() as elsewhere:
        model = f"redirect:{elsewhere.base_url}/chat/completions"
        failed = failure(endpoint(provider.base_url, model=model))
        assert elsewhere.seen()["calls"] == 0
    assert (failed.code, failed.retry, failed.http_status) == ("api_config", False, 302)


# --- keys and prompts ----------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "sk-ab\ncd", "sk-é", "sk ab", "sk-\x00", " "])
def test_a_key_that_no_provider_issues_is_named_before_any_call(
    provider: FakeProvider, key: str
) -> None:
    failed = failure(endpoint(provider.base_url, api_key=key))
    assert (failed.category, failed.code) == ("authentication", "api_auth")
    assert failed.opens_circuit
    assert provider.seen()["calls"] == 0


def test_a_wrong_key_opens_the_circuit(provider: FakeProvider) -> None:
    provider.script(key="another")
    failed = failure(endpoint(provider.base_url))
    assert (failed.category, failed.code, failed.opens_circuit) == (
        "authentication",
        "api_auth",
        True,
    )


def test_neither_key_nor_prompt_appear_when_a_provider_repeats_them(provider: FakeProvider) -> None:
    failed = failure(endpoint(provider.base_url, model="echo-key"))
    for text in (failed.message, str(failed), repr(failed), repr(failed.__dict__)):
        assert KEY not in text
        assert "brave little toaster" not in text
    assert failed.__cause__ is None
    assert failed.__context__ is None


def test_an_endpoint_does_not_print_its_key() -> None:
    assert KEY not in repr(endpoint("https://example.com"))


def test_our_own_bug_is_logged_for_us_and_confessed_to_the_operator(
    provider: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Any = [{"role": "user", "content": PROMPT, "image": object()}]
    with caplog.at_level(logging.ERROR):
        failed = failure(endpoint(provider.base_url), messages=broken)
    assert (failed.category, failed.code, failed.retry) == (
        "internal_error",
        "internal_error",
        False,
    )
    assert "our fault" in failed.message
    (record,) = caplog.records
    assert "llm.py" in vars(record)["where"]
    assert PROMPT not in str(vars(record))


# --- what is bounded -----------------------------------------------------------------------


@pytest.mark.parametrize("model", ["hang", "drip", "slow:60", "slow-headers"])
def test_the_deadline_covers_every_kind_of_slowness(provider: FakeProvider, model: str) -> None:
    failed = failure(endpoint(provider.base_url, model=model), deadline_s=0.2)
    assert (failed.category, failed.code, failed.retry) == ("timeout", "timeout", True)
    assert 200 <= failed.latency_ms < 20_000


@pytest.mark.parametrize("model", ["endless", "big:50000000", "bomb", "deep-json"])
def test_a_huge_answer_costs_no_more_memory_than_the_cap(model: str) -> None:
    import psutil

    memory = psutil.Process().memory_info

    async def often(client: Client) -> int:
        with pytest.raises(CallFailed):
            await client.complete(Call(messages=MESSAGES, model=model))
        before = memory().rss
        for _ in range(5):
            with pytest.raises(CallFailed):
                await client.complete(Call(messages=MESSAGES, model=model))
        return memory().rss - before

    with ProviderProcess() as server:
        assert with_client(endpoint(server.base_url), often) < 16_000_000


def test_many_calls_at_once_each_get_their_own_answer(provider: FakeProvider) -> None:
    provider.script(latency_ms=3000)  # all have asked before the first is answered

    async def crowd(client: Client) -> list[Answer]:
        calls = [Call(messages=MESSAGES, model=f"model-{number}") for number in range(256)]
        return await asyncio.gather(*map(client.complete, calls))

    answers = with_client(endpoint(provider.base_url), crowd)
    assert [answer.model for answer in answers] == [f"model-{number}" for number in range(256)]
    assert provider.seen()["max_in_flight"] == 256


def test_connections_are_used_again(provider: FakeProvider) -> None:
    async def one_after_another(client: Client) -> None:
        for _ in range(5):
            await client.complete(Call(messages=MESSAGES))

    before = provider.seen()["connections"]
    with_client(endpoint(provider.base_url), one_after_another)
    assert provider.seen()["connections"] == before + 1


def test_a_cancelled_call_hangs_up_and_lets_the_cancellation_through(
    provider: FakeProvider,
) -> None:
    hung_up_on = provider.seen()["hung_up_on"]

    async def cancel(client: Client) -> None:
        task = asyncio.create_task(client.complete(Call(messages=MESSAGES, model="hang")))
        await asyncio.to_thread(provider.wait_until, lambda seen: seen["in_flight"] == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(
            provider.wait_until, lambda seen: seen["hung_up_on"] == hung_up_on + 1
        )

    with_client(endpoint(provider.base_url), cancel)


def test_a_failed_call_does_not_spoil_the_next(provider: FakeProvider) -> None:
    async def mixed(client: Client) -> list[str]:
        texts = []
        for model in ("endless", "ok", "short-body", "ok", "reset", "ok", "half-json", "ok"):
            try:
                texts.append((await client.complete(Call(messages=MESSAGES, model=model))).model)
            except CallFailed as failed:
                texts.append(failed.code)
        return texts

    assert with_client(endpoint(provider.base_url), mixed) == [
        "response_too_large",
        "ok",
        "network_error",
        "ok",
        "network_error",
        "ok",
        "provider_bad_response",
        "ok",
    ]

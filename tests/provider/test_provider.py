"""The fake provider keeps its own promises: other tests lean on them."""

import asyncio
import json
import subprocess
import sys
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.provider import FakeProvider, ProviderProcess
from tests.provider.behaviours import BEHAVIOURS
from tests.provider.bodies import instance_of


def post(url: str, body: Any = None, key: str = "") -> tuple[int, Any]:
    """Send JSON; return status and JSON."""
    headers = {"Idempotency-Key": key} if key else {}
    try:
        with urlopen(Request(url, json.dumps(body).encode(), headers), timeout=10) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def ask(provider: FakeProvider, model: str = "ok", question: str = "hello") -> tuple[int, Any]:
    """Ask a model something."""
    body = {"model": model, "messages": [{"role": "user", "content": question}]}
    return post(f"{provider.base_url}/chat/completions", body)


def text_of(answer: tuple[int, Any]) -> str:
    """Return the text of a completion."""
    return str(answer[1]["choices"][0]["message"]["content"])


def test_a_keyed_destination_takes_a_parcel_once_however_often_it_comes(
    provider: FakeProvider,
) -> None:
    replies = [post(f"{provider.url}/deliver/keyed", {"n": 1}, "key-1") for _ in range(3)]
    assert [status for status, _ in replies] == [200] * 3
    seen = provider.seen()
    assert (seen["attempts"], seen["deliveries"]) == ({"key-1": 3}, {"key-1": 1})
    assert [parcel["json"] for parcel in seen["parcels"]] == [{"n": 1}] * 3


def test_a_plain_destination_takes_every_copy(provider: FakeProvider) -> None:
    for _ in range(3):
        post(f"{provider.url}/deliver/plain", {"n": 1}, "key-1")
    assert provider.seen()["deliveries"] == {"key-1": 3}


def test_a_destination_can_refuse_always_or_only_at_first(provider: FakeProvider) -> None:
    assert post(f"{provider.url}/deliver/status/410", {}, "a")[0] == 410
    statuses = [post(f"{provider.url}/deliver/status/503x2", {}, "b")[0] for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert provider.seen()["deliveries"] == {"b": 1}


def test_a_hanging_destination_has_taken_the_parcel(provider: FakeProvider) -> None:
    with pytest.raises(TimeoutError):
        urlopen(Request(f"{provider.url}/deliver/hang", b"{}"), timeout=0.1)
    assert provider.seen()["deliveries"] == {"": 1}


def test_answers_and_behaviours_can_be_queued(provider: FakeProvider) -> None:
    provider.script(answers=["one", "two"], answer="rest", behaviours=["ok", "500"])
    assert text_of(ask(provider)) == "one"
    assert ask(provider)[0] == 500
    assert text_of(ask(provider)) == "rest"


def test_failures_are_counted_per_question(provider: FakeProvider) -> None:
    model = "fail:503x1-then-ok"
    assert [ask(provider, model, "a")[0], ask(provider, model, "b")[0]] == [503, 503]
    assert [ask(provider, model, "a")[0], ask(provider, model, "b")[0]] == [200, 200]


def test_callers_without_the_key_are_refused_when_there_is_one(provider: FakeProvider) -> None:
    provider.script(key="sk-right")
    assert ask(provider)[0] == 401


def test_a_fresh_fixture_has_seen_nothing(provider: FakeProvider) -> None:
    seen = provider.seen()
    assert (seen["calls"], seen["in_flight"], seen["requests"]) == (0, 0, [])


def test_a_wish_that_does_not_exist_is_an_error(provider: FakeProvider) -> None:
    with pytest.raises(HTTPError) as refused:
        provider.script(anser="typo")
    refused.value.close()


def test_a_behaviour_that_breaks_says_so(provider: FakeProvider) -> None:
    status, body = ask(provider, "slow:soon")
    assert status == 501
    assert "slow:soon" in body["detail"]


def test_unknown_model_names_answer_properly(provider: FakeProvider) -> None:
    assert "qwen2.5" not in BEHAVIOURS
    assert ask(provider, "qwen2.5:1.5b")[0] == 200


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "object", "properties": {"a": {"enum": ["x", "y"]}}}, {"a": "x"}),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"type": "string", "maxLength": 4}, "A te"),
        ({"type": ["number", "null"], "minimum": 5}, 5),
    ],
)
def test_schemas_are_answered_with_an_instance(schema: dict[str, Any], value: Any) -> None:
    assert instance_of(schema) == value


def test_as_a_process_it_prints_its_address_first_and_serves_many_at_once() -> None:
    with ProviderProcess(latency_ms=200) as server:

        async def crowd() -> None:
            question = {"model": "ok", "messages": [{"role": "user", "content": "x"}]}
            url = f"{server.base_url}/chat/completions"
            await asyncio.gather(*(asyncio.to_thread(post, url, question) for _ in range(5)))

        asyncio.run(crowd())
        assert server.url.startswith("http://127.0.0.1:")
        assert server.seen()["max_in_flight"] > 1


def test_the_command_explains_itself() -> None:
    command = [sys.executable, "-m", "tests.provider", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--latency-ms" in done.stdout

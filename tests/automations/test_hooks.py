"""The public address of hooks: what is taken, what is refused and how, once per message."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from automations import services
from automations.models import AuditEvent, Hook, HookMessage, Run
from automations.services import calls
from tests.automations.hooking import call, error_of, make_hook, signature
from tests.makers import make_automation, make_live

pytestmark = pytest.mark.django_db
FIELDS = {
    "type": "object",
    "properties": {"topic": {"type": "string"}, "words": {"type": "integer"}},
    "required": ["topic"],
}


def test_a_call_starts_a_run_and_says_where_it_is() -> None:
    hook = make_hook()
    answer = call(hook, {"content": "A text."})
    run = Run.objects.get()
    assert answer.status_code == 202
    url = f"http://127.0.0.1:8000/runs/{run.pk}/"
    assert answer.json() == {"id": run.pk, "status": "queued", "url": url}
    assert (run.origin, run.trigger, run.input_data) == (
        "webhook",
        hook.trigger,
        {"content": "A text."},
    )
    assert hook.trigger.firings.get().run == run
    assert hook.hook.last_called_at


def test_a_slash_at_the_end_is_no_redirect() -> None:
    hook = make_hook()
    answer = Client().post(f"{hook.address}/", {"content": "x"}, content_type="application/json")
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b'{"content": "x", "more": 1}', "application/json", {"content": "x", "more": 1}),
        (b'"a text"', "application/json", {"content": "a text"}),
        (b"a text\xc3\xa9", "text/plain", {"content": "a text\u00e9"}),
        (b"a text", "text/plain; charset=utf-8", {"content": "a text"}),
        (b'{"content": "x"}', "application/cloudevents+json", {"content": "x"}),
        (b'{"title": "x"}', "application/json", {"content": '{\n  "title": "x"\n}'}),
        (b"[1, 2]", "application/json", {"content": "[\n  1,\n  2\n]"}),
        (b'{"content": "a\\u0000b\\ud800"}', "application/json", {"content": "a\ufffdb\ufffd"}),
    ],
)
def test_a_body_becomes_the_input_of_a_plain_text_automation(
    body: bytes, kind: str, expected: dict[str, Any]
) -> None:
    assert call(make_hook(), body, content_type=kind).status_code == 202
    assert Run.objects.get().input_data == expected


def test_fields_are_taken_as_they_are() -> None:
    hook = make_hook(make_live(make_automation(input_schema=FIELDS)).automation)
    assert call(hook, {"topic": "x", "words": 3}).status_code == 202
    assert Run.objects.get().input_data == {"topic": "x", "words": 3}


@pytest.mark.parametrize("payload", [{"words": 3}, {"topic": 7}, "text", 7, None, [], True, {}])
def test_an_input_that_does_not_fit_starts_nothing(payload: Any) -> None:
    hook = make_hook(make_live(make_automation(input_schema=FIELDS)).automation)
    answer = call(hook, payload)
    assert (answer.status_code, error_of(answer)) == (422, "invalid_input")
    assert "topic" in answer.json()["error"]["message"]
    assert hook.trigger.firings.get().outcome == "refused"
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("path", "payload", "expected"),
    [
        ("data", {"data": {"content": "x"}}, "x"),
        ("data.text", {"data": {"text": "x"}}, "x"),
        ("items.1.text", {"items": [{}, {"text": "x"}]}, "x"),
    ],
)
def test_a_part_of_the_body_can_be_the_input(path: str, payload: Any, expected: str) -> None:
    assert call(make_hook(field=path), payload).status_code == 202
    assert Run.objects.get().input_data == {"content": expected}


@pytest.mark.parametrize("payload", [{}, {"data": {}}, {"data": []}, [], "x", {"data": {"a": [0]}}])
def test_an_absent_part_is_named(payload: Any) -> None:
    answer = call(make_hook(field="data.a.1"), payload)
    assert (answer.status_code, error_of(answer)) == (422, "invalid_input")
    assert "data.a.1" in answer.json()["error"]["message"]


BAD_JSON = [
    b" ",
    b"{",
    b"}",
    b"{]",
    b"{'a': 1}",
    b'{"a": 1,}',
    b"[1,]",
    b'{"a" 1}',
    b"nul",
    b"NaN",
    b'{"content": NaN}',
    b"Infinity",
    b"-Infinity",
    b'{"content": 1e999}',
    b'{"a": -1e400}',
    b'{"content": "x", "content": "y"}',
    b'{"a": {"b": 1, "b": 2}}',
    b'\xef\xbb\xbf{"content": "x"}',
    b'{"content": "\xff"}',
    b'{"content": "\xed\xa0\x80"}',
    '{"content": "x"}'.encode("utf-16"),
    '{"content": "x"}'.encode("utf-32"),
    b'{"content": "a\nb"}',
    b'{"content": "\t"}',
    b"\x00",
    b'{"content": "x"}\x00',
    b'{"content": "x"} {"content": "y"}',
    b'{"content": "x"};',
    b"01",
    b"+1",
    b".5",
    b"1.",
    b"0x10",
    b"1" * 5000,
    b'{"content": ' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 70 + b"1" + b"}" * 70,
    b'{"a":' * 20_000,
    b"// {}",
    b"/* */ {}",
    b'"\\x41"',
    b'"\\u12"',
]


@pytest.mark.parametrize("body", BAD_JSON, ids=lambda body: str(body[:20]))
def test_what_is_no_strict_json_is_refused(body: bytes) -> None:
    answer = call(make_hook(), body)
    assert (answer.status_code, error_of(answer)) == (400, "bad_json")
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"]
)
def test_only_post_is_taken(method: str) -> None:
    hook = make_hook()
    answer = Client().generic(method, hook.address, b"{}", content_type="application/json")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert method == "HEAD" or error_of(answer) == "wrong_method"


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/html",
        "application/xml",
        "multipart/form-data",
        "image/png",
        "application/jsonx",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "json",
        "\\",
        "a" * 500,
        "text/plain; charset=utf-16",
        "application/octet-stream",
    ],
)
def test_another_content_type_is_refused(kind: str) -> None:
    answer = call(make_hook(), {"content": "x"}, content_type=kind)
    assert (answer.status_code, error_of(answer)) == (415, "wrong_content_type")


def test_a_compressed_body_is_refused() -> None:
    answer = call(make_hook(), {"content": "x"}, content_encoding="gzip")
    assert (answer.status_code, error_of(answer)) == (415, "wrong_content_type")


def test_a_body_of_unknown_length_is_refused() -> None:
    hook = make_hook()
    answer = Client().generic("POST", hook.address, b"", headers={"Transfer-Encoding": "chunked"})
    assert (answer.status_code, error_of(answer)) == (411, "length_required")


@pytest.mark.parametrize("extra", [1, 5 * 1024 * 1024, 8 * 1024 * 1024])
def test_a_body_above_a_megabyte_is_refused(extra: int) -> None:
    answer = call(make_hook(), b'"' + b"x" * (1024 * 1024 - 2 + extra) + b'"')
    assert (answer.status_code, error_of(answer)) == (413, "too_large")


def test_a_body_of_exactly_a_megabyte_is_taken() -> None:
    assert call(make_hook(), b'"' + b"x" * (1024 * 1024 - 2) + b'"').status_code == 202


@pytest.mark.parametrize(
    "path",
    [
        "/hooks/",
        "/hooks/unknown",
        "/hooks//",
        "/hooks/a/b/c",
        "/hooks/%ff%fe",
        "/hooks/%00",
        "/hooks/%0a",
        "/hooks/../admin/",
        "/hooks/" + "x" * 3000,
        "/hooks/%F0%9F%92%A9",
        "/hooks/?token=1",
        "/hooks/a.b",
    ],
)
def test_an_unknown_address_is_not_found(path: str) -> None:
    answer = Client().generic("POST", path, b"{}", content_type="application/json")
    assert (answer.status_code, error_of(answer)) == (404, "not_found")


def test_a_hook_that_is_off_is_not_found() -> None:
    hook = make_hook()
    hook.trigger.is_active = False
    services.save_trigger(hook.trigger, by=services.SYSTEM)
    assert call(hook, {"content": "x"}).status_code == 404


def test_an_old_address_is_not_found() -> None:
    hook = make_hook()
    services.rotate_address(hook.trigger, by=services.SYSTEM)
    assert call(hook, {"content": "x"}).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "a b", "\\", "x" * 300])
@pytest.mark.parametrize("debug", [False, True])
def test_a_wrong_host_is_answered_in_json(settings: Any, host: str, debug: Any) -> None:
    settings.DEBUG = debug
    answer = Client(headers={"Host": host}).post(make_hook().address, {}, "application/json")
    assert (answer.status_code, error_of(answer)) == (400, "bad_request")


def test_our_own_bug_is_no_traceback(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.DEBUG = True

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(services, "take_call", broken)
    answer = call(make_hook(), {"content": "x"}, client=Client(raise_request_exception=False))
    assert (answer.status_code, error_of(answer)) == (500, "internal_error")
    assert b"a secret" not in answer.content


def test_a_pause_is_answered_with_its_sentence() -> None:
    hook = make_hook()
    services.pause(hook.trigger.automation, by=services.SYSTEM)
    answer = call(hook, {"content": "x"})
    assert (answer.status_code, error_of(answer)) == (409, "paused")
    assert "is paused; resume it" in answer.json()["error"]["message"]
    assert hook.trigger.firings.get().outcome == "refused"
    assert not Run.objects.exists()
    services.resume(hook.trigger.automation, by=services.SYSTEM)
    assert call(hook, {"content": "x"}).status_code == 202


def test_the_kill_switch_and_a_missing_version_are_told_apart() -> None:
    hook = make_hook(make_automation("no-version"))
    assert error_of(call(hook, {"content": "x"})) == "not_runnable"
    services.halt(by=services.SYSTEM, reason="a fire")
    answer = call(hook, {"content": "x"})
    assert (answer.status_code, error_of(answer)) == (409, "halted")
    assert "a fire" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["webhook_id", "idempotency_key"])
def test_the_same_message_gets_the_same_run(name: str) -> None:
    hook = make_hook()
    first, second = (call(hook, {"content": text}, **{name: "msg_1"}) for text in "ab")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert call(hook, {"content": "c"}, **{name: "msg_2"}).json() != first.json()
    assert Run.objects.count() == 2


def test_a_message_id_counts_per_hook() -> None:
    one, other = make_hook(), make_hook(make_live(make_automation("other")).automation)
    assert call(one, {"content": "x"}, webhook_id="m").status_code == 202
    assert call(other, {"content": "x"}, webhook_id="m").status_code == 202
    assert Run.objects.count() == 2


def test_a_message_id_is_forgotten_after_seven_days() -> None:
    hook = make_hook()
    call(hook, {"content": "x"}, webhook_id="m")
    HookMessage.objects.update(received_at=timezone.now() - timedelta(days=6, hours=23))
    call(hook, {"content": "x"}, webhook_id="m")
    assert Run.objects.count() == 1
    HookMessage.objects.update(received_at=timezone.now() - timedelta(days=7, minutes=1))
    call(hook, {"content": "x"}, webhook_id="m")
    assert Run.objects.count() == 2


def test_ids_that_are_too_old_are_swept_away() -> None:
    hook = make_hook()
    call(hook, {"content": "x"}, webhook_id="old")
    HookMessage.objects.update(received_at=timezone.now() - timedelta(days=7, minutes=1))
    call(hook, {"content": "x"}, webhook_id="new")
    services.fire_due_triggers()
    assert [row.message_id for row in HookMessage.objects.all()] == ["new"]


@pytest.mark.parametrize("stated", ["x" * 201, "a b", "a\tb", "\u00e9", "a\x7f"])
def test_an_odd_message_id_is_refused(stated: str) -> None:
    answer = call(make_hook(), {"content": "x"}, webhook_id=stated)
    assert (answer.status_code, error_of(answer)) == (400, "bad_request")


def test_too_many_calls_are_told_when_to_come_again() -> None:
    hook = make_hook()
    Hook.objects.update(requests_at=timezone.now() + timedelta(seconds=25))
    answer = call(hook, {"content": "x"})
    assert (answer.status_code, error_of(answer)) == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 6
    assert not Run.objects.exists()
    Hook.objects.update(requests_at=timezone.now() - timedelta(minutes=1))
    assert call(hook, {"content": "later"}).status_code == 202


def test_a_hundred_calls_at_once_then_five_a_second() -> None:
    hook, now = make_hook().hook, timezone.now()
    for _ in range(100):
        calls._charge(hook, now)
    with pytest.raises(services.CallRefused) as refused:
        calls._charge(hook, now)
    assert refused.value.retry_after_s == 1
    for number in range(1, 11):
        calls._charge(hook, now + number * calls.INTERVAL)


def test_copies_of_a_known_message_are_not_counted() -> None:
    hook = make_hook()
    codes = {call(hook, {"content": "x"}, webhook_id="m").status_code for _ in range(130)}
    assert codes == {202}


def test_an_address_is_in_no_log(caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    hook = make_hook()
    call(hook, b"{")
    call(hook, {"content": "x"}, content_type="text/html")
    Client(headers={"Host": "evil.example"}).post(hook.address, {}, "application/json")
    told = "".join(capfd.readouterr())
    assert hook.token not in told


def test_refusals_do_not_fill_the_history() -> None:
    hook = make_hook(signed=True)
    for number in range(30):
        call(hook, {"content": "x"}, webhook_id=f"x{number}")
    assert hook.trigger.firings.count() == 1


def test_the_trail_never_holds_address_or_secret() -> None:
    hook = make_hook(signed=True)
    services.rotate_secret(hook.trigger, by=services.SYSTEM)
    told = json.dumps(list(AuditEvent.objects.values("action", "object_name", "before", "after")))
    assert hook.token not in told
    assert hook.secret not in told
    row = hook.hook
    assert hook.token not in str(vars(row))
    assert hook.secret not in str(vars(row))


@pytest.mark.django_db(transaction=True)
def test_a_hundred_copies_at_once_are_one_run() -> None:
    hook = make_hook(signed=True)
    body = b'{"content": "x"}'
    headers = signature(hook, body)

    def send(_number: int) -> tuple[int, int]:
        try:
            answer = call(hook, body, **headers)
            return answer.status_code, answer.json().get("id", 0)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(send, range(100)))
    run = Run.objects.get()
    assert answers == {(202, run.pk)}

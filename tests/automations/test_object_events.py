"""Object-created events: which objects start a run, once each, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from automations.models import Automation, Run, Source
from tests.automations.hooking import Called, call, error_of, make_hook
from tests.makers import make_live

pytestmark = pytest.mark.django_db
BUCKET = "articles"


def make_reading(pattern: str = "inbox/*.md", *, only_new: bool = False) -> Automation:
    automation = make_live().automation
    settings = {"bucket": BUCKET, "pattern": pattern, "only_new": only_new}
    Source.objects.filter(automation=automation).update(kind="object_store", settings=settings)
    return Automation.objects.get(pk=automation.pk)


@pytest.fixture
def hook() -> Called:
    return make_hook(make_reading(), kind="object_event")


def record(key: str, *, bucket: str = BUCKET, name: str = "ObjectCreated:Put", **more: Any) -> Any:
    return {"eventName": name, "s3": {"bucket": {"name": bucket}, "object": {"key": key, **more}}}


def event_bridge(key: str, *, bucket: str = BUCKET, kind: str = "Object Created") -> Any:
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "sequencer": "0A"}}
    return {"version": "0", "id": "1", "detail-type": kind, "source": "aws.s3", "detail": detail}


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("inbox/a.md", "inbox/a.md"),
        ("inbox/two+words.md", "inbox/two words.md"),
        ("inbox/one%2Bone.md", "inbox/one+one.md"),
        ("inbox/100%25.md", "inbox/100%.md"),
        ("inbox/%C3%A9.md", "inbox/\u00e9.md"),
        ("inbox/a%26b%3Dc.md", "inbox/a&b=c.md"),
    ],
)
def test_a_new_object_is_what_the_run_reads(hook: Called, written: str, key: str) -> None:
    answer = call(hook, {"Records": [record(written)]})
    run = Run.objects.get()
    assert (answer.status_code, answer.json()["id"]) == (202, run.pk)
    assert (run.source_item, run.step, run.origin) == (key, "source", "webhook")
    assert hook.trigger.firings.get().note == key


@pytest.mark.parametrize("key", ["inbox/a+b.md", "inbox/100%25.md", "inbox/two words.md"])
def test_event_bridge_writes_keys_as_they_are(hook: Called, key: str) -> None:
    assert call(hook, event_bridge(key)).status_code == 202
    assert Run.objects.get().source_item == key


def test_several_records_are_several_runs(hook: Called) -> None:
    answer = call(hook, {"Records": [record(f"inbox/{name}.md") for name in "abc"]})
    assert [told["status"] for told in answer.json()["runs"]] == ["queued"] * 3
    assert set(Run.objects.values_list("source_item", flat=True)) == {
        "inbox/a.md", "inbox/b.md", "inbox/c.md",
    }  # fmt: skip


def test_s3_may_tell_of_one_writing_twice(hook: Called) -> None:
    event = {"Records": [record("inbox/a.md", sequencer="0055AED6DCD90281E5")]}
    first, again = call(hook, event), call(hook, event)
    assert first.json() == again.json()
    later = {"Records": [record("inbox/a.md", sequencer="0055AED6DCD90281E6")]}
    assert call(hook, later).json() != first.json()
    assert Run.objects.count() == 2


def test_a_message_id_covers_all_records(hook: Called) -> None:
    event = {"Records": [record(f"inbox/{name}.md") for name in "abc"]}
    first, again = (call(hook, event, webhook_id="m1") for _ in range(2))
    assert first.json() == again.json()
    assert Run.objects.count() == 3


def test_a_test_event_is_fine_and_starts_nothing(hook: Called) -> None:
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}
    answer = call(hook, event)
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"Records": [record("outbox/a.md")]}, "does not match the source's pattern inbox/*.md"),
        (
            {"Records": [record("inbox/a.md", name="ObjectRemoved:Delete")]},
            "only new objects count",
        ),
        (event_bridge("inbox/a.md", kind="Object Deleted"), "only new objects count"),
        (event_bridge("inbox/a/b.md"), "does not match"),
    ],
)
def test_other_objects_are_left_alone_with_a_reason(hook: Called, event: Any, reason: str) -> None:
    answer = call(hook, event)
    assert answer.status_code == 200
    assert reason in answer.json()["ignored"][0]
    assert hook.trigger.firings.get().outcome == "nothing"
    assert not Run.objects.exists()


def test_what_fits_is_started_beside_what_does_not(hook: Called) -> None:
    answer = call(hook, {"Records": [record("outbox/a.md"), record("inbox/a.md")]})
    assert (answer.status_code, len(answer.json()["ignored"])) == (202, 1)
    assert Run.objects.get().source_item == "inbox/a.md"


def test_an_object_that_was_taken_before_is_left_alone() -> None:
    hook = make_hook(make_reading(only_new=True), kind="object_event")
    event = {"Records": [record("inbox/a.md")]}
    assert call(hook, event).status_code == 202
    answer = call(hook, event)
    assert (answer.status_code, Run.objects.count()) == (200, 1)
    assert answer.json()["ignored"]


@pytest.mark.parametrize(
    "event",
    [
        {"Records": [record("inbox/a.md", bucket="others")]},
        event_bridge("inbox/a.md", bucket="b"),
        {}, [], "x", 7, None, {"Records": {}}, {"Records": [1]}, {"Records": [{}]}, {"detail": 1},
        {"Records": [{"s3": {}}]}, {"Records": [record("")]}, {"Records": [record("x" * 1001)]},
        {"Records": [record("a%00b")]}, {"Records": [record("a%FF")]}, {"detail": {"bucket": "b"}},
        {"Records": [{"s3": {"bucket": {"name": 1}, "object": {"key": 2}}}]},
        {"Records": [record("inbox/a.md")] * 101}, {"Event": "s3:Other"}, {"content": "a text"},
    ],
)  # fmt: skip
def test_what_is_no_event_of_this_source_is_refused(hook: Called, event: Any) -> None:
    answer = call(hook, event)
    assert (answer.status_code, error_of(answer)) == (422, "invalid_input")
    assert not Run.objects.exists()


def test_without_an_object_store_there_is_no_such_trigger() -> None:
    with pytest.raises(ValidationError, match="does not read an object store"):
        make_hook(kind="object_event")


def test_a_source_that_was_changed_afterwards_is_told(hook: Called) -> None:
    Source.objects.update(kind="form", settings={})
    answer = call(hook, event_bridge("inbox/a.md"))
    assert (answer.status_code, error_of(answer)) == (422, "invalid_input")


def test_the_bucket_of_the_environment_is_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = make_hook(make_reading(), kind="object_event")
    Source.objects.update(settings={"bucket": "", "pattern": "**", "only_new": False})
    monkeypatch.setenv("CONTENT_BUCKET", "from-outside")
    assert call(hook, event_bridge("a/b.md", bucket="from-outside")).status_code == 202
    assert call(hook, event_bridge("a/b.md")).status_code == 422

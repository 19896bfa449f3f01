"""The object store as destination, against a real S3-speaking server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from automations import connectors
from automations.connectors import DeliveryProblem, Parcel, Receipt
from automations.connectors.object_store import ObjectStoreDestination
from tests.automations.connectors.test_http import make_parcel
from tests.automations.storing import S3Server, s3_server
from tests.makers import make_outside

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def s3(server: S3Server, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    server.reset()
    server.make_bucket("posts")
    settings.OUTBOUND_ALLOW = {"destination": [server.place]}
    monkeypatch.setenv("STORE_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("STORE_SECRET", "store-s3cret-value")
    return server


def destination(s3: S3Server, **changes: Any) -> ObjectStoreDestination:
    given = {
        "bucket": "posts",
        "endpoint_url": s3.url,
        "key_id_env": "STORE_KEY_ID",
        "secret_env": "STORE_SECRET",
        "key": "{{ automation }}/{{ run_id }}.md",
        **changes,
    }
    settings = connectors.destinations.clean_settings("object_store", given)
    return ObjectStoreDestination(settings)


def deliver(s3: S3Server, parcel: Parcel | None = None, **changes: Any) -> Receipt:
    made = destination(s3, **changes)
    return asyncio.run(made.deliver(parcel or make_parcel(text="The post."), make_outside()))


def faults(s3: S3Server, **changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        destination(s3, **changes)
    return " ".join(caught.value.messages)


def test_the_output_becomes_an_object(s3: S3Server) -> None:
    receipt = deliver(s3)
    assert receipt.reference == "s3://posts/content_repurposer/7.md"
    assert s3.get("posts", "content_repurposer/7.md") == b"The post."
    assert s3.content_type("posts", "content_repurposer/7.md") == "text/markdown; charset=utf-8"


def test_data_becomes_json(s3: S3Server) -> None:
    deliver(s3, make_parcel(data={"label": "bug"}), key="{{ run_id }}.json")
    assert s3.get("posts", "7.json") == b'{\n  "label": "bug"\n}\n'
    assert s3.content_type("posts", "7.json") == "application/json"


def test_a_parcel_that_comes_twice_is_one_object(s3: S3Server) -> None:
    assert deliver(s3).reference == deliver(s3).reference


def test_what_others_put_there_is_not_overwritten(s3: S3Server) -> None:
    s3.put("posts", "content_repurposer/7.md", b"somebody's")
    with pytest.raises(DeliveryProblem) as caught:
        deliver(s3)
    assert (caught.value.code, caught.value.retry) == ("object_exists", False)
    assert s3.get("posts", "content_repurposer/7.md") == b"somebody's"


def test_a_key_without_the_run_is_replaced(s3: S3Server) -> None:
    for text in ("first", "second"):
        deliver(s3, make_parcel(text=text), key="latest.md")
    assert s3.get("posts", "latest.md") == b"second"
    assert destination(s3, key="latest.md").summary(destination(s3, key="latest.md").settings) == (
        f"puts latest.md into posts at {s3.place}, replaced by later runs"
    )


def test_the_test_leaves_nothing(s3: S3Server) -> None:
    said = asyncio.run(destination(s3).test(make_outside()))
    assert said.endswith("it is empty.")
    with pytest.raises(DeliveryProblem) as caught:
        asyncio.run(destination(s3, bucket="nowhere").test(make_outside()))
    assert caught.value.code == "no_bucket"


def test_the_dry_run_shows_the_object(s3: S3Server) -> None:
    parts = dict(destination(s3).preview(make_parcel(text="The post.")).parts)
    assert parts["Object"] == "s3://posts/content_repurposer/7.md"
    assert parts["Content"] == "The post."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bucket": "Not A Bucket"}, "3 to 63 small letters"),
        ({"endpoint_url": "http://169.254.169.254"}, "not an address on the public internet"),
        ({"endpoint_url": "http://store.example.com"}, "Only https"),
        ({"key": "../{{ run_id }}"}, "has no “..”"),
        ({"key": "/{{ run_id }}"}, "begins and ends with a name"),
        ({"key": "{{ text }}"}, "Unknown name"),
        ({"secret_env": "SECRET_KEY"}, "may not be sent"),
        ({"key_id_env": "AWS_SECRET_ACCESS_KEY"}, "ends with _KEY_ID"),
        ({"key_id_env": "AWS_ACCESS_KEY_ID"}, "go to Amazon alone"),
        ({"endpoint_url": "", "key_id_env": "AWS_SECRET_ACCESS_KEY"}, "may not be sent"),
        ({"secret_env": ""}, "both variables or neither"),
        ({"key_id_env": ""}, "both variables or neither"),
        ({"region": "eu central"}, "valid value"),
    ],
)
def test_settings_that_could_not_work_are_refused(
    s3: S3Server, changes: dict[str, Any], said: str
) -> None:
    assert said in faults(s3, **changes)

"""What the models refuse: published versions that change, recipes that cannot work, secrets."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from automations import services
from automations.errors import WrongState
from automations.models import Delivery, Provider, Run, ValidatorRule, Version
from tests.makers import (
    make_automation,
    make_delivery,
    make_destination,
    make_live,
    make_provider,
    make_run,
    make_version,
)

pytestmark = pytest.mark.django_db
SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}


def test_a_published_version_never_changes() -> None:
    version = make_live()
    version.user_prompt = "Something else: {{ content }}"
    with pytest.raises(WrongState, match="make a new draft"):
        version.save()
    assert Version.objects.get(pk=version.pk).user_prompt == "{{ content }}"


def test_the_rules_of_a_published_version_never_change() -> None:
    version = make_live()
    rule = version.validator_rules.all()[0]
    rule.settings = {"min_stripped": 0, "max_raw": 9}
    for change in (rule.save, rule.delete):
        with pytest.raises(WrongState, match="make a new draft"):
            change()
    with pytest.raises(WrongState):
        ValidatorRule.objects.create(version=version, direction="input", kind="length")
    assert version.validator_rules.count() == 2


def test_a_draft_can_be_edited_and_published_once() -> None:
    draft = make_version()
    draft.user_prompt = "Shorten: {{ content }}"
    draft.save()
    services.publish_version(draft, by=services.SYSTEM)
    with pytest.raises(WrongState, match="published already"):
        services.publish_version(draft, by=services.SYSTEM)


def test_a_new_draft_copies_the_recipe_and_its_rules() -> None:
    live = make_live(user_prompt="Shorten: {{ content }}", note="first", max_repairs=2)
    draft = services.create_draft(live.automation, by=services.SYSTEM)
    assert (draft.number, draft.user_prompt, draft.max_repairs) == (2, live.user_prompt, 2)
    assert (draft.note, draft.is_published) == ("", False)
    copied = draft.validator_rules.values_list("direction", "kind", "settings")
    assert list(copied) == list(live.validator_rules.values_list("direction", "kind", "settings"))


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"user_prompt": "{{ nope }}"}, "user_prompt", "Unknown name"),
        ({"user_prompt": "{{ content"}, "user_prompt", "line 1"),
        ({"system_prompt": "Use sk-proj-abcdefghijklmnop1234567890"}, "system_prompt", "secret"),
        ({"output_schema": {"type": "wrong"}}, "output_schema", ""),
        ({"output_schema": {"$ref": "https://example.com/s.json"}}, "output_schema", ""),
        ({"output_template": "{{ label }}"}, "output_template", "needs an output schema"),
        (
            {"output_template": "{{ labl }}", "output_schema": SCHEMA},
            "output_template",
            "did you mean",
        ),
        ({"examples": [{"input": "x"}]}, "examples", "list of"),
        ({"parameters": {"tools": []}}, "parameters", "Unknown parameters: tools"),
        ({"fallback_models": "gpt"}, "fallback_models", "list of model names"),
        ({"temperature": 3}, "temperature", "2"),
        ({"max_repairs": 4}, "max_repairs", "3"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_at_its_field(
    values: dict[str, Any], field: str, words: str
) -> None:
    version = make_version(**values)
    with pytest.raises(ValidationError) as refused:
        version.full_clean()
    assert list(refused.value.message_dict) == [field]
    assert words in " ".join(refused.value.message_dict[field])


@pytest.mark.parametrize(
    "slug", ["", "x", "Has-Capitals", "with space", "ümlaut", "1number", "a/b"]
)
def test_a_slug_fits_urls_commands_and_tables(slug: str) -> None:
    automation = make_automation()
    automation.slug = slug
    with pytest.raises(ValidationError):
        automation.full_clean()


def test_only_an_endpoint_has_a_url_and_a_key_of_its_own() -> None:
    with pytest.raises(ValidationError, match="needs its base URL"):
        Provider(name="x", kind="endpoint").full_clean()
    with pytest.raises(ValidationError, match="Only an endpoint"):
        Provider(name="y", kind="embedded", base_url="https://example.com/v1").full_clean()


def test_there_is_one_default_provider() -> None:
    first = Provider.objects.default()
    assert Provider.objects.default() == first
    with pytest.raises(IntegrityError), transaction.atomic():
        make_provider(kind="default")


def test_the_database_refuses_an_ended_run_without_its_end() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_run(status="success", completed_at=None)


def test_the_database_refuses_an_unknown_status() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_run(status="done", completed_at=timezone.now())


def test_one_output_goes_to_one_destination_once() -> None:
    run = make_run()
    destination = make_destination(run.automation)
    make_delivery(run, destination)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_delivery(run, destination)
    assert Delivery.objects.count() == 1


def test_an_idempotency_key_starts_one_run() -> None:
    automation = make_live().automation
    origin = services.Origin(idempotency_key="k-1")
    first = services.submit_run(automation, {"content": "a"}, by=services.SYSTEM, origin=origin)
    second = services.submit_run(automation, {"content": "b"}, by=services.SYSTEM, origin=origin)
    assert (second, Run.objects.count()) == (first, 1)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"text": "plain"}, "plain"),
        ({"text": "composed", "data": {"a": 1}}, "composed"),
        ({"label": "ü"}, '{\n  "label": "ü"\n}'),
        (None, ""),
    ],
)
def test_an_output_reads_as_text(output: Any, text: str) -> None:
    assert Run(output_data=output).output_text == text

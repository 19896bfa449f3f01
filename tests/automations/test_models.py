"""What the models refuse: changed versions, wrong recipes, secrets, impossible rows."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from automations.errors import WrongState
from automations.models import (
    AuditEvent,
    Automation,
    Destination,
    Provider,
    Run,
    Source,
    Trigger,
    ValidatorRule,
    Version,
)
from automations.models.run import text_of
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
SECRET = "sk-" + "a1B2" * 10
SCHEMA = {
    "type": "object",
    "properties": {"label": {"type": "string"}},
    "required": ["label"],
    "additionalProperties": False,
}


def faults(model: Any, **values: Any) -> dict[str, list[str]]:
    """Return what full_clean finds wrong after these changes, by field."""
    for name, value in values.items():
        setattr(model, name, value)
    try:
        model.full_clean(exclude=["number"] if isinstance(model, Version) else None)
    except ValidationError as error:
        return error.message_dict
    return {}


# --- published versions never change -------------------------------------------------------


def test_a_draft_can_be_edited() -> None:
    draft = make_version()
    draft.user_prompt = "Shorten: {{ content }}"
    draft.save()
    draft.refresh_from_db()
    assert draft.user_prompt == "Shorten: {{ content }}"


def test_a_published_version_is_never_saved_again() -> None:
    version = make_live()
    version.user_prompt = "Changed"
    with pytest.raises(WrongState, match="never changes"):
        version.save()
    version.refresh_from_db()
    assert version.user_prompt == "{{ content }}"


def test_a_copy_in_memory_from_before_publishing_cannot_be_saved_either() -> None:
    draft = make_version()
    stale = Version.objects.get(pk=draft.pk)
    Version.objects.filter(pk=draft.pk).update(published_at=timezone.now())
    with pytest.raises(WrongState):
        stale.save()


def test_a_published_versions_rules_are_neither_changed_added_nor_deleted() -> None:
    version = make_live()
    rule = version.validator_rules.first()
    assert rule
    rule.settings = {"min_stripped": 1, "max_raw": 9}
    with pytest.raises(WrongState):
        rule.save()
    with pytest.raises(WrongState):
        rule.delete()
    with pytest.raises(WrongState):
        ValidatorRule.objects.create(version=version, direction="input", kind="length")
    assert version.validator_rules.count() == 2


def test_a_drafts_rules_can_be_deleted() -> None:
    draft = make_version()
    rule = draft.validator_rules.first()
    assert rule
    rule.delete()
    assert draft.validator_rules.count() == 1


# --- recipes -------------------------------------------------------------------------------


def test_a_plain_recipe_is_right() -> None:
    assert faults(make_version()) == {}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("user_prompt", "Write about {{ contnt }}", "content"),
        ("system_prompt", "Be {{ mood }}", "mood"),
        ("user_prompt", "{{ content", ""),
        ("user_prompt", "x" * 20_001, "20,000"),
        ("user_prompt", f"Use {SECRET} for {{{{ content }}}}", "looks like a secret"),
        ("system_prompt", f"Key: {SECRET}", "put it in the environment"),
        ("output_schema", {"type": "objekt"}, ""),
        ("output_schema", [], ""),
        ("output_template", "{{ label }}", "needs an output schema"),
        ("examples", [{"input": "a"}], '{"input": ..., "output": ...}'),
        ("examples", "text", '{"input": ..., "output": ...}'),
        ("parameters", {"temprature": 1}, "Unknown parameters: temprature"),
        ("parameters", [], "JSON object"),
        ("fallback_models", "gpt-5", "list of model names"),
        ("fallback_models", ["a", ""], "list of model names"),
        ("temperature", 2.5, ""),
        ("max_repairs", 4, ""),
        ("max_attempts", 0, ""),
        ("max_output_tokens", 0, ""),
    ],
)
def test_a_wrong_recipe_is_refused_at_its_field(field: str, value: Any, words: str) -> None:
    found = faults(make_version(), **{field: value})
    assert list(found) == [field]
    assert words in " ".join(found[field])


def test_a_secret_is_not_repeated_by_the_sentence_that_refuses_it() -> None:
    assert SECRET not in str(faults(make_version(), user_prompt=f"{SECRET} {{{{ content }}}}"))


def test_a_template_composes_only_fields_of_its_schema() -> None:
    good = faults(make_version(), output_schema=SCHEMA, output_template="{{ label }}!")
    bad = faults(
        make_version(make_automation("b")), output_schema=SCHEMA, output_template="{{ lable }}"
    )
    assert good == {}
    assert "label" in str(bad["output_template"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("examples", [{"input": float("nan"), "output": "x"}]),
        ("parameters", {"seed": float("inf")}),
        ("output_schema", {"type": "number", "maximum": float("nan")}),
        ("fallback_models", [float("nan")]),
    ],
)
def test_numbers_that_are_not_json_are_refused_by_field(field: str, value: Any) -> None:
    assert "not NaN or Infinity" in str(faults(make_version(), **{field: value})[field])


def test_an_input_schema_and_settings_hold_finite_numbers() -> None:
    draft = make_version()
    schema = {"type": "object", "properties": {"a": {"type": "number", "default": float("nan")}}}
    assert "not NaN" in str(faults(draft.automation, input_schema=schema)["input_schema"])
    settings = {"cron": "0 * * * *", "input": {"content": float("nan")}}
    trigger = Trigger(automation=draft.automation)
    assert "not NaN" in str(faults(trigger, settings=settings)["settings"])
    rule = ValidatorRule(version=draft, direction="input", kind="length")
    assert "not NaN" in str(faults(rule, settings={"min_stripped": float("nan")}))


def test_examples_are_cleaned_and_stored() -> None:
    draft = make_version()
    assert faults(draft, examples=[{"input": "a\x00", "output": "\ud800"}]) == {}
    draft.save()
    draft.refresh_from_db()
    assert draft.examples == [{"input": "a\ufffd", "output": "\ufffd"}]


def test_a_template_names_only_what_the_schema_requires() -> None:
    optional = {**SCHEMA, "properties": {"label": {"type": "string"}, "b": {"type": "string"}}}
    wrong = faults(make_version(), output_schema=optional, output_template="{{ label }} {{ b }}")
    assert wrong["output_template"] == [
        "`b` is not required by the schema, so it may be missing; add it to required."
    ]


def test_a_rules_settings_are_checked_and_completed() -> None:
    draft = make_version(rules=[])
    rule = ValidatorRule(version=draft, direction="input", kind="length")
    assert "settings" in str(faults(rule, settings={"min_stripped": 9, "max_raw": 1})) or faults(
        rule
    )
    assert faults(rule, settings={"min_stripped": 1, "max_raw": 9}) == {}
    assert faults(rule, kind="no such kind") != {}


# --- automations, connections --------------------------------------------------------------


@pytest.mark.parametrize("slug", ["Big", "1st", "a", "with space", "ünicode", "x" * 81, "a/b"])
def test_a_slug_is_short_and_plain(slug: str) -> None:
    assert "slug" in faults(Automation(name="A", slug=slug))


@pytest.mark.parametrize(
    "schema",
    [
        {},
        [],
        {"type": "array"},
        {"type": "object", "properties": {"a b": {"type": "string"}}},
        {"type": "object", "properties": {"a": {"type": "strin"}}},
    ],
)
def test_an_input_schema_that_makes_no_form_is_refused(schema: Any) -> None:
    found = faults(Automation(name="A", slug="aa"), input_schema=schema)
    assert "input_schema" in found


def test_an_automation_that_has_run_cannot_be_deleted() -> None:
    run = make_run()
    with pytest.raises(IntegrityError), transaction.atomic():
        run.automation.delete()
    assert Run.objects.filter(pk=run.pk).exists()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("http", {"url": "ftp://example.com/"}),
        ("http", {"url": "http://127.0.0.1:9/"}),
        ("http", {"url": "https://example.com/", "colour": "red"}),
        ("file", {"path": "../outside.md"}),
        ("file", {"path": "{{ nothing }}.md"}),
        ("fax", {}),
    ],
)
def test_a_destination_that_cannot_work_is_refused(kind: str, settings: dict[str, Any]) -> None:
    destination = Destination(automation=make_automation(), name="D")
    assert faults(destination, kind=kind, settings=settings) != {}


def test_a_source_outside_the_roots_is_refused() -> None:
    automation = make_automation()
    Source.objects.all().delete()
    source = Source(automation=automation, kind="file")
    assert "outside" in str(faults(source, settings={"path": "/etc/passwd"}))


def test_a_schedules_next_time_is_set_when_it_is_checked() -> None:
    trigger = Trigger(automation=make_automation(), settings={"cron": "0 3 * * *"})
    assert faults(trigger) == {}
    assert trigger.next_at
    assert trigger.next_at > timezone.now()


def test_an_endpoint_needs_its_address_and_nothing_else_has_one() -> None:
    assert "base_url" in faults(Provider(name="P", kind="endpoint"))
    assert faults(Provider(name="P", kind="embedded", base_url="https://a.example/v1")) != {}
    assert "api_key_env" in faults(
        Provider(name="P", base_url="https://a.example/v1", api_key_env="lower case")
    )


@pytest.mark.parametrize("name", ["SECRET_KEY", "FIELD_ENCRYPTION_KEY", "DATABASE_URL", "PATH"])
def test_a_provider_cannot_be_sent_the_installations_own_secrets(name: str) -> None:
    with pytest.raises(ValidationError, match="ends in _KEY or _TOKEN"):
        Provider(name="x", base_url="https://example.com/v1", api_key_env=name).full_clean()


def test_there_is_one_default_provider() -> None:
    first = Provider.objects.default()
    assert Provider.objects.default() == first
    with pytest.raises(IntegrityError), transaction.atomic():
        make_provider(name="Second", kind="default")


# --- rows that cannot be -------------------------------------------------------------------


@pytest.mark.parametrize("status", ["success", "failed", "cancelled"])
def test_an_ended_run_has_its_time(status: str) -> None:
    run = make_run()
    with pytest.raises(IntegrityError), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(status=status)


def test_a_status_nobody_knows_is_refused() -> None:
    run = make_run()
    with pytest.raises(IntegrityError), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(status="done")


def test_a_slot_is_used_once() -> None:
    version = make_live()
    make_run(version, slot="1:noon")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_run(version, slot="1:noon")


def test_a_run_has_one_delivery_per_destination() -> None:
    run = make_run()
    destination = make_destination(run.automation)
    make_delivery(run, destination)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_delivery(run, destination)


def test_an_event_of_the_trail_is_not_deleted() -> None:
    event = AuditEvent.objects.create(by_name="a", action="b", object_name="c")
    with pytest.raises(WrongState):
        event.delete()
    assert AuditEvent.objects.exists()


# --- words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text"),
    [(None, ""), ({"text": "Hi"}, "Hi"), ({"text": "Hi", "data": {"a": 1}}, "Hi")],
)
def test_an_outputs_text_is_what_people_read(data: Any, text: str) -> None:
    assert text_of(data) == text


def test_json_output_is_shown_indented_with_its_letters() -> None:
    assert text_of({"a": "ü"}) == '{\n  "a": "ü"\n}'

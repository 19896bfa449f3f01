"""What a newcomer stumbled over: times that disagree, chains that cannot work, empty checks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from automations import services, validators
from automations.engine import recipes
from automations.engine.connection_tests import test_connection as reach
from automations.errors import WrongState
from automations.lanes import lane
from automations.models import Automation, Destination
from automations.templatetags import ui
from automations.timeline import story
from automations.validators import language
from lifecycle.management.commands.up import environment
from tests.makers import make_automation, make_destination, make_live, make_run

pytestmark = pytest.mark.django_db
TITLED = {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}}


def test_what_the_worker_prepared_is_no_wait_and_all_time_is_told() -> None:
    began = timezone.now()
    at = {name: began + timedelta(seconds=s) for name, s in
          {"started_at": 0.2, "model": 1, "completed_at": 1.56}.items()}  # fmt: skip
    trace = [{"step": "model", "at": at["model"].isoformat(), "ms": 500, "note": ""}]
    run = make_run(status="success", queued_at=began, started_at=at["started_at"],
                   completed_at=at["completed_at"], trace=trace)  # fmt: skip
    events = story(run, attempts=[], deliveries=[])
    waits = [(event.title, event.ms) for event in events if event.kind == "wait"]
    assert waits == [("Waited in the queue", 200), ("Prepared by the worker", 800)]
    assert lane(events).ms == 1560


def test_a_recipe_with_a_language_check_brings_the_language_model() -> None:
    plain = make_live(make_automation("plain"))
    rules = [("output", "language", {"languages": ["en"], "min_letters": 40})]
    german = make_live(make_automation("german"), rules=rules)
    language._identifier.cache_clear()
    recipes.load(plain.pk)
    assert language._identifier.cache_info().currsize == 0
    recipes.load(german.pk)
    assert language._identifier.cache_info().currsize == 1


def chain(template: str) -> Destination:
    make_live(make_automation("after", input_schema=TITLED))
    upstream = make_live(make_automation("first")).automation
    return Destination(automation=upstream, name="next", kind="automation",
                       settings={"automation": "after", "input": template})  # fmt: skip


@pytest.mark.parametrize(("template", "said"), [
    ("", "title"), ('{"title": "{{ run_id }}"}', "string"), ('{"title": 7}', "string"),
])  # fmt: skip
def test_a_chain_of_which_every_run_would_be_refused_is_not_saved(template: str, said: str) -> None:
    with pytest.raises(ValidationError, match="does not take this") as refused:
        services.save_connection(chain(template), by=services.SYSTEM)
    assert said in str(refused.value.message_dict["input"])


def test_a_chain_that_fits_is_saved_and_the_dry_run_tells_of_a_later_change(
    client: Client, admin: Any
) -> None:
    row = chain('{"title": "{{ text }}"}')
    services.save_connection(row, by=services.SYSTEM)
    address = reverse("destination_dry_run", args=["first", row.pk])
    client.force_login(admin)
    assert "would refuse" not in client.get(address).content.decode()
    wider = {**TITLED, "required": ["title", "tone"]}
    Automation.objects.filter(slug="after").update(input_schema=wider)
    page = client.get(address).content.decode()
    assert "would refuse" in page
    assert "tone" in page


def test_the_dry_run_before_the_first_run_has_the_fields_of_the_output_schema(
    client: Client, admin: Any
) -> None:
    schema = {**TITLED, "properties": {**TITLED["properties"], "score": {"type": "integer"}}}  # type: ignore[dict-item]
    automation = make_live(output_schema=schema).automation
    body = '{"title": "{{ data_title }}", "score": "{{ data_score }}"}'
    settings = {"url": "https://example.com/hook", "method": "POST", "body": "json", "json": body}
    row = make_destination(automation, kind="http", settings=settings)
    client.force_login(admin)
    page = client.get(reverse("destination_dry_run", args=[automation.slug, row.pk]))
    assert "problem" not in page.context


@pytest.mark.parametrize(("outer", "bind", "url"), [
    ({}, "127.0.0.1:8990", "http://127.0.0.1:8990"),
    ({}, "0.0.0.0:80", "http://127.0.0.1:80"),
    ({"SITE_URL": "https://x.example"}, "127.0.0.1:8990", "https://x.example"),
    ({}, "unix:/run/web.sock", None),
])  # fmt: skip
def test_links_lead_to_where_up_serves(outer: dict[str, str], bind: str, url: str | None) -> None:
    assert environment(outer, bind).get("SITE_URL") == url


def faults(kind: str, **data: Any) -> str:
    return str(validators.registry.get(kind).settings_form(data).errors)


def test_a_check_of_nothing_is_refused() -> None:
    assert "Switch on at least one" in faults("placeholders", echo_words=0)
    assert "Give “at least”" in faults("length")
    assert "Give “at least”" in faults("length", min_stripped=0)


@pytest.mark.parametrize(("bounds", "said"), [
    ({"min_stripped": 3}, "4 characters, at least 3"), ({"max_raw": 9}, "4 characters, at most 9"),
])  # fmt: skip
def test_one_bound_is_enough(bounds: dict[str, int], said: str) -> None:
    kind = validators.registry.get("length")
    form = kind.settings_form(bounds)
    assert form.is_valid()
    assert form.cleaned_data == bounds
    assert kind(form.cleaned_data).check(validators.Subject("four")).message == said
    assert not kind({"max_raw": 3}).check(validators.Subject("four")).passed


@pytest.mark.parametrize(("schema", "said"), [
    (TITLED, "an object with title"), ({"title": "A post"}, "A post"),
    ({"type": "array"}, "an array"), ({"required": ["a", "b"]}, "an object with a, b"),
])  # fmt: skip
def test_schema_checks_can_be_told_apart(schema: dict[str, Any], said: str) -> None:
    assert validators.registry.get("json_schema").summary({"schema": schema}) == said


def test_a_new_schema_check_starts_with_one_and_an_empty_one_is_told() -> None:
    kind = validators.registry.get("json_schema")
    assert kind.settings_form(initial=kind.defaults("output")).initial["schema"]
    assert "Write a JSON Schema" in faults("json_schema", schema="")


@pytest.fixture
def root(tmp_path: Path, settings: Settings) -> Path:
    settings.FILE_ROOTS = [str(tmp_path)]
    return tmp_path


@pytest.mark.django_db(transaction=True)
def test_a_file_destination_is_tested_by_writing(root: Path) -> None:
    row = make_destination(
        make_automation(), kind="file", settings={"path": "posts/new/{{ run_id }}.md"}
    )
    assert str(root) in reach(Destination._meta.label, row.pk)
    row.refresh_from_db()
    assert (row.test_passed, list(root.iterdir())) == (True, [])
    (root / "posts").write_text("in the way")
    assert "not a folder" in reach(Destination._meta.label, row.pk)
    row.refresh_from_db()
    assert row.test_passed is False


def test_a_name_that_is_taken_is_said_in_a_sentence() -> None:
    first = make_destination(make_automation(), name="Blog")
    second = Destination(automation=first.automation, name="Blog", kind="store_only")
    with pytest.raises(ValidationError) as refused:
        second.full_clean()
    assert refused.value.message_dict == {
        "__all__": ["Another destination of this automation is called Blog; change the name."]
    }


def test_numbers_out_of_bounds_are_said_in_a_sentence() -> None:
    assert "Write 0 or more." in faults("length", min_stripped=-1)


def test_what_lies_ahead_is_rounded() -> None:
    assert "in 90 days" in ui.ago(timezone.now() + timedelta(days=90) - timedelta(minutes=5))


def test_the_source_offers_the_other_automations(client: Client, editor: Any) -> None:
    make_automation("first", name="First")
    make_automation("after", name="After")
    client.force_login(editor)
    page = client.get(reverse("source", args=["after"]) + "?kind=automation").content.decode()
    assert '<option value="first">First</option>' in page
    assert '<option value="after">' not in page


def test_a_cancelled_batch_is_not_cancelled_again() -> None:
    rows = [{"content": "x"}]
    batch = services.submit_batch(make_live().automation, rows, by=services.SYSTEM, name="b")
    services.cancel_batch(batch, by=services.SYSTEM)
    with pytest.raises(WrongState, match="cancelled already"):
        services.cancel_batch(batch, by=services.SYSTEM)


def test_a_token_form_ticks_nothing_by_itself(client: Client, admin: Any) -> None:
    client.force_login(admin)
    form = client.get(reverse("token_new")).context["form"]
    assert " checked" not in str(form["scopes"])

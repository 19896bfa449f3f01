"""A draft's recipe in its form: what is saved, what is refused, and two people at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from automations import recipes, services
from automations.errors import ChangedMeanwhile, NotAllowed, WrongState
from automations.models import AuditEvent, Run, Version
from automations.recipe_form import RecipeForm
from tests.automations.conftest import KEY
from tests.makers import make_automation, make_live, make_provider, make_try, make_version
from tests.people import make_person

pytestmark = pytest.mark.django_db


def address(version: Version) -> str:
    return reverse("version_edit", args=[version.pk])


def filled(client: Client, person: Any, version: Version, **values: str) -> dict[str, str]:
    """Return what a browser would send of the opened form, with some fields typed over."""
    client.force_login(person)
    form = client.get(address(version)).context["form"]
    data = {field.html_name: field.value() for field in form}
    return {**{n: "" if v is None else str(v) for n, v in data.items()}, **values}


def save(client: Client, person: Any, version: Version, **values: str) -> Any:
    return client.post(address(version), filled(client, person, version, **values), follow=True)


# --- saving --------------------------------------------------------------------------------


def test_a_whole_recipe_is_edited(client: Client, editor: Any) -> None:
    draft, other = make_version(), make_provider(name="Other")
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    answer = save(
        client, editor, draft,
        note="Kinder.", system_prompt="Be kind.\r\n  Indented.", user_prompt="Do: {{ content }}",
        examples='[{"input": "x", "output": "y"}]', provider=str(other.pk), model=" big-1 ",
        fallback_models="one\r\n\r\n two \none", temperature="1.5", max_output_tokens="900",
        parameters='{"seed": 7}', output_schema=json.dumps(schema), output_template="{{ a }}",
        max_attempts="2", max_repairs="0", call_timeout_s="60", deadline_s="600",
    )  # fmt: skip
    assert answer.redirect_chain == [(draft.get_absolute_url(), 302)]
    draft.refresh_from_db()
    assert draft.system_prompt == "Be kind.\n  Indented."
    assert (draft.provider, draft.model, draft.fallback_models) == (other, "big-1", ["one", "two"])
    assert (draft.examples, draft.parameters) == ([{"input": "x", "output": "y"}], {"seed": 7})
    assert (draft.output_schema, draft.output_template) == (schema, "{{ a }}")
    assert (draft.temperature, draft.max_attempts, draft.max_repairs) == (1.5, 2, 0)


def test_what_changed_is_noted_with_before_and_after(client: Client, editor: Any) -> None:
    draft = make_version(system_prompt="Be kind.", temperature=0.3)
    save(client, editor, draft, system_prompt="Be brief.", temperature="0.7")
    event = AuditEvent.objects.get(action="save draft")
    assert event.by == editor
    assert event.before == {"system_prompt": "Be kind.", "temperature": 0.3}
    assert event.after == {"system_prompt": "Be brief.", "temperature": 0.7}


def test_saving_an_untouched_form_changes_and_notes_nothing(client: Client, editor: Any) -> None:
    schema = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "number"}}}
    draft = make_version(
        system_prompt="x\n\n  y ", examples=[{"input": {"content": "é"}, "output": "y"}],
        output_schema=schema, parameters={"top_p": 0.5, "seed": 7}, fallback_models=["one"],
    )  # fmt: skip
    page = save(client, editor, draft).content.decode()
    assert "there was nothing to save" in page
    assert not AuditEvent.objects.filter(action="save draft").exists()


def test_who_is_not_staff_edits_too(client: Client, editor: Any) -> None:
    editor.is_staff = False
    editor.save()
    save(client, editor, make_version(), system_prompt="Be kind.")
    assert Version.objects.get().system_prompt == "Be kind."


def test_empty_json_is_nothing(client: Client, editor: Any) -> None:
    draft = make_version(examples=[{"input": "x", "output": "y"}], parameters={"seed": 1})
    save(client, editor, draft, examples="", parameters="", output_schema="")
    draft.refresh_from_db()
    assert (draft.examples, draft.parameters, draft.output_schema) == ([], {}, None)


def test_saving_and_trying_goes_on_to_the_playground_with_the_input(
    client: Client, editor: Any
) -> None:
    draft = make_version()
    run = make_try(draft)
    client.force_login(editor)
    page = client.get(address(draft) + f"?run={run.pk}").content.decode()
    assert f'name="run" value="{run.pk}"' in page
    answer = save(client, editor, draft, do="try", run=str(run.pk))
    assert answer.redirect_chain[0][0].endswith(f"?version={draft.pk}&run={run.pk}")
    answer = save(client, editor, draft, do="try", run="nonsense")
    assert answer.redirect_chain[0][0].endswith(f"?version={draft.pk}")


def test_the_names_that_prompts_may_use_are_listed(client: Client, editor: Any) -> None:
    schema = {"type": "object", "properties": {"topic": {"type": "string", "title": "Its topic"}}}
    draft = make_version(make_automation(input_schema=schema), user_prompt="{{ topic }}")
    client.force_login(editor)
    page = client.get(address(draft)).content.decode()
    assert "<code>{{ topic }}</code> Its topic" in page
    assert "an unknown name is an error" in page


# --- faults --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("user_prompt", "On {{ contents }}", "did you mean `content`"),
        ("user_prompt", "", "required"),
        ("system_prompt", f"Use {KEY}.", "looks like a secret"),
        ("system_prompt", "x" * 20_001, "at most 20,000"),
        ("output_schema", '{"type": "strin"}', "strin"),
        ("output_schema", "[" * 80 + "]" * 80, "64"),
        ("output_template", "{{ x }}", "needs an output schema"),
        ("parameters", '{"magic": 1}', "Unknown parameters: magic"),
        ("parameters", "[]", "Write a JSON object"),
        ("parameters", "NaN", "not NaN"),
        ("examples", "[", "valid JSON"),
        ("examples", '[{"input": 1}]', "Write a list of"),
        ("temperature", "hot", "number"),
        ("temperature", "nan", "number"),
        ("temperature", "2.1", "2 or less"),
        ("max_output_tokens", "9" * 40, "100000 or less"),
        ("max_output_tokens", "-1", "or more"),
        ("max_attempts", "", "required"),
        ("fallback_models", "\n".join("abcdefghijk"), "at most 10"),
        ("fallback_models", "m" * 121, "at most 120"),
        ("provider", "999999", "valid choice"),
        ("note", "n" * 201, "at most 200"),
    ],
)
def test_a_fault_is_named_beside_its_field_and_nothing_is_saved(
    client: Client, editor: Any, name: str, value: str, words: str
) -> None:
    draft = make_version(system_prompt="As it was.")
    answer = save(client, editor, draft, **{"note": "Typed.", name: value})
    assert answer.status_code == 200
    assert words in " ".join(answer.context["form"].errors[name])
    assert "Nothing is saved yet" in answer.content.decode()
    assert Version.objects.get().system_prompt == "As it was."
    assert not AuditEvent.objects.filter(action="save draft").exists()


def test_characters_that_no_database_stores_are_replaced(client: Client, editor: Any) -> None:
    save(
        client,
        editor,
        make_version(),
        system_prompt="a\x00b",
        examples='[{"input": "\\u0000", "output": ""}]',
    )
    draft = Version.objects.get()
    assert "\x00" not in draft.system_prompt
    assert "\x00" not in draft.examples[0]["input"]


@pytest.mark.parametrize("seen", ["", "x", "[]", "{}", '{"note": []}', "1", '"x"'])
def test_a_form_that_has_forgotten_what_it_saw_overwrites_nothing(
    client: Client, editor: Any, seen: str
) -> None:
    draft = make_version(system_prompt="As it was.")
    answer = save(client, editor, draft, system_prompt="Mine.", seen=seen)
    assert answer.status_code == 200
    assert Version.objects.get().system_prompt == "As it was."
    assert answer.context["form"]["system_prompt"].value() == "Mine."


@pytest.mark.parametrize("person", ["viewer", "operator", "approver", "admin"])
def test_who_does_not_edit_versions_is_refused(client: Client, person: str) -> None:
    draft = make_version()
    client.force_login(make_person(person))
    assert client.get(address(draft)).status_code == 403
    assert client.post(address(draft), {"system_prompt": "Mine."}).status_code == 403


# --- two at once ---------------------------------------------------------------------------


def test_two_people_at_once_lose_nothing(client: Client, editor: Any) -> None:
    draft = make_version(system_prompt="Be kind.", user_prompt="Do {{ content }}")
    mine = filled(
        client, editor, draft, system_prompt="Be brief.", user_prompt="Mine: {{ content }}"
    )
    ada = make_person("ada")
    ada.groups.set(editor.groups.all())
    save(client, ada, draft, system_prompt="Be wise.", model="big-1")
    client.force_login(editor)
    answer = client.post(address(draft), mine)
    page = answer.content.decode()
    assert "ada saved this draft" in page
    assert "System prompt, Model" in page
    values = {field.html_name: field.value() for field in answer.context["form"]}
    assert values["system_prompt"] == "Be brief."
    assert values["user_prompt"] == "Mine: {{ content }}"
    assert values["model"] == "big-1"
    assert [clash.label for clash in answer.context["meanwhile"].clashes] == ["System prompt"]
    assert Version.objects.get().system_prompt == "Be wise."


def test_saving_again_after_having_been_told_keeps_the_form(client: Client, editor: Any) -> None:
    draft = make_version(system_prompt="Be kind.")
    mine = filled(client, editor, draft, system_prompt="Be brief.")
    save(client, editor, draft, system_prompt="Be wise.", model="big-1")
    told = client.post(address(draft), mine).context["form"]
    again = {field.html_name: str(field.value() or "") for field in told}
    assert client.post(address(draft), again).status_code == 302
    draft.refresh_from_db()
    assert (draft.system_prompt, draft.model) == ("Be brief.", "big-1")


def test_the_same_change_twice_is_no_quarrel(client: Client, editor: Any) -> None:
    draft = make_version(system_prompt="Be kind.")
    mine = filled(client, editor, draft, system_prompt="Be brief.")
    assert client.post(address(draft), mine).status_code == 302
    answer = client.post(address(draft), mine)
    assert answer.context["meanwhile"].clashes == ()


def test_the_service_names_the_fields_and_keeps_what_is_stored(editor: Any) -> None:
    draft = make_version()
    seen = recipes.marks_of(draft)
    Version.objects.filter(pk=draft.pk).update(model="big-1")
    draft.system_prompt = "Mine."
    with pytest.raises(ChangedMeanwhile, match="changed model while") as refused:
        services.save_draft(draft, by=editor, seen=seen)
    assert refused.value.names == {"model"}
    assert Version.objects.get().system_prompt == ""


def test_what_was_typed_into_a_draft_published_meanwhile_becomes_a_new_one(
    client: Client, editor: Any
) -> None:
    draft = make_version(system_prompt="Be kind.")
    mine = filled(client, editor, draft, system_prompt="Be brief.")
    services.publish_version(draft, by=editor)
    answer = client.post(address(draft), mine)
    page = answer.content.decode()
    assert "was published by editor" in page
    assert "Be brief.</textarea>" in page
    answer = client.post(address(draft), {**mine, "do": "new"})
    made = Version.objects.drafts().get()
    assert answer.headers["Location"] == made.get_absolute_url()
    assert (made.number, made.system_prompt) == (2, "Be brief.")
    assert made.validator_rules.count() == 2
    draft.refresh_from_db()
    assert draft.system_prompt == "Be kind."


def test_a_published_version_has_no_form(client: Client, editor: Any) -> None:
    live = make_live()
    client.force_login(editor)
    assert client.get(address(live)).headers["Location"] == live.get_absolute_url()


def test_the_service_never_changes_what_is_published(editor: Any, viewer: Any) -> None:
    live = make_live()
    live.system_prompt = "Otherwise."
    with pytest.raises(WrongState, match="never changes"):
        services.save_draft(live, by=editor)
    with pytest.raises(NotAllowed, match="change_version"):
        services.save_draft(live, by=viewer)


def test_a_run_of_a_draft_is_no_reason_not_to_edit_it(client: Client, editor: Any) -> None:
    draft = make_version()
    make_try(draft, status="success")
    save(client, editor, draft, system_prompt="Be kind.")
    assert Version.objects.get().system_prompt == "Be kind."
    assert Run.objects.get().version == draft


def test_marks_see_every_edited_field() -> None:
    assert set(RecipeForm.base_fields) - {"seen"} == set(recipes.EDITED)
    assert set(recipes.marks_of(make_version())) == set(recipes.EDITED)

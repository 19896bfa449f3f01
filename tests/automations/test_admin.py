"""The admin: what can be edited by whom, keys that go in and never come out, and history."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import NoReverseMatch, reverse

from automations import services
from automations.models import AuditEvent, Automation, Batch, Provider, Version, Worker
from tests.makers import (
    make_automation,
    make_delivery,
    make_destination,
    make_live,
    make_provider,
    make_run,
    make_version,
)
from tests.people import ROLES, make_person

pytestmark = pytest.mark.django_db

KEY = "sk-verysecretkey1234567890"
ENDPOINT = {"name": "Inference", "kind": "endpoint", "base_url": "https://inf.example/v1"}


def change(model: str, pk: Any) -> str:
    return reverse(f"admin:automations_{model}_change", args=[pk])


def submit(client: Client, address: str, **fields: Any) -> Any:
    """Open a form, change some of its fields and send all of it."""
    page = client.get(address)
    assert page.status_code == 200
    values = initial(page.context["adminform"].form)
    for inline in page.context["inline_admin_formsets"]:
        values |= initial(inline.formset.management_form)
        for form in inline.formset.initial_forms:
            values |= initial(form)
    return client.post(address, {**values, **fields})


def initial(form: Any) -> dict[str, Any]:
    """Return what a browser would send of an untouched form."""
    shown = {field.html_name: field.value() for field in form}
    return {
        name: value for name, value in shown.items() if value is not None and value is not False
    }


# --- every page ----------------------------------------------------------------------------


@pytest.fixture
def rows(db: None) -> dict[str, Any]:
    live = make_live()
    batch = Batch.objects.create(automation=live.automation, name="Rows")
    run = make_run(live, batch=batch)
    delivery = make_delivery(run, make_destination(live.automation))
    worker = Worker.objects.create(name="w", started_at=run.queued_at, seen_at=run.queued_at)
    event = AuditEvent.objects.create(by_name="x", action="y", object_type="run", object_id="1")
    return {
        "automation": live.automation, "version": live, "provider": live.provider, "run": run,
        "batch": batch, "delivery": delivery, "worker": worker, "auditevent": event,
    }  # fmt: skip


def ours() -> list[str]:
    return [
        m._meta.model_name or "" for m in admin.site._registry if m._meta.app_label == "automations"
    ]


def test_the_rows_cover_every_model_in_the_admin(rows: dict[str, Any]) -> None:
    assert set(rows) == set(ours())


def test_every_page_of_the_admin_renders(
    client: Client, superuser: Any, rows: dict[str, Any]
) -> None:
    client.force_login(superuser)
    for model, row in rows.items():
        listing = client.get(reverse(f"admin:automations_{model}_changelist"))
        assert listing.status_code == 200, model
        assert client.get(change(model, row.pk), follow=True).status_code == 200, model
        add = client.get(reverse(f"admin:automations_{model}_add"))
        assert add.status_code == (200 if model in ("automation", "provider") else 403), model


@pytest.mark.parametrize("role", ROLES)
def test_every_role_may_look_at_everything(client: Client, rows: dict[str, Any], role: str) -> None:
    client.force_login(make_person(role))
    for model, row in rows.items():
        address = reverse(f"admin:automations_{model}_changelist")
        assert client.get(address).status_code == 200, model
        assert client.get(change(model, row.pk), follow=True).status_code == 200, model


def test_staff_without_a_role_see_nothing(
    client: Client, stranger: Any, rows: dict[str, Any]
) -> None:
    client.force_login(stranger)
    assert "Nothing here for you" in client.get(reverse("admin:index")).content.decode()
    for model, row in rows.items():
        address = reverse(f"admin:automations_{model}_changelist")
        assert client.get(address).status_code == 403, model
        assert client.get(change(model, row.pk), follow=True).status_code in (403, 404), model


def test_history_cannot_be_changed_even_by_a_superuser(
    client: Client, superuser: Any, rows: dict[str, Any]
) -> None:
    client.force_login(superuser)
    for model in ("run", "batch", "delivery", "auditevent", "worker"):
        row = rows[model]
        address = reverse(f"admin:automations_{model}_delete", args=[row.pk])
        assert client.post(address, {"post": "yes"}).status_code == 403, model
        assert type(row).objects.filter(pk=row.pk).exists()
        assert "_save" not in client.get(change(model, row.pk), follow=True).content.decode()


def test_a_run_opens_on_its_own_page(client: Client, viewer: Any, rows: dict[str, Any]) -> None:
    client.force_login(viewer)
    answer = client.get(change("run", rows["run"].pk))
    assert answer.headers["Location"] == rows["run"].get_absolute_url()
    assert client.get(change("run", "x"), follow=True).status_code == 404


def test_the_queues_rows_are_not_there() -> None:
    assert "django_q" not in {model._meta.app_label for model in admin.site._registry}
    for model in ("schedule", "ormq", "task", "success", "failure"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:django_q_{model}_changelist")


@pytest.mark.parametrize(
    "address",
    [
        "run/?automation__slug__exact=%00", "auditevent/?object_type=%00", "automation/?q=a%00",
        "version/?%00=1", "automation/a%00/change/",
    ],
)  # fmt: skip
def test_a_nul_in_the_address_is_a_bad_request(client: Client, admin: Any, address: str) -> None:
    client.force_login(admin)
    answer = client.get(f"/admin/automations/{address}")
    assert answer.status_code == 400
    assert "That request made no sense to us" in answer.content.decode()


# --- automations ---------------------------------------------------------------------------


def test_a_new_automation_gets_its_first_draft_and_opens(client: Client, editor: Any) -> None:
    client.force_login(editor)
    address = reverse("admin:automations_automation_add")
    answer = submit(client, address, name="Minutes", slug="minutes")
    made = Automation.objects.get()
    assert answer.headers["Location"] == made.get_absolute_url()
    assert (made.stage, made.source.kind) == ("idea", "form")
    assert made.versions.get().validator_rules.count() == len(services.default_rules())
    assert AuditEvent.objects.filter(action="create automation", by=editor).exists()


def test_the_slug_is_suggested_from_the_name_until_it_is_set(client: Client, editor: Any) -> None:
    automation = make_automation()
    client.force_login(editor)
    mark = "data-prepopulated-fields"
    new = client.get(reverse("admin:automations_automation_add")).content.decode()
    assert f'{mark}="[{{&quot;id&quot;: &quot;#id_slug&quot;' in new
    known = client.get(change("automation", automation.pk)).content.decode()
    assert "#id_slug" not in known


def test_a_faulty_input_schema_is_refused_beside_its_field(client: Client, editor: Any) -> None:
    automation = make_automation()
    client.force_login(editor)
    schema = '{"type": "object", "properties": {"A b": {"type": "string"}}}'
    answer = submit(client, change("automation", automation.pk), input_schema=schema)
    assert "is no field name" in str(answer.context["adminform"].form.errors["input_schema"])


def test_the_slug_and_the_stage_are_not_for_this_form(client: Client, editor: Any) -> None:
    automation = make_automation(concurrency=5)
    client.force_login(editor)
    fields = {"slug": "other", "stage": "production", "concurrency": "7"}
    submit(client, change("automation", automation.pk), **fields)
    automation.refresh_from_db()
    assert (automation.slug, automation.stage, automation.concurrency) == ("writer", "prototype", 7)


def test_a_change_leaves_a_row_that_says_before_and_after(client: Client, editor: Any) -> None:
    automation = make_automation()
    client.force_login(editor)
    submit(client, change("automation", automation.pk), concurrency="9")
    event = AuditEvent.objects.get(action="change automation")
    assert (event.by, event.before, event.after) == (editor, {"concurrency": 5}, {"concurrency": 9})


def test_a_viewer_changes_nothing(client: Client, viewer: Any) -> None:
    automation = make_automation()
    client.force_login(viewer)
    answer = client.post(change("automation", automation.pk), {"name": "Mine"})
    assert answer.status_code == 403
    automation.refresh_from_db()
    assert automation.name == "Writer"


# --- versions ------------------------------------------------------------------------------


def test_a_draft_is_edited(client: Client, editor: Any) -> None:
    draft = make_version()
    client.force_login(editor)
    answer = submit(client, change("version", draft.pk), system_prompt="Be kind.")
    assert answer.status_code == 302, answer.context["errors"]
    assert answer.headers["Location"] == draft.automation.get_absolute_url()
    draft.refresh_from_db()
    assert draft.system_prompt == "Be kind."
    assert draft.validator_rules.count() == 2


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("user_prompt", "On {{ contents }}", "contents"),
        ("system_prompt", f"Use {KEY}.", "looks like a secret"),
        ("output_schema", '{"type": "strin"}', "strin"),
        ("parameters", '{"magic": 1}', "Unknown parameters: magic"),
        ("examples", "[", "valid JSON"),
    ],
)
def test_a_fault_in_a_draft_is_named_beside_its_field(
    client: Client, editor: Any, name: str, value: str, words: str
) -> None:
    draft = make_version()
    client.force_login(editor)
    answer = submit(client, change("version", draft.pk), **{name: value})
    assert answer.status_code == 200
    assert words in str(answer.context["adminform"].form.errors[name])


def test_the_page_says_the_checks_and_leads_to_them(client: Client, editor: Any) -> None:
    draft, live = make_version(), make_live(make_automation("other"))
    client.force_login(editor)
    page = client.get(change("version", draft.pk)).content.decode()
    assert "Input: <strong>Length</strong>, at least 100, at most 50,000" in page
    assert reverse("version_checks", args=[draft.pk]) in page
    assert "Edit checks" in page
    assert "Edit checks" not in client.get(change("version", live.pk)).content.decode()


def test_a_published_version_is_read_only_and_says_why(client: Client, superuser: Any) -> None:
    live = make_live(system_prompt="As it was.")
    client.force_login(superuser)
    page = client.get(change("version", live.pk)).content.decode()
    assert "Published versions never change" in page
    assert live.get_absolute_url() in page
    assert 'name="system_prompt"' not in page
    answer = client.post(change("version", live.pk), {"system_prompt": "Otherwise."})
    assert answer.status_code == 403
    assert Version.objects.get().system_prompt == "As it was."


def test_a_drafts_page_shows_what_the_model_would_be_asked(client: Client, editor: Any) -> None:
    draft = make_version(user_prompt="Shorten this: {{ content }}")
    client.force_login(editor)
    page = client.get(change("version", draft.pk)).content.decode()
    assert "What the model would be asked" in page
    assert "[Content]" in page


# --- providers -----------------------------------------------------------------------------


@pytest.fixture
def provider(db: None) -> Provider:
    made = make_provider(**{**ENDPOINT, "name": "Inference"})
    made.seal_key(KEY)
    made.save()
    return made


def test_a_key_goes_in_encrypted_and_never_comes_out(client: Client, admin: Any) -> None:
    client.force_login(admin)
    address = reverse("admin:automations_provider_add")
    assert submit(client, address, **ENDPOINT, key=KEY).status_code == 302
    made = Provider.objects.get(name="Inference")
    assert made.open_key() == KEY
    assert KEY not in made.api_key_sealed
    pages = [
        client.get(address).content.decode()
        for address in (
            change("provider", made.pk),
            reverse("admin:automations_provider_changelist"),
            reverse("admin:automations_provider_history", args=[made.pk]),
        )
    ]
    assert KEY not in "".join(pages)
    assert made.api_key_sealed not in "".join(pages)
    assert "stored, encrypted" in pages[0]
    trail = str(list(AuditEvent.objects.values()))
    assert "set key" in trail
    assert KEY not in trail


def test_a_form_with_an_error_does_not_show_the_typed_key(client: Client, admin: Any) -> None:
    client.force_login(admin)
    address = reverse("admin:automations_provider_add")
    answer = submit(client, address, **{**ENDPOINT, "base_url": ""}, key=KEY)
    assert answer.status_code == 200
    assert KEY not in answer.content.decode()


def test_an_empty_key_field_leaves_the_key(client: Client, admin: Any, provider: Provider) -> None:
    client.force_login(admin)
    submit(client, change("provider", provider.pk), max_concurrency="3")
    provider.refresh_from_db()
    assert (provider.open_key(), provider.max_concurrency) == (KEY, 3)


def test_a_new_base_url_loses_the_key_and_says_so(
    client: Client, admin: Any, provider: Provider
) -> None:
    client.force_login(admin)
    address = change("provider", provider.pk)
    answer = submit(client, address, base_url="https://elsewhere.example/v1")
    page = client.get(answer.headers["Location"]).content.decode()
    assert "so the key was cleared" in page
    provider.refresh_from_db()
    assert not provider.has_key


def test_a_new_base_url_loses_the_key_variable_too(client: Client, admin: Any) -> None:
    made = make_provider(**ENDPOINT, api_key_env="INF_KEY")
    client.force_login(admin)
    submit(client, change("provider", made.pk), base_url="https://elsewhere.example/v1")
    made.refresh_from_db()
    assert made.api_key_env == ""


def test_a_new_base_url_with_a_new_key_keeps_the_new_key(
    client: Client, admin: Any, provider: Provider
) -> None:
    client.force_login(admin)
    fields = {"base_url": "https://elsewhere.example/v1", "key": "new-key-000"}
    submit(client, change("provider", provider.pk), **fields)
    provider.refresh_from_db()
    assert provider.open_key() == "new-key-000"


def test_a_key_can_be_forgotten(client: Client, admin: Any, provider: Provider) -> None:
    client.force_login(admin)
    submit(client, change("provider", provider.pk), forget_key="on")
    provider.refresh_from_db()
    assert not provider.has_key


def test_the_default_provider_has_limits_but_no_address(client: Client, admin: Any) -> None:
    default = Provider.objects.default()
    client.force_login(admin)
    page = client.get(change("provider", default.pk)).content.decode()
    assert "Follows OPENAI_BASE_URL" in page
    assert 'name="base_url"' not in page
    address = reverse("admin:automations_provider_delete", args=[default.pk])
    assert client.post(address, {"post": "yes"}).status_code == 403


def test_a_test_is_asked_for_and_its_result_appears(client: Client, admin: Any) -> None:
    default = Provider.objects.default()
    client.force_login(admin)
    client.post(reverse("provider_test", args=[default.pk]))
    state = reverse("provider_state", args=[default.pk])
    asked = client.get(state)
    assert (asked.status_code, "hx-trigger" in asked.content.decode()) == (200, True)
    assert "No worker is alive" in asked.content.decode()
    Provider.objects.update(test_passed=True, test_message="m at x answered in 0.2 s.")
    answered = client.get(state)
    assert answered.status_code == 286
    assert "answered in 0.2 s." in answered.content.decode()


def test_a_provider_that_is_called_is_ready(client: Client, admin: Any, provider: Provider) -> None:
    client.force_login(admin)
    page = client.get(change("provider", provider.pk)).content.decode()
    listed = client.get(reverse("admin:automations_provider_changelist")).content.decode()
    assert "Ready</span>" in page
    assert "Ready</span>" in listed


def test_a_stopped_provider_shows_the_reason(client: Client, viewer: Any) -> None:
    made = make_provider(**ENDPOINT, circuit_opened_at="2026-11-22T10:00Z",
                         circuit_reason="The key was refused.")  # fmt: skip
    client.force_login(viewer)
    assert "The key was refused." in client.get(change("provider", made.pk)).content.decode()


def test_an_editor_does_not_change_providers(
    client: Client, editor: Any, provider: Provider
) -> None:
    client.force_login(editor)
    answer = client.post(change("provider", provider.pk), {**ENDPOINT, "key": "mine"})
    assert answer.status_code == 403
    provider.refresh_from_db()
    assert provider.open_key() == KEY

"""The playground: any version on any input, really asked, delivered nowhere, counted nowhere."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from automations import services
from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent, Automation, Delivery, Run, Source, Version
from tests.automations.engine.driving import claim_once, http_destination
from tests.makers import LONG_TEXT, make_automation, make_live, make_run, make_version
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db

INPUT = {"content": LONG_TEXT}


def address(slug: str = "writer", **query: Any) -> str:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return f"{reverse('playground', args=[slug])}?{asked}"


def try_it(client: Client, tried: Version, **fields: Any) -> Any:
    values = {"key": str(uuid.uuid4()), "version": tried.pk, "in_content": LONG_TEXT, **fields}
    return client.post(address(tried.automation.slug), values, follow=True)


# --- the verb ------------------------------------------------------------------------------


def test_a_try_is_simulated_and_noted(operator: Any) -> None:
    draft = make_version()
    run = services.try_version(draft, INPUT, by=operator)
    assert (run.is_simulated, run.origin, run.version) == (True, "playground", draft)
    assert not Run.objects.evidence().exists()
    assert AuditEvent.objects.get(action="start run").by == operator


def test_the_same_key_tries_once(operator: Any) -> None:
    draft = make_version()
    first = services.try_version(draft, INPUT, by=operator, key="k")
    assert services.try_version(draft, INPUT, by=operator, key="k") == first


def test_who_neither_runs_nor_edits_may_not_try(viewer: Any, approver: Any) -> None:
    for person in (viewer, approver):
        with pytest.raises(NotAllowed, match="start_run"):
            services.try_version(make_version(make_automation(person.username)), INPUT, by=person)


def test_who_makes_drafts_may_try_them(editor: Any) -> None:
    run = services.try_version(make_version(), INPUT, by=editor)
    assert run.requested_by == editor
    assert services.cancel_run(run, by=editor).status == "cancelled"


@pytest.mark.parametrize(
    ("values", "words"), [({"stage": "retired"}, "is retired"), ({"paused": True}, "is paused")]
)
def test_a_paused_or_retired_automation_tries_nothing(
    operator: Any, values: dict[str, Any], words: str
) -> None:
    draft = make_version(make_automation(stage=values.get("stage", "prototype")))
    if "paused" in values:
        services.pause(draft.automation, by=operator)
    with pytest.raises(WrongState, match=words):
        services.try_version(draft, INPUT, by=operator)
    assert not Run.objects.exists()


def test_a_draft_that_could_not_be_published_is_refused(operator: Any) -> None:
    draft = make_version(user_prompt="On {{ nothing }}")
    with pytest.raises(ValidationError, match="nothing"):
        services.try_version(draft, INPUT, by=operator)


@pytest.mark.django_db(transaction=True)
def test_a_try_asks_the_model_and_delivers_nothing(answering: FakeProvider, operator: Any) -> None:
    draft = make_version(make_automation(approval_required=True))
    http_destination(draft.automation, answering, "blog")
    run = claim_once(services.try_version(draft, INPUT, by=operator))
    assert (run.status, run.calls) == ("success", 1)
    assert not Delivery.objects.exists()


# --- the page ------------------------------------------------------------------------------


def test_the_input_of_a_run_is_taken(client: Client, operator: Any) -> None:
    client.force_login(operator)
    run = make_run(input_data={"content": "A text that was run before."})
    page = client.get(address(run=run.pk)).content.decode()
    assert "A text that was run before.</textarea>" in page
    assert reverse("run", args=[run.pk]) in page


@pytest.mark.parametrize("asked", ["0", "nonsense", "9" * 30, ""])
def test_a_run_that_is_not_there_is_left_out(client: Client, operator: Any, asked: str) -> None:
    client.force_login(operator)
    make_live()
    page = client.get(address(run=asked))
    assert page.status_code == 200
    assert page.context["taken"] is None


def test_another_automations_input_is_not_taken(client: Client, operator: Any) -> None:
    client.force_login(operator)
    make_live()
    other = make_run(make_live(make_automation("other")), input_data={"content": "Not yours."})
    assert "Not yours." not in client.get(address(run=other.pk)).content.decode()


def test_versions_are_offered_live_first_then_drafts_then_older(
    client: Client, operator: Any
) -> None:
    client.force_login(operator)
    old = make_live()
    live = make_live(old.automation)
    draft = make_version(old.automation, note="Shorter.")
    form = client.get(address()).context["form"]
    assert form.fields["version"].choices == [
        (str(live.pk), "v2 (live)"), (str(draft.pk), "v3 (draft): Shorter."), (str(old.pk), "v1"),
    ]  # fmt: skip
    asked = client.get(address(version=draft.pk)).context["form"]
    assert asked["version"].value() == str(draft.pk)


def test_trying_shows_the_run_which_says_that_nothing_is_delivered(
    client: Client, operator: Any
) -> None:
    client.force_login(operator)
    draft = make_version(make_live().automation)
    answer = try_it(client, draft)
    run = Run.objects.get()
    assert answer.redirect_chain == [(reverse("run", args=[run.pk]), 302)]
    assert "Playground: nothing is delivered" in answer.content.decode()
    assert (run.version, run.input_data) == (draft, INPUT)


def test_a_finished_try_leads_back_and_never_to_a_real_run(client: Client, operator: Any) -> None:
    client.force_login(operator)
    run = make_run(status="success", is_simulated=True, origin="playground")
    page = client.get(reverse("run", args=[run.pk])).content.decode()
    assert "Try again in the playground" in page
    assert "Run again" not in page


def test_an_empty_input_is_named_beside_its_field(client: Client, operator: Any) -> None:
    client.force_login(operator)
    answer = try_it(client, make_live(), in_content="")
    assert "Nothing was tried yet" in answer.content.decode()
    assert not Run.objects.exists()


def test_a_version_of_another_automation_cannot_be_chosen(client: Client, operator: Any) -> None:
    client.force_login(operator)
    other = make_live(make_automation("other"))
    answer = try_it(client, make_live(), version=other.pk)
    assert "Select a valid choice" in answer.content.decode()
    assert not Run.objects.exists()


def test_what_keeps_a_draft_from_being_tried_is_said(client: Client, operator: Any) -> None:
    client.force_login(operator)
    answer = try_it(client, make_version(user_prompt="On {{ nothing }}"))
    page = answer.content.decode()
    assert "cannot be tried yet" in page
    assert "nothing" in page


def test_a_paused_automation_says_so(client: Client, operator: Any) -> None:
    client.force_login(operator)
    live = make_live()
    services.pause(live.automation, by=operator)
    page = try_it(client, live).content.decode()
    assert "is paused; resume it before running it" in page
    assert "is paused: nothing of it runs" in page


def test_the_kill_switch_and_a_retirement_are_said_too(client: Client, operator: Any) -> None:
    client.force_login(operator)
    live = make_live()
    services.halt(by=services.SYSTEM, reason="a bad model")
    assert "All automations are stopped (a bad model)" in client.get(address()).content.decode()
    services.unhalt(by=services.SYSTEM)
    Automation.objects.filter(pk=live.automation.pk).update(stage="retired")
    assert "is retired, so nothing can be tried" in client.get(address()).content.decode()


def test_without_a_version_the_page_says_what_to_do(client: Client, operator: Any) -> None:
    client.force_login(operator)
    make_automation()
    assert "No version to try" in client.get(address()).content.decode()


def test_a_text_may_be_typed_where_runs_take_only_files(client: Client, operator: Any) -> None:
    client.force_login(operator)
    live = make_live(make_automation(source="upload"))
    assert Source.objects.get().kind == "upload"
    try_it(client, live)
    assert Run.objects.get().input_data == INPUT


def test_the_automations_page_leads_to_it(client: Client, operator: Any, viewer: Any) -> None:
    make_live()
    page_address = Automation.objects.get().get_absolute_url()
    for person, there in ((operator, True), (viewer, False)):
        client.force_login(person)
        page = client.get(page_address).content.decode()
        assert (reverse("playground", args=["writer"]) in page) is there

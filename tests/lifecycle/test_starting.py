"""Ways to start: by an example, from a template, from an idea; and the first five steps."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.errors import NotAllowed
from automations.models import AuditEvent, Automation, Run
from automations.services import SYSTEM
from lifecycle import first_steps, gallery, services
from tests.lifecycle.makers import make_promotion, make_review, make_scorecard
from tests.makers import make_automation, make_live, make_run

pytestmark = pytest.mark.django_db
KEY = "ticket_classifier"


def words(client: Client, user: Any, address: str) -> str:
    client.force_login(user)
    return client.get(address).content.decode()


# --- the page --------------------------------------------------------------------------------


def test_the_page_offers_three_ways(client: Client, editor: Any) -> None:
    make_automation()
    page = words(client, editor, reverse("start"))
    for part in ("Load the example", reverse("idea_new"), reverse("start_template", args=[KEY])):
        assert part in page


def test_who_may_not_add_sees_no_buttons(client: Client, viewer: Any) -> None:
    page = words(client, viewer, reverse("start"))
    for part in (reverse("load_example"), reverse("idea_new"), "/start/from/"):
        assert part not in page
    assert page.count("An editor can do this.") == 3


def test_a_loaded_example_is_not_offered_again(client: Client, editor: Any) -> None:
    client.force_login(editor)
    client.post(reverse("load_example"))
    assert "It is loaded" in words(client, editor, reverse("start"))


def test_an_account_without_a_role_is_told_so(client: Client, stranger: Any) -> None:
    assert "has no role yet" in words(client, stranger, reverse("start"))


# --- templates -------------------------------------------------------------------------------


def test_every_template_can_be_started_from() -> None:
    for template in gallery.templates():
        made = services.start_from_template(
            template, name=f"My {template.name}", slug=f"my_{template.slug}", by=SYSTEM
        )
        version = made.versions.get()
        assert (made.stage, made.live_version, version.is_published) == ("idea", None, False)
        assert version.user_prompt == template.version["user_prompt"]
        assert version.validator_rules.count() == len(template.rules)
        assert made.input_schema == template.input_schema
        assert [d.kind for d in made.destinations.all()] == ["store_only"]
        assert made.approval_required


def test_a_copy_is_ones_own_and_leaves_a_trail(client: Client, editor: Any) -> None:
    client.force_login(editor)
    answer = client.post(
        reverse("start_template", args=[KEY]), {"name": "Tickets", "slug": "tickets"}
    )
    made = Automation.objects.get(slug="tickets")
    assert answer.headers["Location"] == made.get_absolute_url()
    assert made.owner == editor
    actions = AuditEvent.objects.filter(by_name="editor").values_list("action", flat=True)
    assert {"create automation", "create draft"} <= set(actions)


@pytest.mark.parametrize(
    "given",
    [{}, {"name": "x", "slug": "taken"}, {"name": "x", "slug": "Not good"},
     {"name": "", "slug": "y1"},
     {"name": "x", "slug": "new"}, {"name": "x" * 121, "slug": "y1"}, {"name": "x", "slug": "\0y1"},
     {"name": "x", "slug": "y" * 300}],
)  # fmt: skip
def test_what_is_wrong_is_said_on_the_form(
    client: Client, editor: Any, given: dict[str, str]
) -> None:
    make_automation("taken")
    client.force_login(editor)
    answer = client.post(reverse("start_template", args=[KEY]), given)
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert Automation.objects.count() == 1


def test_a_name_that_nobody_uses_is_suggested(client: Client, editor: Any) -> None:
    make_automation(f"my_{KEY}")
    page = words(client, editor, reverse("start_template", args=[KEY]))
    assert f'value="my_{KEY}_1"' in page


def test_only_editors_may(client: Client, viewer: Any) -> None:
    client.force_login(viewer)
    address = reverse("start_template", args=[KEY])
    assert client.get(address).status_code == 403
    assert client.post(address, {"name": "x", "slug": "x1"}).status_code == 403
    template = gallery.templates()[0]
    with pytest.raises(NotAllowed):
        services.start_from_template(template, name="x", slug="x1", by=viewer)
    assert not Automation.objects.exists()


def test_an_unknown_template_is_not_found(client: Client, editor: Any) -> None:
    client.force_login(editor)
    assert client.get(reverse("start_template", args=["nothing"])).status_code == 404


def test_a_slug_that_is_an_address_is_refused() -> None:
    with pytest.raises(ValidationError, match="address of ours"):
        services.start_from_template(gallery.templates()[0], name="x", slug="compare", by=SYSTEM)


# --- the five steps --------------------------------------------------------------------------


def done() -> list[bool]:
    return [step.is_done for step in first_steps.progress()[0].steps]


def test_steps_tick_from_what_is_there() -> None:
    assert done() == [False] * 5
    live = make_live()
    make_scorecard(live.automation)
    assert done() == [True, True, False, False, False]
    run = make_run(live, status="success")
    make_review(run)
    make_promotion(live.automation)
    assert done() == [True] * 5


def test_samples_and_tries_tick_nothing() -> None:
    live = make_live()
    make_scorecard(live.automation, is_sample=True)
    run = make_run(live, status="success", is_sample=True)
    make_run(live, status="success", is_simulated=True)
    make_review(run, is_sample=True)
    make_promotion(live.automation, is_sample=True)
    assert done() == [True, False, False, False, False]


def test_a_long_sample_history_takes_no_step_back() -> None:
    live = make_live()
    run = make_run(live, status="success")
    assert done()[2]
    now = timezone.now()
    times = {"queued_at": now, "available_at": now, "completed_at": now}
    fields = {"automation_id": "writer", "version": live, "provider_id": run.provider_id, **times}
    Run.objects.bulk_create(Run(**fields, status="success", is_sample=True) for _ in range(501))
    assert done()[2]


def test_the_first_open_step_is_next() -> None:
    make_automation()
    progress, _ = first_steps.progress()
    assert progress.next
    assert progress.next.title == "Score it"
    assert (progress.done, progress.is_whole) == (1, False)


def test_the_steps_can_be_put_away(client: Client, viewer: Any) -> None:
    make_automation()
    assert "First steps: 1 of 5" in words(client, viewer, "/")
    assert client.get(reverse("start_skip")).status_code == 405
    client.post(reverse("start_skip"))
    assert "First steps" not in client.get("/").content.decode()
    assert "The first five steps" in client.get(reverse("start")).content.decode()

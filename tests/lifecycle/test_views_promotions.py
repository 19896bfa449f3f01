"""The promotions pages and their buttons."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.models import AuditEvent, Automation, Version
from lifecycle import services
from lifecycle.models import Exemption, Promotion, Team
from tests.lifecycle.makers import exempt_all, make_promotion, make_prototype
from tests.lifecycle.test_promotions_live import live_of, published
from tests.makers import make_automation, make_live, make_version
from tests.people import make_person

pytestmark = pytest.mark.django_db

WHY = "The trade fair opens on Monday."


def shown(client: Client, user: Any, automation: Automation, **query: Any) -> str:
    client.force_login(user)
    answer = client.get(reverse("promotions", args=[automation.slug]), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def press(client: Client, user: Any, name: str, key: Any, **fields: Any) -> str:
    """Press a button of the promotions page; return the page that follows."""
    client.force_login(user)
    answer = client.post(reverse(name, args=[key]), {"from": "promotions", **fields}, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


@pytest.fixture
def automation() -> Automation:
    return make_live().automation


@pytest.fixture
def waiting(approver: Any) -> Promotion:
    """A request to make another version live in production."""
    Team.objects.create(pk=1, second_person=True)
    live = make_live(make_automation("running", stage="production"))
    return services.go_live(published(live.automation), by=approver, reason="It is shorter.")


# --- where it stands and the next move -----------------------------------------------------


def test_the_next_move_names_what_is_missing_and_leads_there(
    client: Client, approver: Any, automation: Automation
) -> None:
    exempt_all(automation, *range(1, 17))
    Exemption.objects.filter(number=5).delete()
    page = shown(client, approver, automation)
    assert "One box is missing" in page
    assert reverse("checklist", args=[automation.slug]) + "#box-5" in page
    assert "Override the checklist" in page
    assert 'minlength="10"' in page


def test_who_is_no_approver_is_not_offered_to_override(
    client: Client, editor: Any, viewer: Any
) -> None:
    automation = make_automation(stage="idea")
    assert "Override the checklist" not in shown(client, editor, automation)
    page = shown(client, viewer, automation)
    assert "An editor or an approver can make this move." in page
    assert "<button" not in page.split("<main")[1].split("</main>")[0]


def test_what_will_be_owed_is_said_before_the_move(
    client: Client, approver: Any, automation: Automation
) -> None:
    exempt_all(automation, *(n for n in range(1, 17) if n != 7))
    page = shown(client, approver, automation)
    assert "The checklist allows it: go, 1 box owed." in page
    assert "Promote to production</button>" in page


def test_without_a_live_version_the_way_to_production_says_so(
    client: Client, approver: Any
) -> None:
    automation = make_automation()
    exempt_all(automation, *range(1, 17))
    assert "It has no live version yet; make one live first." in shown(client, approver, automation)


def test_in_production_there_is_no_next_stage(client: Client, approver: Any) -> None:
    automation = make_live(make_automation(stage="production")).automation
    page = shown(client, approver, automation)
    assert "This is the last stage." in page
    assert "Move back to prototype" in page


def test_a_retired_one_can_go_back_to_where_it_was(client: Client, editor: Any) -> None:
    automation = make_live(make_automation(stage="prototype")).automation
    services.promote(automation, "retired", by=editor)
    page = shown(client, editor, automation)
    assert "retired from here" in page
    assert "It was retired from there, so the checklist is not asked." in page
    assert "is in prototype now" in press(
        client, editor, "automation_stage", automation.slug, stage="prototype"
    )


# --- moving --------------------------------------------------------------------------------


def test_a_move_is_told_and_the_page_of_the_button_follows(
    client: Client, editor: Any, automation: Automation
) -> None:
    page = press(client, editor, "automation_stage", automation.slug, stage="idea")
    assert "Writer is in idea now." in page
    assert "What has moved" in page
    client.force_login(editor)
    address = reverse("automation_stage", args=[automation.slug])
    answer = client.post(address, {"stage": "retired"})
    assert answer.headers["Location"] == automation.get_absolute_url()
    event = AuditEvent.objects.filter(action="move to stage").order_by("pk")[0]
    assert (event.before, event.after) == ({"stage": "prototype"}, {"stage": "idea"})


@pytest.mark.parametrize(
    ("place", "name"),
    [("checklist", "checklist"), ("versions", "automation_versions"), ("//evil", "automation")],
)
def test_only_pages_of_ours_are_returned_to(
    client: Client, editor: Any, automation: Automation, place: str, name: str
) -> None:
    client.force_login(editor)
    address = reverse("automation_stage", args=[automation.slug])
    answer = client.post(address, {"stage": "idea", "from": place})
    assert answer.headers["Location"] == reverse(name, args=[automation.slug])


def test_a_refusal_is_one_sentence(client: Client, editor: Any) -> None:
    automation = make_automation(stage="idea")
    page = press(client, editor, "automation_stage", automation.slug, stage="prototype")
    assert "may not move to prototype yet: three boxes are missing, 1 “ELPUT" in page


@pytest.mark.parametrize("stage", ["", "moon", "\x00", "x" * 3000])
def test_an_unknown_stage_is_refused(
    client: Client, editor: Any, automation: Automation, stage: str
) -> None:
    page = press(client, editor, "automation_stage", automation.slug, stage=stage)
    assert "There is no stage" in page


def test_only_an_approver_moves_into_and_out_of_production(
    client: Client, editor: Any, approver: Any, automation: Automation
) -> None:
    exempt_all(automation, *range(1, 17))
    address = reverse("automation_stage", args=[automation.slug])
    for target, before in (("production", "prototype"), ("prototype", "production")):
        client.force_login(editor)
        assert client.post(address, {"stage": target}).status_code == 403
        assert Automation.objects.get().stage == before
        client.force_login(approver)
        assert client.post(address, {"stage": target}).status_code == 302
        assert Automation.objects.get().stage == target


def test_an_override_shows_for_ever_and_is_counted(client: Client, approver: Any) -> None:
    automation = make_automation(stage="idea")
    sent = {"stage": "prototype", "override": "yes"}
    page = press(client, approver, "automation_stage", automation.slug, **sent, reason="no")
    assert "Write why, in at least 10 characters." in page
    page = press(client, approver, "automation_stage", automation.slug, **sent, reason=WHY)
    assert "The checklist was overridden; the reason is kept." in page
    assert "The checklist has been overridden 1 time here." in page
    detail = client.get(Promotion.objects.get().get_absolute_url()).content.decode()
    assert "an approver overrode it" in detail
    assert WHY in detail
    assert "Owed then" in detail


# --- live, release, rollback ---------------------------------------------------------------


def test_publishing_and_making_live_in_one_step(client: Client, editor: Any) -> None:
    draft = make_version()
    assert "is published and live" in press(client, editor, "version_release", draft.pk)
    assert live_of(draft.automation) == draft
    assert Version.objects.get().published_by == editor


def test_in_production_an_editor_neither_releases_nor_half_releases(
    client: Client, editor: Any
) -> None:
    draft = make_version(make_automation(stage="production"))
    client.force_login(editor)
    answer = client.post(reverse("version_release", args=[draft.pk]))
    assert answer.status_code == 403
    draft.refresh_from_db()
    assert not draft.is_published
    assert not AuditEvent.objects.filter(action="publish version").exists()


def test_a_fault_in_a_release_is_named(client: Client, editor: Any) -> None:
    draft = make_version(user_prompt="On {{ contents }}.")
    assert "User prompt: " in press(client, editor, "version_release", draft.pk)


def test_a_draft_cannot_be_made_live(client: Client, editor: Any) -> None:
    assert "publish it first" in press(client, editor, "version_live", make_version().pk)


def test_a_button_on_a_versions_page_returns_there(
    client: Client, editor: Any, automation: Automation
) -> None:
    version = published(automation)
    client.force_login(editor)
    answer = client.post(reverse("version_live", args=[version.pk]), {"from": "version"})
    assert answer.headers["Location"] == version.get_absolute_url()


def test_what_has_to_wait_is_said_where_the_button_was(client: Client, approver: Any) -> None:
    Team.objects.create(pk=1, second_person=True)
    live = make_live(make_automation(stage="production"))
    version = published(live.automation)
    page = press(client, approver, "version_live", version.pk)
    assert "another approver must agree" in page
    assert live_of(live.automation) == live


def test_a_rollback_that_has_to_wait_says_so_before_and_after(
    client: Client, approver: Any
) -> None:
    Team.objects.create(pk=1, second_person=True)
    first = make_live(make_automation(stage="production"))
    second = make_live(first.automation)
    page = shown(client, approver, first.automation)
    assert "once another approver has agreed" in page
    assert "nothing tells that it was ever live" in page
    assert "Nobody else is asked" not in page
    page = press(client, approver, "rollback", first.automation.slug, seen=second.pk)
    assert "another approver must agree" in page
    assert "Waiting for a second person" in page
    assert live_of(first.automation) == second


@pytest.mark.parametrize("verdict", ["kill", "pivot"])
def test_a_verdict_against_it_is_said_and_can_be_overridden(
    client: Client, approver: Any, automation: Automation, verdict: str
) -> None:
    exempt_all(automation, *range(1, 17))
    make_prototype(automation, verdict=verdict, decided_at=timezone.now())
    page = shown(client, approver, automation)
    assert f"Not yet: the last verdict on its prototype is “{verdict}”" in page
    assert "Override the checklist" in page
    assert "Go to what is missing" not in page


def test_a_rollback_says_from_where_to_where_and_what_it_does_not_undo(
    client: Client, editor: Any, viewer: Any, automation: Automation
) -> None:
    second = make_live(automation)
    page = shown(client, editor, automation)
    assert "From v2 to v1, at once for new runs." in page
    assert f'name="seen" value="{second.pk}"' in page
    assert "What a rollback does not undo" in page
    page = press(client, editor, "rollback", automation.slug, seen=second.pk, reason="Oh no.")
    assert "v1 is live again" in page
    assert "Oh no." in page
    assert "v1 is live by now" in press(client, editor, "rollback", automation.slug, seen=second.pk)
    assert "Roll back to" not in shown(client, viewer, automation)


@pytest.mark.parametrize("seen", ["x", "-1", "9" * 400, "\x00", "²"])
def test_a_rollback_takes_no_nonsense(
    client: Client, editor: Any, automation: Automation, seen: str
) -> None:
    live = make_live(automation)
    press(client, editor, "rollback", automation.slug, seen=seen)
    automation.refresh_from_db()
    assert automation.live_version == live


def test_a_rehearsal_opens_what_it_found(
    client: Client, editor: Any, automation: Automation
) -> None:
    make_live(automation)
    page = press(client, editor, "rehearse", automation.slug)
    assert "What was looked at" in page
    assert "nothing tells that it was ever live" in page
    assert "none yet" not in shown(client, editor, automation)


# --- a request -----------------------------------------------------------------------------


def test_a_request_can_be_granted_where_it_is_shown(client: Client, waiting: Promotion) -> None:
    other = make_person("olga")
    other.groups.set(User.objects.get(username="approver").groups.all())
    page = shown(client, other, waiting.automation)
    assert "Agree, and do it now" in page
    assert "It is shorter." in page
    page = press(client, other, "promotion_decide", waiting.pk, decision="approve")
    assert "Agreed, and done." in page
    assert live_of(waiting.automation) == waiting.to_version


def test_while_a_request_waits_no_other_is_offered(client: Client, approver: Any) -> None:
    Team.objects.create(pk=1, second_person=True)
    automation = make_live().automation
    exempt_all(automation, *range(1, 17))
    assert "Ask: promote to production" in shown(client, approver, automation)
    services.promote(automation, "production", by=approver)
    page = shown(client, approver, automation)
    assert "Ask: promote to production" not in page
    assert "A request waits already" in page


def test_who_asked_is_offered_to_withdraw(
    client: Client, approver: Any, waiting: Promotion
) -> None:
    page = shown(client, approver, waiting.automation)
    assert "Agree, and do it now" not in page
    assert "Withdrawn; nothing has moved." in press(
        client, approver, "promotion_withdraw", waiting.pk
    )


def test_declining_without_an_answer_is_told(client: Client, waiting: Promotion) -> None:
    root = User.objects.create_superuser("root")
    page = press(client, root, "promotion_decide", waiting.pk, decision="decline")
    assert "Write why, in at least 3 characters." in page
    page = press(client, root, "promotion_decide", waiting.pk)
    assert "Choose: agree to the request, or decline it." in page
    sent = {"decision": "decline", "answer": "Not before the audit."}
    page = press(client, root, "promotion_decide", waiting.pk, **sent)
    assert "Declined; nothing has moved." in page


def test_what_changed_meanwhile_takes_the_button_away(client: Client, waiting: Promotion) -> None:
    root = User.objects.create_superuser("root")
    make_live(waiting.automation)
    page = shown(client, root, waiting.automation)
    assert "It cannot be granted as it was asked: v3 is live by now." in page
    assert "Agree, and do it now" not in page


# --- history and one move ------------------------------------------------------------------


def test_a_move_shows_its_boxes_then_and_now(client: Client, viewer: Any, editor: Any) -> None:
    automation = make_automation(stage="idea")
    exempt_all(automation, 1, 2, 3)
    made = services.promote(automation, "prototype", by=editor, reason="It scored 8.")
    Exemption.objects.all().delete()
    services.evaluate(automation)
    client.force_login(viewer)
    page = client.get(made.get_absolute_url()).content.decode()
    assert "3 boxes changed since" in page
    assert "Exempt until" in page
    assert "It scored 8." in page
    assert "29. Troubleshooting guide complete" in page


def test_a_move_without_its_checklist_says_so(
    client: Client, viewer: Any, automation: Automation
) -> None:
    made = make_promotion(automation, "stage", from_stage="idea", to_stage="prototype")
    client.force_login(viewer)
    assert "It was not kept" in client.get(made.get_absolute_url()).content.decode()


def test_a_strange_checklist_breaks_nothing(
    client: Client, viewer: Any, automation: Automation
) -> None:
    made = make_promotion(
        automation, "live", checklist={"boxes": [{"number": 99}, {"number": 1}]},
        owed=[{"number": 99, "due_on": "2026-01-01"}],
    )  # fmt: skip
    client.force_login(viewer)
    assert client.get(made.get_absolute_url()).status_code == 200


def test_the_history_is_paged_and_asks_as_often_for_many_as_for_few(
    client: Client, viewer: Any, editor: Any, automation: Automation,
    django_assert_max_num_queries: Any, django_assert_num_queries: Any,
) -> None:  # fmt: skip
    def rows(count: int) -> None:
        for _ in range(count):
            make_promotion(
                automation, "live", from_version=automation.live_version,
                to_version=automation.live_version, asked_by=editor, decided_by=editor,
            )  # fmt: skip

    rows(2)
    shown(client, viewer, automation)
    with django_assert_max_num_queries(30) as few:
        shown(client, viewer, automation)
    rows(40)
    with django_assert_num_queries(len(few)):
        page = shown(client, viewer, automation)
    assert "Older" in page
    oldest = Promotion.objects.order_by("-pk")[20].pk
    assert "Newer" in shown(client, viewer, automation, before=oldest)


def test_nothing_has_moved_yet(client: Client, viewer: Any) -> None:
    page = shown(client, viewer, make_automation())
    assert "Nothing has moved yet" in page
    assert "From the second one on there is a way back." in page


def test_for_strangers_there_is_no_such_page(
    client: Client, stranger: Any, automation: Automation
) -> None:
    made = make_promotion(automation)
    client.force_login(stranger)
    for address in (reverse("promotions", args=[automation.slug]), made.get_absolute_url()):
        assert client.get(address).status_code == 404


@pytest.mark.parametrize("name", ["automation_stage", "rollback", "rehearse"])
def test_buttons_take_no_get(client: Client, editor: Any, name: str) -> None:
    client.force_login(editor)
    assert client.get(reverse(name, args=["writer"])).status_code == 405


def test_huge_numbers_are_not_found(client: Client, superuser: Any) -> None:
    client.force_login(superuser)
    for name in ("version_live", "version_release", "promotion_decide", "promotion_withdraw"):
        assert client.post(reverse(name, args=[10**30])).status_code == 404
    assert client.get(reverse("promotion", args=[10**30])).status_code == 404

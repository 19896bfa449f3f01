"""The pages of versions: the list with its results, one version, drafting and publishing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from automations import recipes, results, services
from automations.errors import WrongState
from automations.models import Automation, Drill, Run, ValidatorRule, Version
from automations.results import Results, drills_of, results_of
from automations.templatetags.ui import DASH
from tests.makers import make_automation, make_live, make_run, make_try, make_version

pytestmark = pytest.mark.django_db

EVIL = "<script>document.title='owned'</script>"


def listed(client: Client, person: Any, slug: str = "writer", **query: Any) -> Any:
    client.force_login(person)
    return client.get(reverse("automation_versions", args=[slug]), query)


def opened(client: Client, person: Any, version: Version) -> str:
    client.force_login(person)
    return client.get(version.get_absolute_url()).content.decode()


def post(client: Client, person: Any, name: str, pk: int, **data: str) -> Any:
    client.force_login(person)
    return client.post(reverse(name, args=[pk]), data, follow=True)


# --- the list ------------------------------------------------------------------------------


def test_all_versions_are_listed_newest_first_with_their_state(client: Client, viewer: Any) -> None:
    old = make_live(note="The first.")
    live = make_live(old.automation)
    draft = make_version(old.automation)
    lines = listed(client, viewer).context["lines"]
    assert [(line.version, line.state) for line in lines] == [
        (draft, "draft"), (live, "live"), (old, "published"),
    ]  # fmt: skip


def test_the_list_goes_on_by_key(client: Client, viewer: Any) -> None:
    automation = make_automation()
    for _ in range(27):
        make_version(automation, rules=[])
    first = listed(client, viewer)
    assert len(first.context["lines"]) == 25
    older = client.get(
        reverse("automation_versions", args=["writer"]) + first.context["page"].older
    )
    assert [line.version.number for line in older.context["lines"]] == [2, 1]


def test_the_list_asks_the_same_number_of_questions_for_one_and_for_twenty(
    client: Client, editor: Any
) -> None:
    live = make_live()
    make_run(live, status="success")
    counts = []
    for size in (0, 19):
        for _ in range(size):
            version = make_live(live.automation, rules=[])
            make_run(version, status="success")
            Drill.objects.create(
                automation=live.automation, version=version, finished_at=timezone.now()
            )
        client.force_login(editor)
        client.get(reverse("automation_versions", args=["writer"]))
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get(reverse("automation_versions", args=["writer"]))
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_without_versions_the_list_says_so(client: Client, viewer: Any) -> None:
    make_automation()
    assert "No versions yet" in listed(client, viewer).content.decode()


def test_a_note_is_text_and_not_markup(client: Client, viewer: Any) -> None:
    version = make_live(note=EVIL, system_prompt=EVIL, user_prompt=f"{EVIL} {{{{ content }}}}")
    for page in (listed(client, viewer).content.decode(), opened(client, viewer, version)):
        assert "<script>document" not in page
        assert "&lt;script&gt;document" in page


@pytest.mark.parametrize(
    ("person", "offered", "missing"),
    [
        ("viewer", ["Compare"], ["Try<", "New draft", "Make live", "Edit<"]),
        ("operator", ["Try<"], ["New draft", "Make live", "Edit<"]),
        ("editor", ["Try<", "New draft from it", "Make live", "Edit<"], []),
        ("approver", ["Make live"], ["New draft", "Edit<"]),
    ],
)
def test_who_may_do_what_is_offered_only_that(
    client: Client, request: Any, person: str, offered: list[str], missing: list[str]
) -> None:
    old = make_live()
    make_live(old.automation)
    make_version(old.automation)
    page = listed(client, request.getfixturevalue(person)).content.decode()
    assert [words for words in offered if words not in page] == []
    assert [words for words in missing if words in page] == []


def test_in_production_only_the_approver_is_offered_to_make_live(
    client: Client, editor: Any, approver: Any
) -> None:
    old = make_live(make_automation(stage="production"))
    make_live(old.automation)
    assert "Make live" not in listed(client, editor).content.decode()
    assert "Make live" in listed(client, approver).content.decode()


# --- results -------------------------------------------------------------------------------


def test_results_are_of_runs_that_were_meant_and_have_ended() -> None:
    live = make_live()
    for ms, cost in ((1000, "0.002"), (3000, None), (2000, "0.004")):
        price = Decimal(cost) if cost else None
        make_run(live, status="success", execution_time_ms=ms, cost_usd=price)
    make_run(live, status="failed", is_sample=True, execution_time_ms=9)
    for left_out in ({"status": "cancelled"}, {"status": "queued"}):
        make_run(live, **left_out)
    make_try(live, status="success")
    found = results_of(live.automation)[live.pk]
    assert found == Results(4, 3, 2000, Decimal("0.003"), samples=1)
    assert found.percent == 75


def test_results_are_bounded_per_version_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "PER_VERSION", 2)
    monkeypatch.setattr(results, "NEWEST_RUNS", 4)
    old = make_live()
    make_run(old, status="success")
    new = make_live(old.automation)
    for _ in range(4):
        make_run(new, status="success")
    found = results_of(old.automation)
    assert {pk: result.runs for pk, result in found.items()} == {new.pk: 2}


def test_a_version_without_runs_has_a_dash_and_never_0_percent(client: Client, viewer: Any) -> None:
    version = make_live()
    assert Results().percent == 0
    page = opened(client, viewer, version)
    assert "0 %" not in page
    assert f"<dd>{DASH}</dd>" in page.replace("\n", "").replace(" ", "")


def test_sample_runs_are_named_as_such(client: Client, viewer: Any) -> None:
    make_run(make_live(), status="success", is_sample=True)
    assert "sample runs" in listed(client, viewer).content.decode()


def test_the_newest_finished_drill_counts() -> None:
    live = make_live()
    values = {"automation": live.automation, "version": live}
    for passed in (True, False):
        Drill.objects.create(**values, finished_at=timezone.now(), passed=passed)
    Drill.objects.create(**values)
    assert drills_of([live.pk])[live.pk].passed is False


# --- one version ---------------------------------------------------------------------------


def test_a_version_is_readable_as_a_whole(client: Client, viewer: Any) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    version = make_live(
        system_prompt="Be kind.", user_prompt="Shorten: {{ content }}", model="small-1",
        examples=[{"input": "A long text", "output": "A short one"}], fallback_models=["big-2"],
        output_schema=schema, output_template="{{ title }}", parameters={"seed": 7},
        note="Kinder.",
    )  # fmt: skip
    page = opened(client, viewer, version)
    wanted = (
        "Be kind.", "Shorten: {{ content }}", "small-1", "A short one", "big-2", "{{ title }}",
        "seed", "Kinder.", "at least 100, at most 50,000", "[Content]", "120 s a call",
    )  # fmt: skip
    assert [words for words in wanted if words not in page] == []


def test_the_page_of_a_version_is_its_address() -> None:
    version = make_live()
    assert version.get_absolute_url() == reverse("version", args=[version.pk])


def test_its_neighbours_are_one_click_away(client: Client, viewer: Any) -> None:
    first = make_live()
    second = make_live(first.automation)
    third = make_version(first.automation)
    page = opened(client, viewer, second)
    assert f'href="{first.get_absolute_url()}"' in page
    assert f'href="{third.get_absolute_url()}"' in page


def test_a_draft_that_nobody_has_written_says_so(client: Client, editor: Any) -> None:
    draft = make_version()
    assert "Nobody has written its prompts yet" in opened(client, editor, draft)
    written = make_version(make_automation("other"), system_prompt="Be kind.")
    assert "Nobody has written its prompts yet" not in opened(client, editor, written)


def test_an_input_that_no_prompt_uses_is_named(client: Client, editor: Any) -> None:
    draft = make_version(user_prompt="Write something.", note="x")
    assert recipes.unused_names(draft) == ["content"]
    assert "Neither prompt uses <code>content</code>" in opened(client, editor, draft)


# --- drafting and publishing ---------------------------------------------------------------


def test_a_draft_from_a_version_opens_in_its_form(client: Client, editor: Any) -> None:
    live = make_live(system_prompt="Be kind.")
    answer = post(client, editor, "version_draft", live.pk)
    draft = live.automation.versions.drafts().get()
    assert answer.redirect_chain == [(reverse("version_edit", args=[draft.pk]), 302)]
    assert draft.system_prompt == "Be kind."


def test_who_may_add_but_not_change_versions_sees_the_draft(client: Client, viewer: Any) -> None:
    live = make_live()
    viewer.user_permissions.add(_permission("add_version"))
    answer = post(client, viewer, "version_draft", live.pk)
    draft = live.automation.versions.drafts().get()
    assert answer.redirect_chain == [(draft.get_absolute_url(), 302)]


def _permission(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


def test_publishing_keeps_the_note_and_makes_nothing_live(client: Client, editor: Any) -> None:
    live = make_live()
    draft = make_version(live.automation)
    page = post(client, editor, "version_publish", draft.pk, note=" Shorter. ").content.decode()
    assert "is published; it is not live yet" in page
    draft.refresh_from_db()
    assert (draft.note, draft.is_published, draft.published_by) == ("Shorter.", True, editor)
    assert Automation.objects.get().live_version == live


@pytest.mark.parametrize("note", ["", "   ", "\x00"[:0]])
def test_a_later_version_needs_a_note(client: Client, editor: Any, note: str) -> None:
    draft = make_version(make_live().automation)
    page = post(client, editor, "version_publish", draft.pk, note=note).content.decode()
    assert "Say in a note what is different" in page
    assert not Version.objects.get(pk=draft.pk).is_published


def test_the_first_version_and_one_with_a_note_need_none(client: Client, editor: Any) -> None:
    first = make_version()
    post(client, editor, "version_publish", first.pk)
    second = make_version(first.automation, note="Kinder.")
    post(client, editor, "version_publish", second.pk)
    assert Version.objects.published().count() == 2


def test_a_note_of_strange_characters_is_kept_as_text(client: Client, editor: Any) -> None:
    draft = make_version(make_live().automation)
    post(client, editor, "version_publish", draft.pk, note=f"a\x00b{'x' * 500}")
    note = Version.objects.get(pk=draft.pk).note
    assert len(note) == 200
    assert "\x00" not in note


def test_what_is_published_is_what_is_stored(editor: Any) -> None:
    draft = make_version()
    opened_before = Version.objects.get(pk=draft.pk)
    draft.user_prompt = "Shorten: {{ content }}"
    services.save_draft(draft, by=editor)
    published = services.publish_version(opened_before, by=editor)
    assert published.user_prompt == "Shorten: {{ content }}"


def test_a_version_is_published_once(editor: Any) -> None:
    draft = make_version()
    services.publish_version(draft, by=editor)
    with pytest.raises(WrongState, match="is published already"):
        services.publish_version(Version.objects.get(), by=editor, note="Again.")
    assert Version.objects.get().note == ""


def test_the_automations_page_lists_the_newest_versions_and_leads_to_all(
    client: Client, viewer: Any
) -> None:
    live = make_live()
    client.force_login(viewer)
    page = client.get(live.automation.get_absolute_url()).content.decode()
    assert reverse("automation_versions", args=["writer"]) in page
    assert live.get_absolute_url() in page


def test_staff_come_from_the_admin_to_the_page(client: Client, editor: Any) -> None:
    live = make_live()
    client.force_login(editor)
    page = client.get(reverse("admin:automations_version_change", args=[live.pk])).content.decode()
    assert live.get_absolute_url() in page


# --- two versions --------------------------------------------------------------------------


def compared(client: Client, person: Any, version: Version, **query: Any) -> Any:
    client.force_login(person)
    return client.get(reverse("version_diff", args=[version.pk]), query)


def test_every_field_that_differs_is_shown_and_the_others_are_folded(
    client: Client, viewer: Any
) -> None:
    live = make_live(system_prompt="Be kind.", temperature=0.3, model="one")
    draft = make_version(live.automation, system_prompt="Be brief.", temperature=0.7, model="one")
    answer = compared(client, viewer, draft)
    recipe = answer.context["recipe"]
    assert {field.name for field in recipe.changed} == {"system_prompt", "temperature"}
    assert {"user_prompt", "model"} <= {part.name for part in recipe.same}
    page = answer.content.decode()
    assert "kind" in page
    assert "<del>" in page
    assert "<ins>" in page
    assert "unchanged fields" in page


def test_it_is_compared_with_the_live_version_else_the_one_before(
    client: Client, viewer: Any
) -> None:
    first = make_live()
    second = make_live(first.automation)
    draft = make_version(first.automation)
    for version, against in ((draft, second), (first, second), (second, first)):
        assert compared(client, viewer, version).context["against"] == against
    assert compared(client, viewer, draft, against=first.pk).context["against"] == first


def test_the_only_version_has_nothing_to_be_compared_with(client: Client, viewer: Any) -> None:
    page = compared(client, viewer, make_live()).content.decode()
    assert "There is nothing to compare with" in page


@pytest.mark.parametrize("against", ["0", "x", "9" * 30, "-1", "1.5", "\x00"])
def test_a_version_that_is_not_there_is_not_found(
    client: Client, viewer: Any, against: str
) -> None:
    version = make_live()
    assert compared(client, viewer, version, against=against).status_code == 404
    assert compared(client, viewer, version, to=against).status_code == 404


def test_versions_of_two_automations_are_not_compared(client: Client, viewer: Any) -> None:
    version, other = make_live(), make_live(make_automation("other"))
    assert compared(client, viewer, version, against=other.pk).status_code == 404
    assert compared(client, viewer, version, to=other.pk).status_code == 404


def test_two_versions_are_chosen_in_a_form(client: Client, viewer: Any) -> None:
    first = make_live()
    second = make_live(first.automation)
    third = make_version(first.automation)
    answer = compared(client, viewer, third, to=second.pk, against=first.pk)
    address = reverse("version_diff", args=[second.pk])
    assert answer.headers["Location"] == f"{address}?against={first.pk}"


def test_checks_that_came_went_or_changed_are_named(client: Client, viewer: Any) -> None:
    old = make_live(rules=[
        ("input", "length", {"min_stripped": 100, "max_raw": 50_000}),
        ("output", "no_secrets", {}),
    ])  # fmt: skip
    new = make_version(old.automation, rules=[
        ("input", "length", {"min_stripped": 200, "max_raw": 50_000}),
        ("output", "length", {"min_stripped": 50, "max_raw": 1_300}),
    ])  # fmt: skip
    checks = compared(client, viewer, new).context["recipe"].checks
    assert {(check.state, check.direction) for check in checks} == {
        ("changed", "Input"), ("added", "Output"), ("removed", "Output"),
    }  # fmt: skip


def test_checks_in_another_order_have_moved() -> None:
    rules: list[Any] = [("output", "no_secrets", {}), ("output", "length", {"max_raw": 900})]
    old, new = make_live(rules=rules), make_version(Automation.objects.get(), rules=rules[::-1])
    ValidatorRule.objects.filter(version=new, kind="no_secrets").update(position=1)
    assert {check.state for check in recipes.compare(old, new).checks} == {"moved"}


def test_equal_recipes_are_called_equal(client: Client, viewer: Any) -> None:
    live = make_live()
    draft = make_version(live.automation, note="Only the note differs.")
    assert "Nothing differs" in compared(client, viewer, draft).content.decode()


def test_a_script_in_a_prompt_is_text_in_a_difference(client: Client, viewer: Any) -> None:
    live = make_live(system_prompt=f"x {EVIL}", model=EVIL[:100])
    draft = make_version(live.automation, system_prompt=f"y {EVIL} {EVIL}", model="m")
    page = compared(client, viewer, draft).content.decode()
    assert "<script>document" not in page


def test_huge_prompts_are_compared_in_bounded_time(client: Client, viewer: Any) -> None:
    live = make_live(system_prompt="a " * 9_999, user_prompt="c " * 9_999)
    draft = make_version(live.automation, system_prompt="b a " * 4_999, user_prompt="d c " * 4_999)
    answer = compared(client, viewer, draft)
    assert answer.context["recipe"].is_coarse
    assert "shown as replaced" in answer.content.decode()


def test_a_run_leads_to_its_version(client: Client, viewer: Any) -> None:
    run: Run = make_run(status="success")
    assert run.version
    client.force_login(viewer)
    page = client.get(run.get_absolute_url()).content.decode()
    assert run.version.get_absolute_url() in page

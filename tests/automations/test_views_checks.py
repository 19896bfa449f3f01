"""The pages of a version's checks: in words, tried before they are saved, locked once live."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from automations import validators
from automations.models import Run, ValidatorRule, Version
from tests.automations.test_backtests import make_success
from tests.makers import make_live, make_run, make_version

pytestmark = pytest.mark.django_db

LONG_ENOUGH = "It is longer than fifty characters, so the published check lets it through."
STRICT = {"min_stripped": "0", "max_raw": "10"}
LOOSE = {"min_stripped": "0", "max_raw": "5000"}


@pytest.fixture
def draft(client: Client, editor: Any) -> Version:
    """A draft beside a live version; the editor, who is no staff, is signed in."""
    editor.is_staff = False
    editor.save()
    client.force_login(editor)
    return make_version(make_live().automation)


def output_rule(version: Version) -> ValidatorRule:
    return version.validator_rules.get(direction="output")


def page(client: Client, name: str, pk: int, **query: str) -> str:
    answer = client.get(reverse(name, args=[pk]), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def send(client: Client, address: str, do: str = "save", **fields: str) -> Any:
    return client.post(address, {"do": do, **fields}, follow=True)


def seen_in(answer: Any) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', answer.content.decode())
    assert found
    return found[1].replace("&quot;", '"')


# --- the list ------------------------------------------------------------------------------


def test_checks_are_listed_in_words_by_direction(client: Client, draft: Version) -> None:
    listed = page(client, "version_checks", draft.pk)
    assert listed.index("Input checks") < listed.index("at least 100, at most 50,000")
    assert listed.index("Output checks") < listed.index("at least 50, at most 1,300")
    assert reverse("check", args=[output_rule(draft).pk]) in listed
    assert "New output check" in listed


def test_a_version_without_checks_says_what_that_means(client: Client, draft: Version) -> None:
    draft.validator_rules.all().delete()
    listed = page(client, "version_checks", draft.pk)
    assert "No input checks" in listed
    assert "Whatever the model answers goes out." in listed


def test_a_published_version_is_read_only_and_offers_a_draft(
    client: Client, draft: Version
) -> None:
    live = draft.automation.live_version
    assert live
    listed = page(client, "version_checks", live.pk)
    assert "is published and never changes" in listed
    assert "New draft</button>" in listed
    for words in ("Remove", "New output check", "Edit"):
        assert words not in listed
    answer = client.post(reverse("version_draft", args=[live.pk]), {"from": "checks"})
    newest = Version.objects.order_by("-number")[0]
    assert answer.headers["Location"] == reverse("version_checks", args=[newest.pk])


@pytest.mark.parametrize("name", ["check", "check_new"])
def test_a_published_versions_check_has_no_form(client: Client, draft: Version, name: str) -> None:
    live = draft.automation.live_version
    assert live
    pk = output_rule(live).pk if name == "check" else live.pk
    assert "so its checks do not either" in page(client, name, pk)
    before = list(live.validator_rules.values())
    send(client, reverse(name, args=[pk]), **LOOSE)
    assert list(live.validator_rules.values()) == before


def test_who_may_only_look_sees_the_list_without_buttons(
    client: Client, viewer: Any, draft: Version
) -> None:
    client.force_login(viewer)
    listed = page(client, "version_checks", draft.pk)
    assert "at least 50, at most 1,300" in listed
    for words in ("Remove", "New output check", "Edit<", "New draft"):
        assert words not in listed


def test_checks_are_moved_and_removed(client: Client, draft: Version) -> None:
    first = output_rule(draft)
    second = ValidatorRule.objects.create(
        version=draft, direction="output", kind="length", position=1,
        settings={"min_stripped": 7, "max_raw": 70},
    )  # fmt: skip
    answer = client.post(reverse("check_move", args=[second.pk]), {"to": "up"}, follow=True)
    assert "The order is changed." in answer.content.decode()
    assert list(draft.validator_rules.filter(direction="output")) == [second, first]
    answer = client.post(reverse("check_remove", args=[second.pk]), follow=True)
    assert "“Length” is removed." in answer.content.decode()
    assert output_rule(draft) == first


# --- the form ------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["input", "output"])
def test_every_kind_has_its_form_with_its_help(
    client: Client, draft: Version, direction: str
) -> None:
    for kind in validators.kinds(direction):
        shown = client.get(
            reverse("check_new", args=[draft.pk]), {"direction": direction, "kind": kind}
        )
        known = validators.registry.get(kind)
        assert shown.status_code == 200
        assert escape(known.help) in shown.content.decode()
        for field in known.settings_form.base_fields:
            assert f'name="{field}"' in shown.content.decode()


@pytest.mark.parametrize(
    "query", [{"kind": "magic"}, {"direction": "sideways"}, {"direction": "", "kind": ""}]
)
def test_a_kind_or_direction_that_does_not_exist_is_not_found(
    client: Client, draft: Version, query: dict[str, str]
) -> None:
    assert client.get(reverse("check_new", args=[draft.pk]), query).status_code == 404


def test_a_new_check_begins_with_its_directions_defaults(client: Client, draft: Version) -> None:
    shown = page(client, "check_new", draft.pk, direction="input", kind="length")
    assert 'value="50000"' in shown
    assert "Try on the last 200 inputs" in shown


def test_faulty_settings_are_named_beside_their_field(client: Client, draft: Version) -> None:
    address = reverse("check", args=[output_rule(draft).pk])
    answer = send(client, address, min_stripped="many", max_raw="10")
    assert "Enter a whole number." in answer.content.decode()
    answer = send(client, address, min_stripped="11", max_raw="10")
    assert "no text can be both" in answer.content.decode()
    assert output_rule(draft).settings == {"min_stripped": 50, "max_raw": 1_300}


SAMPLES: dict[str, dict[str, Any]] = {
    "length": {"min_stripped": 3, "max_raw": 30},
    "regex": {"patterns": ["^Dear ", "colou?r"]},
    "phrases": {"phrases": ["as an AI", "game changer"]},
    "json_schema": {"schema": {"type": "object"}},
    "language": {"languages": ["en", "de"]},
}


@pytest.mark.parametrize("kind", validators.registry.kinds())
def test_what_is_saved_comes_back_in_the_form_and_in_words(
    client: Client, draft: Version, kind: str
) -> None:
    known = validators.registry.get(kind)
    direction = "output" if "output" in known.directions else "input"
    settings = validators.clean_settings(kind, SAMPLES.get(kind, {}), direction)
    rule = ValidatorRule.objects.create(
        version=draft, direction=direction, kind=kind, settings=settings
    )
    form = client.get(reverse("check", args=[rule.pk])).context["form"]
    shown = {field.html_name: field.value() for field in form}
    sent = {name: value for name, value in shown.items() if value not in (None, False)}
    answer = send(client, reverse("check", args=[rule.pk]), **sent)
    assert "The check is saved." in answer.content.decode()
    stored = ValidatorRule.objects.get(pk=rule.pk).settings
    assert stored == settings
    assert known.label in answer.content.decode()
    for word in ("{", "[", "None", "True"):
        assert kind == "json_schema" or word not in known.summary(stored)


# --- tried before it is saved --------------------------------------------------------------


def test_trying_shows_what_it_would_fail_and_saves_nothing(client: Client, draft: Version) -> None:
    run = make_success(draft.automation.live_version, LONG_ENOUGH)
    address = reverse("check", args=[output_rule(draft).pk])
    answer = send(client, address, do="try", **STRICT)
    shown = answer.content.decode()
    assert "It would have failed 1 of the last 1 successful outputs." in shown
    assert "at most 10 allowed" in shown
    assert reverse("run", args=[run.pk]) in shown
    assert "Save anyway" not in shown
    assert output_rule(draft).settings["max_raw"] == 1_300


def test_saving_what_would_have_failed_outputs_asks_first(client: Client, draft: Version) -> None:
    make_success(draft.automation.live_version, LONG_ENOUGH)
    address = reverse("check", args=[output_rule(draft).pk])
    first = send(client, address, **STRICT)
    assert "Nothing is saved yet." in first.content.decode()
    assert "Save anyway" in first.content.decode()
    assert output_rule(draft).settings["max_raw"] == 1_300
    second = send(client, address, seen=seen_in(first), **STRICT)
    assert "The check is saved." in second.content.decode()
    assert output_rule(draft).settings["max_raw"] == 10


def test_what_was_tried_is_saved_at_the_next_press(client: Client, draft: Version) -> None:
    make_success(draft.automation.live_version, LONG_ENOUGH)
    address = f"{reverse('check_new', args=[draft.pk])}?direction=output&kind=length"
    tried = send(client, address, do="try", **STRICT)
    assert draft.validator_rules.count() == 2
    send(client, address, seen=seen_in(tried), **STRICT)
    assert draft.validator_rules.filter(direction="output").count() == 2


def test_nothing_that_would_fail_outputs_is_saved_unseen(
    client: Client, draft: Version, superuser: Any
) -> None:
    make_success(draft.automation.live_version, LONG_ENOUGH)
    rule = output_rule(draft)
    address = reverse("check", args=[rule.pk])
    seen = seen_in(send(client, address, do="try", **STRICT))
    changed = {**STRICT, "max_raw": "9"}
    new = f"{reverse('check_new', args=[draft.pk])}?direction=output&kind=length"
    for where, mark, fields in (
        (address, "", STRICT),
        (address, seen + "x", STRICT),
        (address, seen.replace("10", "9"), changed),
        (address, seen, changed),
        (new, seen, STRICT),
    ):
        assert "Nothing is saved yet." in send(client, where, seen=mark, **fields).content.decode()
    client.force_login(superuser)  # somebody else has not seen it
    assert "Nothing is saved yet." in send(client, address, seen=seen, **STRICT).content.decode()
    assert list(draft.validator_rules.filter(direction="output")) == [rule]
    assert output_rule(draft).settings["max_raw"] == 1_300


def test_what_fails_nothing_is_saved_at_once_and_says_so(client: Client, draft: Version) -> None:
    make_success(draft.automation.live_version, LONG_ENOUGH)
    answer = send(client, reverse("check", args=[output_rule(draft).pk]), **LOOSE)
    words = "The check is saved. It would have failed none of the last 1 successful outputs."
    assert words in answer.content.decode()
    assert output_rule(draft).settings == {"min_stripped": 0, "max_raw": 5_000}


def test_without_any_output_it_is_saved_and_says_so(client: Client, draft: Version) -> None:
    answer = send(client, reverse("check", args=[output_rule(draft).pk]), **STRICT)
    assert "no successful outputs yet" in answer.content.decode()
    assert output_rule(draft).settings["max_raw"] == 10


def test_settings_that_did_not_change_need_no_trial(client: Client, draft: Version) -> None:
    make_success(draft.automation.live_version, "Too short.")
    same = {"min_stripped": "50", "max_raw": "1300"}
    answer = send(client, reverse("check", args=[output_rule(draft).pk]), **same)
    assert "The check is saved." in answer.content.decode()


def test_an_input_check_is_tried_on_inputs(client: Client, draft: Version) -> None:
    make_run(draft.automation.live_version, status="failed", input_data={"content": "x" * 99})
    rule = draft.validator_rules.get(direction="input")
    answer = send(client, reverse("check", args=[rule.pk]), do="try", **STRICT)
    assert "It would have failed 1 of the last 1 inputs." in answer.content.decode()


def test_script_in_an_output_is_shown_as_text(client: Client, draft: Version) -> None:
    evil = "<script>alert(1)</script>"
    make_success(draft.automation.live_version, evil)
    answer = send(client, reverse("check", args=[output_rule(draft).pk]), do="try", **STRICT)
    shown = answer.content.decode()
    assert evil not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_the_list_asks_as_much_for_many_checks(
    client: Client, draft: Version, django_assert_max_num_queries: Any
) -> None:
    for position in range(20):
        ValidatorRule.objects.create(
            version=draft, direction="output", kind="length", position=position,
            settings={"min_stripped": 1, "max_raw": 9},
        )  # fmt: skip
    with django_assert_max_num_queries(8):
        page(client, "version_checks", draft.pk)


def test_a_versions_page_leads_to_its_checks(client: Client, draft: Version) -> None:
    shown = client.get(draft.get_absolute_url()).content.decode()
    assert reverse("version_checks", args=[draft.pk]) in shown
    assert Run.objects.count() == 0

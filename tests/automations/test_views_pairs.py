"""Two versions tried on the same input: started together, shown side by side, kept."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from automations import pairs, services
from automations.errors import WrongState
from automations.models import AuditEvent, Automation, Delivery, Run, Version
from automations.playground import recent_inputs
from automations.views.pairs import _side
from tests.automations.engine.driving import claim_once, http_destination
from tests.makers import LONG_TEXT, make_automation, make_live, make_run, make_try, make_version
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db

INPUT = {"content": LONG_TEXT}
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def versions() -> tuple[Version, Version]:
    """Make a live version and a draft of the same automation."""
    live = make_live()
    return make_version(live.automation, system_prompt="Be brief.", note="Briefer."), live


def play(slug: str = "writer") -> str:
    return reverse("playground", args=[slug])


def send(client: Client, first: Version, second: Version | None, **fields: Any) -> Any:
    values = {
        "key": str(uuid.uuid4()), "version": first.pk, "in_content": LONG_TEXT,
        "against": second.pk if second else "", **fields,
    }  # fmt: skip
    return client.post(play(first.automation.slug), values)


def pair_address(one: Run, two: Run, name: str = "playground_pair", slug: str = "writer") -> str:
    return reverse(name, args=[slug, one.pk, two.pk])


def ended(version: Version, text: str | None, **values: Any) -> Run:
    """Make a try that has ended, with an answer if there is a text."""
    output = {"text": text} if text is not None else None
    defaults = {
        "status": "success", "output_data": output, "calls": 1, "input_tokens": 100,
        "output_tokens": 20, "cost_usd": Decimal("0.0002"),
    }  # fmt: skip
    return make_try(version, **{**defaults, **values})


def verdict(*, passed: bool, direction: str = "output", turn: int = 0) -> dict[str, Any]:
    return {"direction": direction, "turn": turn, "kind": "length", "label": "Length",
            "passed": passed, "message": "so long", "code": "", "category": ""}  # fmt: skip


# --- the verb ------------------------------------------------------------------------------


def test_a_pair_is_two_simulated_runs_of_one_input(operator: Any) -> None:
    draft, live = versions()
    one, two = services.try_pair(draft, live, INPUT, by=operator, key="k")
    assert [(run.version, run.is_simulated, run.origin) for run in (one, two)] == [
        (draft, True, "playground"), (live, True, "playground"),
    ]  # fmt: skip
    assert one.input_data == two.input_data == INPUT
    assert AuditEvent.objects.filter(action="start run", by=operator).count() == 2


def test_the_same_key_returns_the_same_pair(operator: Any) -> None:
    draft, live = versions()
    first = services.try_pair(draft, live, INPUT, by=operator, key="k")
    assert services.try_pair(draft, live, INPUT, by=operator, key="k") == first
    assert Run.objects.count() == 2


def test_both_start_or_neither(operator: Any) -> None:
    live = make_live()
    faulty = make_version(live.automation, user_prompt="On {{ nothing }}")
    with pytest.raises(ValidationError):
        services.try_pair(live, faulty, INPUT, by=operator, key="k")
    assert not Run.objects.exists()
    assert not AuditEvent.objects.filter(action="start run").exists()


def test_a_version_is_not_compared_with_itself_or_a_stranger(operator: Any) -> None:
    live = make_live()
    for other in (live, make_live(make_automation("other"))):
        with pytest.raises(WrongState, match="two different versions"):
            services.try_pair(live, other, INPUT, by=operator, key="k")


@pytest.mark.django_db(transaction=True)
def test_both_ask_the_model_and_nothing_is_delivered(
    answering: FakeProvider, operator: Any
) -> None:
    draft, live = versions()
    http_destination(live.automation, answering, "blog")
    runs = [claim_once(run) for run in services.try_pair(draft, live, INPUT, by=operator, key="k")]
    assert [(run.status, run.calls) for run in runs] == [("success", 1)] * 2
    assert not Delivery.objects.exists()


# --- the form ------------------------------------------------------------------------------


def test_the_newest_draft_is_compared_with_the_live_version(client: Client, editor: Any) -> None:
    client.force_login(editor)
    live = make_live()
    make_version(live.automation)
    draft = make_version(live.automation)
    form = client.get(play()).context["form"]
    assert (form["version"].value(), form["against"].value()) == (str(draft.pk), str(live.pk))
    assert "asked twice" in client.get(play()).content.decode()


@pytest.mark.parametrize(
    ("query", "against"),
    [("", "live"), ("against={old}", "old"), ("against=none", ""), ("against=x", "live"),
     ("version={live}", ""), ("version={live}&against={old}", "old")],
)  # fmt: skip
def test_the_address_says_what_to_compare(
    client: Client, operator: Any, query: str, against: str
) -> None:
    client.force_login(operator)
    old = make_live()
    live = make_live(old.automation)
    make_version(old.automation)
    known = {"live": str(live.pk), "old": str(old.pk), "": ""}
    form = client.get(f"{play()}?{query.format(**known)}").context["form"]
    assert form["against"].value() == known[against]


def test_an_old_version_can_be_tried_too(client: Client, operator: Any) -> None:
    client.force_login(operator)
    old = make_live()
    for _ in range(51):
        make_version(old.automation, rules=[])
    make_live(old.automation)
    Automation.objects.get()
    form = client.get(f"{play()}?version={old.pk}").context["form"]
    assert form["version"].value() == str(old.pk)


def test_sending_the_form_shows_both(client: Client, editor: Any) -> None:
    client.force_login(editor)
    draft, live = versions()
    answer = send(client, draft, live)
    one, two = Run.objects.order_by("pk")
    assert answer.headers["Location"] == pair_address(one, two)
    assert (one.version, two.version) == (draft, live)


def test_the_form_sent_twice_shows_the_same_pair_and_a_changed_one_another(
    client: Client, editor: Any
) -> None:
    client.force_login(editor)
    draft, live = versions()
    key = str(uuid.uuid4())
    first = send(client, draft, live, key=key).headers["Location"]
    assert send(client, draft, live, key=key).headers["Location"] == first
    assert Run.objects.count() == 2
    other = send(client, draft, live, key=key, in_content=LONG_TEXT + " More.")
    assert other.headers["Location"] != first
    draft.system_prompt = "Be kind."
    services.save_draft(draft, by=editor)
    assert send(client, draft, live, key=key).headers["Location"] not in {
        first, other.headers["Location"],
    }  # fmt: skip


def test_alone_it_is_tried_as_before(client: Client, editor: Any) -> None:
    client.force_login(editor)
    draft, _ = versions()
    answer = send(client, draft, None)
    assert answer.headers["Location"] == Run.objects.get().get_absolute_url()


def test_the_same_version_twice_is_refused_beside_its_field(client: Client, editor: Any) -> None:
    client.force_login(editor)
    draft, _ = versions()
    answer = send(client, draft, draft)
    assert "Choose another version" in str(answer.context["form"].errors["against"])
    assert not Run.objects.exists()


def test_the_version_that_has_a_fault_is_named(client: Client, editor: Any) -> None:
    client.force_login(editor)
    live = make_live()
    good = make_version(live.automation)
    faulty = make_version(live.automation, user_prompt="On {{ nothing }}")
    for first, second in ((good, faulty), (faulty, good), (faulty, live)):
        page = send(client, first, second).content.decode()
        assert f"{faulty} cannot be tried yet" in page


def test_past_inputs_are_offered_each_once(client: Client, operator: Any) -> None:
    client.force_login(operator)
    live = make_live()
    for text in ("One.", "Two.", "Two.", EVIL):
        make_run(live, input_data={"content": text})
    make_run(live, input_data={})
    make_try(live, input_data={"content": "A try."})
    assert [past.words for past in recent_inputs(live.automation)] == [EVIL, "Two.", "One."]
    page = client.get(play()).content.decode()
    assert "<script>document" not in page
    assert f"?run={Run.objects.get(input_data={'content': 'One.'}).pk}&amp;version=" in page


# --- the page ------------------------------------------------------------------------------


def test_both_answers_are_shown_with_what_differs(client: Client, editor: Any) -> None:
    client.force_login(editor)
    draft, live = versions()
    checked = verdict(passed=True, direction="input")
    good, bad = verdict(passed=True), verdict(passed=False)
    one = ended(draft, "A short text.", execution_time_ms=1000, output_tokens=8,
                verdicts=[checked, good])  # fmt: skip
    two = ended(live, "A long text.", execution_time_ms=1400, verdicts=[checked, bad])
    page = client.get(pair_address(one, two)).content.decode()
    wanted = (
        "A short text.", "A long text.", "400 ms faster", "10 % fewer", "1 fewer failed",
        "Both have answered", "System prompt.", f"?run={one.pk}&amp;version={draft.pk}",
    )  # fmt: skip
    assert [words for words in wanted if words not in page] == []


def test_while_they_run_the_page_asks_and_when_both_ended_it_stops(
    client: Client, viewer: Any
) -> None:
    client.force_login(viewer)
    draft, live = versions()
    one, two = make_try(draft), ended(live, "Done.")
    page = client.get(pair_address(one, two))
    assert "appear here by themselves" in page.content.decode()
    asked = pair_address(one, two, "playground_progress")
    assert client.get(f"{asked}?mark={page.context['mark']}").status_code == 204
    assert client.get(f"{asked}?mark=other").status_code == 200
    services.cancel_run(one, by=services.SYSTEM)
    answer = client.get(f"{asked}?mark={page.context['mark']}")
    assert answer.status_code == 286
    words = answer.content.decode()
    assert "hx-get" not in words
    assert f"v{live.number} has answered, v{draft.number} has not" in words


def test_a_try_that_never_asked_the_model_is_not_called_fast(client: Client, viewer: Any) -> None:
    client.force_login(viewer)
    draft, live = versions()
    one = ended(draft, None, status="failed", calls=0, error_message="Too short.")
    two = ended(live, "Done.")
    page = client.get(pair_address(one, two)).content.decode()
    assert "faster" not in page
    assert "Too short." in page


def test_scripts_in_outputs_and_inputs_are_text(client: Client, viewer: Any) -> None:
    client.force_login(viewer)
    draft, live = versions()
    given = {"content": EVIL}
    one = ended(draft, f"a {EVIL}", input_data=given)
    two = ended(live, f"b {EVIL} {EVIL}", input_data=given)
    page = client.get(pair_address(one, two)).content.decode()
    assert "<script>document" not in page
    assert "<img src=x" not in page


@pytest.mark.parametrize("changed", [
    {"input_data": {"content": "Another."}}, {"origin": "person"}, {"is_simulated": False},
    {"origin": "drill"},
])  # fmt: skip
def test_what_is_no_pair_is_not_found(client: Client, viewer: Any, changed: dict[str, Any]) -> None:
    client.force_login(viewer)
    draft, live = versions()
    one, two = make_try(draft), make_try(live)
    assert client.get(pair_address(one, two)).status_code == 200
    assert client.get(pair_address(one, one)).status_code == 404
    Run.objects.filter(pk=two.pk).update(**changed)
    for name in ("playground_pair", "playground_progress"):
        assert client.get(pair_address(one, two, name)).status_code == 404


def test_a_pair_of_another_automation_is_not_found(client: Client, viewer: Any) -> None:
    client.force_login(viewer)
    draft, live = versions()
    make_automation("other")
    one, two = make_try(draft), make_try(live)
    assert client.get(pair_address(one, two, slug="other")).status_code == 404
    stranger = make_try(make_live(Automation.objects.get(slug="other")))
    assert client.get(pair_address(one, stranger)).status_code == 404


def test_huge_keys_are_not_found(client: Client, viewer: Any) -> None:
    client.force_login(viewer)
    make_live()
    huge = reverse("playground_pair", args=["writer", 2**63 - 1, 9**30])
    assert client.get(huge).status_code == 404


# --- keeping it ----------------------------------------------------------------------------


def test_the_draft_is_kept_with_a_note(client: Client, editor: Any) -> None:
    client.force_login(editor)
    draft, live = versions()
    one, two = ended(draft, "One."), ended(live, "Two.")
    page = client.get(pair_address(one, two)).content.decode()
    assert reverse("version_publish", args=[draft.pk]) in page
    assert reverse("version_edit", args=[draft.pk]) + f"?run={one.pk}" in page
    values = {"note": "Shorter.", "from": "version"}
    answer = client.post(reverse("version_publish", args=[draft.pk]), values)
    assert answer.headers["Location"] == draft.get_absolute_url()
    draft.refresh_from_db()
    assert (draft.is_published, draft.note) == (True, "Shorter.")
    assert Automation.objects.get().live_version == live


def test_a_draft_that_changed_since_is_not_kept_unseen(client: Client, editor: Any) -> None:
    client.force_login(editor)
    draft, live = versions()
    one, two = ended(draft, "One."), ended(live, "Two.")
    draft.system_prompt = "Be kind."
    services.save_draft(draft, by=editor)
    page = client.get(pair_address(one, two)).content.decode()
    assert "editor changed v2" in page
    assert reverse("version_publish", args=[draft.pk]) not in page


def test_a_check_that_changed_counts_as_a_change(editor: Any) -> None:
    draft, _ = versions()
    side = _side(draft.automation, ended(draft, "One."), "a")
    assert pairs.changed_since(side) is None
    rule = draft.validator_rules.all()[0]
    services.remove_check(rule, by=editor)
    change = pairs.changed_since(side)
    assert change is not None
    assert change.action == "remove check"


def test_from_two_published_versions_a_draft_is_made(client: Client, editor: Any) -> None:
    client.force_login(editor)
    old = make_live()
    live = make_live(old.automation)
    page = client.get(pair_address(ended(old, "One."), ended(live, "Two."))).content.decode()
    assert f"New draft from v{old.number}" in page
    assert f"New draft from v{live.number}" in page


def test_a_viewer_looks_and_is_offered_nothing(client: Client, viewer: Any) -> None:
    client.force_login(viewer)
    draft, live = versions()
    page = client.get(pair_address(ended(draft, "One."), ended(live, "Two."))).content.decode()
    for words in ("as a version", "Edit this draft", "Change and try again"):
        assert words not in page


# --- the numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        ({"execution_time_ms": 500}, {"execution_time_ms": 500}, "the same"),
        ({"execution_time_ms": 3000}, {"execution_time_ms": 1000}, "2.0 s slower"),
        ({"output_tokens": 140}, {"output_tokens": 20}, "100 % more"),
        ({"cost_usd": None}, {}, "$0.000200"),
        ({"cost_usd": Decimal("0.0001")}, {}, "50 % less"),
        ({"cost_usd": Decimal(1)}, {"cost_usd": Decimal(0)}, "more"),
        ({"verdicts": []}, {"verdicts": []}, "neither has any"),
    ],
)
def test_differences_are_said_in_words(
    one: dict[str, Any], two: dict[str, Any], words: str
) -> None:
    draft, live = versions()
    sides = [
        _side(draft.automation, ended(version, "Text.", **values), "x")
        for version, values in ((draft, one), (live, two))
    ]
    figures = pairs.figures_of(*sides)
    assert any(words in f"{figure.words} {figure.note}" for figure in figures)


def test_only_the_last_answers_checks_are_shown() -> None:
    draft, _ = versions()
    run = ended(draft, "Text.", verdicts=[
        verdict(passed=True, direction="input"), verdict(passed=False), verdict(passed=True, turn=1)
    ])  # fmt: skip
    assert [found.passed for found in pairs.verdicts_of(run)] == [True, True]

"""The checklist for programs: the command and the API print the same."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from lifecycle.models import BoxState
from lifecycle.phases import BOXES
from tests.automations.api.calling import Program, error_of
from tests.lifecycle.makers import make_checklist
from tests.makers import make_automation

pytestmark = pytest.mark.django_db


def show(*arguments: str) -> str:
    out = StringIO()
    call_command("show_checklist", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def world(settings: Any) -> None:
    """An automation in phase 3 with a box owed, a row used and a next step."""
    settings.SITE_URL = "https://lifecycle.example"
    automation = make_automation(stage="production")
    moment = (timezone.now() - timedelta(days=40)).isoformat()
    make_checklist(automation, 1, 2, 3, 4, 5, 6, left={"1": moment, "2": moment})
    step = {"step": "Start a drill", "step_url": "/automations/writer/drill/"}
    BoxState.objects.filter(number=8).update(rows=[["Run 7", "/runs/7/"]], **step)


def test_it_prints_all_boxes_by_phase(world: None) -> None:
    shown = show("writer")
    assert shown.startswith("writer (production): 6 of 29 boxes, phase 3, Reliability engineering")
    assert "Next: Start a drill  https://lifecycle.example/automations/writer/drill/" in shown
    for number, box in BOXES.items():
        assert f"{number:>2} {box.title}" in shown
    assert "[x]  1 ELPUT score calculated (must): met" in shown
    assert "[ ]  8 Error handling implemented (must): not met" in shown
    assert "Late, was due" in shown


def test_brief_is_two_lines(world: None) -> None:
    assert len(show("writer", "--brief").splitlines()) == 2


def test_the_json_has_stable_keys(world: None) -> None:
    shown = json.loads(show("writer", "--json"))
    assert set(shown) == {
        "automation", "name", "stage", "page", "phase", "satisfied", "total", "production_ready",
        "next_step", "phases", "owed", "evaluated_at",
    }  # fmt: skip
    assert shown["automation"] == "writer"
    assert shown["phase"]["number"] == 3
    assert (shown["satisfied"], shown["total"]) == (6, 29)
    drill = "https://lifecycle.example/automations/writer/drill/"
    assert shown["next_step"] == {"label": "Start a drill", "url": drill}
    boxes = [box for phase in shown["phases"] for box in phase["boxes"]]
    assert [box["number"] for box in boxes] == list(BOXES)
    assert set(boxes[7]) == {
        "number", "title", "must", "state", "why", "since", "rows", "next_step",
    }  # fmt: skip
    assert boxes[7]["rows"] == [{"label": "Run 7", "url": "https://lifecycle.example/runs/7/"}]
    [owed] = shown["owed"]
    assert (owed["number"], owed["is_late"]) == (7, True)


def test_when_all_may_be_left_there_is_no_phase() -> None:
    make_checklist(make_automation(stage="production"), *BOXES)
    shown = json.loads(show("writer", "--json"))
    assert shown["phase"] is None
    assert shown["production_ready"] is True
    assert "all seven phases may be left" in show("writer")


@pytest.mark.parametrize(
    ("slug", "says"),
    [
        ("writr", "did you mean writer?"),
        ("zzz", "known: writer."),
        ("x" * 300, "known: writer."),
        ("a\x00b", "known: writer."),
    ],
)
def test_an_unknown_name_ends_with_2_and_names_close_ones(slug: str, says: str) -> None:
    make_automation()
    with pytest.raises(CommandError, match="There is no automation") as caught:
        show(slug)
    assert caught.value.returncode == 2
    assert says in str(caught.value)


def test_without_automations_it_names_the_demo() -> None:
    with pytest.raises(CommandError, match="load_demo"):
        show("writer")


# --- the API -------------------------------------------------------------------------------


def test_the_api_gives_the_same(world: None, viewer: User) -> None:
    answer = Program.of(viewer).get("/automations/writer/checklist")
    assert answer.status_code == 200
    assert answer.json() == json.loads(show("writer", "--json"))


def test_the_api_hides_what_one_may_not_know(world: None, viewer: User, stranger: User) -> None:
    assert Program.of(viewer).get("/automations/nothing/checklist").status_code == 404
    answer = Program.of(stranger).get("/automations/writer/checklist")
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "not_found"


def test_the_right_to_see_checklists_is_asked_for(world: None, stranger: User) -> None:
    from django.contrib.auth.models import Permission

    right = Permission.objects.get(codename="view_automation")
    stranger.user_permissions.add(right)
    assert Program.of(stranger).get("/automations/writer/checklist").status_code == 404


def test_the_operation_is_in_the_document(viewer: User) -> None:
    document = Program().get("/openapi.json").json()
    described = document["paths"]["/api/v1/automations/{slug}/checklist"]["get"]
    assert described["operationId"] == "get_checklist"
    assert described["security"] == [{"Bearer": ["automations:read"]}]

"""Next steps: a button for who may take them, for others a sentence that says who can."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from automations import roles as ground
from lifecycle import roles
from lifecycle.capable import EITHER, RIGHTS, who_else
from lifecycle.evidence.base import Link, to
from tests.makers import make_automation, make_live

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "may", "said"),
    [
        ("automation_run", "operator", "An operator can do this."),
        ("scorecard_new", "editor", "An editor can do this."),
        ("promotions", "approver", "An editor can do this."),
    ],
)
def test_who_can_is_said_to_who_cannot(
    name: str, may: str, said: str, viewer: Any, request: pytest.FixtureRequest
) -> None:
    step = to("Do it", name, "writer")
    assert who_else(step, viewer) == said
    assert who_else(step, request.getfixturevalue(may)) == ""


def test_what_everybody_may_look_at_is_a_button(viewer: Any) -> None:
    assert who_else(to("Trace", "run_trace", 1), viewer) == ""
    assert who_else(Link("Look", "https://example.com/"), viewer) == ""


def test_rights_are_rights_of_a_role() -> None:
    known = set().union(*ground.ROLES.values(), *roles.ROLES.values())
    asked = {*RIGHTS.values(), *(right for rights in EITHER.values() for right in rights)}
    assert asked <= known


@pytest.mark.parametrize("name", ["checklist", "automation", "prototype"])
def test_a_viewer_is_led_into_no_refusal(name: str, client: Client, viewer: Any) -> None:
    automation = make_live(make_automation(stage="idea")).automation
    client.force_login(viewer)
    shown = client.get(reverse(name, args=[automation.slug])).content.decode()
    assert "can do this." in shown
    for refused in ("automation_run", "scorecard_new"):
        assert f'href="{reverse(refused, args=["writer"])}"' not in shown

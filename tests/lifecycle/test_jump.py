"""What the search box can jump to, and for whom."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from automations.models import Automation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_automations() -> None:
    """A pair, made in the wrong order."""
    Automation.objects.create(name="Ticket classifier", slug="ticket_classifier")
    Automation.objects.create(name="Content repurposer", slug="content_repurposer")


def test_a_viewer_may_jump_to_every_automation(client: Client) -> None:
    user = User.objects.create_user("viewer")
    user.groups.add(Group.objects.get(name="Viewers"))
    client.force_login(user)
    entries = client.get(reverse("jump")).json()["entries"]
    assert [entry["text"] for entry in entries] == ["Content repurposer", "Ticket classifier"]
    assert entries[0]["href"] == reverse("automation", args=["content_repurposer"])


def test_who_may_not_see_automations_learns_nothing(client: Client) -> None:
    client.force_login(User.objects.create_user("nobody"))
    assert client.get(reverse("jump")).json() == {"entries": []}


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    assert client.get(reverse("jump")).headers["Location"].startswith(reverse("admin:login"))


def test_it_is_read_only(client: Client) -> None:
    client.force_login(User.objects.create_user("nobody"))
    assert client.post(reverse("jump")).status_code == 405

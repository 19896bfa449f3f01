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
    assert [entry["text"] for entry in entries[:2]] == ["Content repurposer", "Ticket classifier"]
    assert entries[0]["href"] == reverse("automation", args=["content_repurposer"])


def test_the_pages_of_automations_can_be_jumped_to(client: Client) -> None:
    user = User.objects.create_user("editor")
    user.groups.add(Group.objects.get(name="Editors"))
    client.force_login(user)
    found = {
        entry["text"]: entry["href"] for entry in client.get(reverse("jump")).json()["entries"]
    }
    address = reverse("checklist", args=["ticket_classifier"])
    assert found["Ticket classifier: Checklist"] == address
    assert found["New idea"] == reverse("idea_new")
    assert "Ticket classifier: Overview" not in found


def test_who_may_not_add_does_not_jump_to_a_new_idea(client: Client) -> None:
    user = User.objects.create_user("viewer")
    user.groups.add(Group.objects.get(name="Viewers"))
    client.force_login(user)
    assert "New idea" not in client.get(reverse("jump")).content.decode()


def test_who_may_not_see_automations_learns_nothing(client: Client) -> None:
    client.force_login(User.objects.create_user("nobody"))
    assert client.get(reverse("jump")).json() == {"entries": []}


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    assert client.get(reverse("jump")).headers["Location"].startswith(reverse("admin:login"))


def test_it_is_read_only(client: Client) -> None:
    client.force_login(User.objects.create_user("nobody"))
    assert client.post(reverse("jump")).status_code == 405

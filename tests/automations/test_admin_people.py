"""Accounts in the admin: roles are given by administrators, superusers are made by superusers."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from automations.models import AuditEvent
from tests.automations.test_admin import submit

pytestmark = pytest.mark.django_db


def page_of(user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])


def test_an_administrator_gives_a_role(client: Client, admin: Any, stranger: Any) -> None:
    client.force_login(admin)
    role = Group.objects.get(name="Operators")
    answer = submit(client, page_of(stranger), groups=[role.pk])
    assert answer.status_code == 302
    assert User.objects.get(pk=stranger.pk).has_perm("automations.start_run")
    event = AuditEvent.objects.get(action="save person")
    assert (event.by, event.object_name, event.after) == (
        admin, "stranger", {"roles": ["Operators"]},
    )  # fmt: skip


def test_an_administrator_makes_nobody_a_superuser(client: Client, admin: Any) -> None:
    client.force_login(admin)
    right = Permission.objects.get(codename="make_live")
    fields = {"is_superuser": "on", "user_permissions": [right.pk], "first_name": "Ada"}
    assert submit(client, page_of(admin), **fields).status_code == 302
    admin.refresh_from_db()
    assert admin.first_name == "Ada"
    assert not admin.is_superuser
    assert not admin.user_permissions.exists()


def test_an_administrator_does_not_take_a_superusers_account(
    client: Client, admin: Any, superuser: Any
) -> None:
    client.force_login(admin)
    before = superuser.password
    password = reverse("admin:auth_user_password_change", args=[superuser.pk])
    fields = {"password1": "taken-over-77", "password2": "taken-over-77"}
    assert client.post(password, fields).status_code == 403
    assert client.post(page_of(superuser), {"username": "mine"}).status_code == 403
    superuser.refresh_from_db()
    assert (superuser.username, superuser.password) == ("root", before)


def test_a_superuser_makes_a_superuser(client: Client, superuser: Any, viewer: Any) -> None:
    client.force_login(superuser)
    submit(client, page_of(viewer), is_superuser="on")
    viewer.refresh_from_db()
    assert viewer.is_superuser


@pytest.mark.parametrize("person", ["viewer", "operator", "editor", "approver"])
def test_other_roles_do_not_see_accounts(client: Client, request: Any, person: str) -> None:
    client.force_login(request.getfixturevalue(person))
    assert client.get(reverse("admin:auth_user_changelist")).status_code == 403

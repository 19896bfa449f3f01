"""The admin site: who signs in, who signs out, and what it never shows."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from lifecycle import sidebar
from lifecycle.admin_site import LifecycleAdminSite

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture
def person() -> User:
    """Somebody who is not staff."""
    return User.objects.create_user("viewer", password=PASSWORD)


def test_the_default_site_is_ours() -> None:
    assert isinstance(admin.site._wrapped, LifecycleAdminSite)  # type: ignore[attr-defined]


def test_the_queues_own_rows_cannot_be_edited() -> None:
    labels = {model._meta.app_label for model in admin.site._registry}
    assert "auth" in labels
    assert "django_q" not in labels


def test_who_is_not_staff_signs_in_and_lands_on_the_first_page(
    client: Client, person: User
) -> None:
    page = client.get(reverse("admin:login"))
    assert page.context["next"] == sidebar.home()
    form = {"username": "viewer", "password": PASSWORD, "next": sidebar.home()}
    answer = client.post(reverse("admin:login"), form)
    assert answer.status_code == 302
    assert answer.headers["Location"] == sidebar.home()


def test_who_is_not_staff_does_not_enter_the_admin(client: Client, person: User) -> None:
    client.force_login(person)
    answer = client.get(reverse("admin:index"))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("admin:login"))
    page = client.get(answer.headers["Location"])
    assert "You are signed in as viewer" in page.content.decode()


def test_a_foreign_address_after_signing_in_is_not_followed(client: Client, person: User) -> None:
    form = {"username": "viewer", "password": PASSWORD, "next": "https://evil.example/"}
    answer = client.post(reverse("admin:login"), form)
    assert "evil" not in answer.headers["Location"]


def test_who_is_not_staff_signs_out_by_a_post(client: Client, person: User) -> None:
    client.force_login(person)
    assert client.get(reverse("admin:logout")).status_code == 405
    page = client.post(reverse("admin:logout"))
    assert "Sign in again" in page.content.decode()
    assert "_auth_user_id" not in client.session


def test_who_is_not_staff_changes_the_own_password(client: Client, person: User) -> None:
    client.force_login(person)
    assert client.get(reverse("admin:password_change")).status_code == 200
    new = "staple battery correct 7"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    answer = client.post(reverse("admin:password_change"), form)
    assert answer.headers["Location"] == reverse("admin:password_change_done")
    person.refresh_from_db()
    assert person.check_password(new)


@pytest.mark.parametrize("name", ["password_change", "password_change_done"])
def test_the_password_pages_ask_strangers_to_sign_in(client: Client, name: str) -> None:
    answer = client.get(reverse(f"admin:{name}"))
    assert answer.headers["Location"].startswith(reverse("admin:login"))


def test_a_moment_survives_a_form_that_nobody_touched(admin_client: Client) -> None:
    user = User.objects.create_user("clock")
    page = admin_client.get(reverse("admin:auth_user_change", args=[user.pk]))
    form = page.context["adminform"].form
    shown = {field.html_name: field.value() for field in form}
    assert 'type="datetime-local"' in str(form["date_joined"])
    data = {name: value for name, value in shown.items() if value not in (None, [], False)}
    data["date_joined"] = form["date_joined"].value().strftime("%Y-%m-%dT%H:%M:%S")
    before = user.date_joined.replace(microsecond=0)
    answer = admin_client.post(reverse("admin:auth_user_change", args=[user.pk]), data)
    assert [str(message) for message in get_messages(answer.wsgi_request)]
    user.refresh_from_db()
    assert user.date_joined.replace(microsecond=0) == before


@pytest.mark.parametrize("path", ["auth/user/", "auth/user/add/", "auth/group/", ""])
def test_the_admins_pages_name_what_they_show(admin_client: Client, path: str) -> None:
    page = admin_client.get(f"/admin/{path}").content.decode()
    assert "Select " not in page.split("<main")[1].split("</h1>")[0]
    assert page.count("<h1") == 1
    assert "| Lifecycle</title>" in page

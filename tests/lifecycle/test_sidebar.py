"""Who sees what in the sidebar, and which entry is the current one."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.test import RequestFactory

from lifecycle import sidebar

pytestmark = pytest.mark.django_db


def links(user: Any, path: str = "/") -> dict[str, sidebar.Link]:
    """Return the links that a person sees on a page, by label."""
    request = RequestFactory().get(path)
    request.user = user
    return {link.label: link for group in sidebar.sidebar_for(request) for link in group.links}


def person(*, role: str = "", staff: bool = True, **fields: Any) -> User:
    """Return a user, in a role when one is named."""
    user = User.objects.create_user("p", is_staff=staff, **fields)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def test_nobody_sees_nothing() -> None:
    assert links(AnonymousUser()) == {}


def test_an_administrator_sees_people_and_all_settings() -> None:
    seen = links(person(is_superuser=True))
    assert {"Home", "People", "All settings"} <= set(seen)
    assert seen["People"].url == "/admin/auth/user/"


def test_a_viewer_does_not_see_people() -> None:
    seen = links(person(role="Viewers"))
    assert "Home" in seen
    assert "People" not in seen


def test_who_is_not_staff_gets_no_link_into_the_admin() -> None:
    seen = links(person(staff=False, is_superuser=True))
    assert "Home" in seen
    assert [link.label for link in seen.values() if link.url.startswith("/admin/")] == []


def test_pages_that_do_not_exist_are_left_out() -> None:
    entry = sidebar.Entry("Nowhere", "home", ("nowhere",))
    request = RequestFactory().get("/")
    request.user = person()
    assert sidebar._visible([entry], request) == []


def test_the_most_exact_entry_is_the_current_one() -> None:
    seen = links(person(is_superuser=True), "/admin/auth/user/7/change/")
    assert [link.label for link in seen.values() if link.current] == ["People"]


def test_the_first_page_is_current_only_when_it_is_the_page_itself() -> None:
    user = person(is_superuser=True)
    assert not links(user, "/elsewhere/")["Home"].current


def test_a_section_belongs_to_its_entry() -> None:
    entry = sidebar.Entry("Runs", "run", ("x",), section="/runs/")
    assert sidebar._current([(entry, "/admin/run/")], "/runs/7/") == "/admin/run/"


def test_an_entry_shows_its_count() -> None:
    entry = sidebar.Entry("Reviews", "review", ("x",), count=lambda _user: 12)
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    assert sidebar._link(entry, "/reviews/", "", request).count == 12

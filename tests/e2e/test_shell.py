"""The frame around every page, in a real browser: keys, palette, theme, drawer, cards."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import NoReverseMatch, reverse
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Check, Open, visit

LOOKS = [
    pytest.param({"wide": wide, "dark": dark}, id=f"{'wide' if wide else 'phone'}-{name}")
    for wide in (True, False)
    for dark, name in ((False, "light"), (True, "dark"))
]


def admin_pages() -> list[str]:
    """Return the list and the empty form of every model in the admin, and the index."""
    names = [
        f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
        for model in admin.site._registry
        for page in ("changelist", "add")
    ]
    return [address for name in ("admin:index", *names) if (address := _reverse(name))]


def _reverse(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


@pytest.mark.parametrize("look", LOOKS)
def test_every_admin_page_can_be_used_by_everybody(
    open_page: Open, accessible: Check, look: dict[str, bool]
) -> None:
    page = open_page(reverse("admin:index"), **look)
    seen = 0
    for address in admin_pages():
        visit(page, address)
        if page.locator("h1").inner_text() == "You may not do that":
            continue
        tabs = page.get_by_role("tab")
        accessible(page)
        for index in range(1, tabs.count()):
            tabs.nth(index).click()
            accessible(page)
        seen += 1
    assert seen > 2


@pytest.mark.parametrize("look", LOOKS)
def test_signing_in_can_be_done_by_everybody(
    open_page: Open, accessible: Check, look: dict[str, bool]
) -> None:
    page = open_page(reverse("admin:login"), user=None, **look)
    accessible(page)
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Please enter a correct username")
    accessible(page)


def test_the_frame_has_its_landmarks_and_a_way_past_it(open_page: Open) -> None:
    page = open_page(reverse("admin:index"))
    for landmark in ("banner", "main"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    for name in ("Main", "Breadcrumbs"):
        expect(page.get_by_role("navigation", name=name)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_palette_finds_a_page_and_goes_there(open_page: Open, accessible: Check) -> None:
    page = open_page(reverse("admin:index"))
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("peop")
    expect(page.get_by_role("option")).to_have_text([re.compile("People")])
    accessible(page)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/auth/user/")


def test_the_palette_says_when_nothing_matches(open_page: Open) -> None:
    page = open_page(reverse("admin:index"))
    page.get_by_role("button", name="Search or jump to").click()
    page.keyboard.type("qqqq")
    expect(page.locator(".palette-none")).to_have_text("Nothing by that name.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_two_keys_jump_to_the_first_page(open_page: Open) -> None:
    page = open_page(reverse("admin:auth_user_changelist"))
    home = page.get_by_role("link", name="Home", exact=True).first.get_attribute("href")
    page.keyboard.press("g")
    with page.expect_navigation():
        page.keyboard.press("h")
    assert page.url.endswith(home or "?")


def test_keys_in_a_field_are_letters(open_page: Open) -> None:
    page = open_page(reverse("admin:auth_user_changelist"))
    page.get_by_role("searchbox", name="Search").click()
    page.keyboard.type("gh?")
    expect(page.locator("#searchbar")).to_have_value("gh?")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_single_keys_can_be_switched_off_for_good(open_page: Open, accessible: Check) -> None:
    page = open_page(reverse("admin:index"))
    page.keyboard.press("?")
    accessible(page)
    page.get_by_role("checkbox", name="Single-key shortcuts").uncheck()
    page.get_by_role("button", name="Close").click()
    visit(page, reverse("admin:auth_user_changelist"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_have_count(1)


def surface(page: Page) -> str:
    """Return the colour of the page behind everything."""
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_theme_follows_the_device_until_it_is_chosen(open_page: Open) -> None:
    page = open_page(reverse("admin:index"))
    light = surface(page)
    page.emulate_media(color_scheme="dark")
    dark = surface(page)
    assert light != dark
    page.get_by_role("button", name="Theme").click()
    assert surface(page) == light
    visit(page, reverse("admin:auth_user_changelist"))
    assert surface(page) == light


def test_on_a_phone_the_sidebar_is_a_drawer(open_page: Open, accessible: Check) -> None:
    page = open_page(reverse("admin:index"), wide=False)
    sidebar = page.get_by_role("navigation", name="Main")
    expect(sidebar).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(sidebar).to_be_visible()
    accessible(page)
    page.keyboard.press("Escape")
    expect(sidebar).to_be_hidden()


def test_on_a_phone_a_list_is_cards_that_are_still_a_table(open_page: Open) -> None:
    page = open_page(reverse("admin:auth_user_changelist"), wide=False)
    cell = page.locator("#result_list td.field-email")
    assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Email address"'
    expect(page.get_by_role("table")).to_have_count(1)
    assert page.get_by_role("row").count() == 2
    expect(page.get_by_role("cell", name="ada@example.com")).to_be_visible()


def test_the_bar_of_actions_appears_once_a_row_is_chosen(open_page: Open) -> None:
    page = open_page(reverse("admin:auth_user_changelist"))
    actions = page.locator("select[name=action]")
    expect(actions).to_be_hidden()
    page.locator(".action-select").check()
    expect(actions).to_be_visible()
    expect(page.locator(".action-counter")).to_have_text("1 of 1 selected")


@pytest.mark.parametrize("look", LOOKS)
def test_the_save_bar_is_in_sight_while_a_long_form_is_read(
    open_page: Open, admin_user: User, look: dict[str, bool]
) -> None:
    page = open_page(reverse("admin:auth_user_change", args=[admin_user.pk]), **look)
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_in_viewport()
    page.evaluate("scrollTo(0, 600)")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_in_viewport()


@pytest.mark.parametrize("look", LOOKS)
def test_a_page_that_does_not_exist_shows_the_way_back(
    open_page: Open, accessible: Check, look: dict[str, bool]
) -> None:
    page = open_page("/nowhere/at/all/", **look)
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
    expect(page.get_by_role("link", name="Go to the first page")).to_be_visible()
    accessible(page)

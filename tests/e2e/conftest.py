"""A signed-in browser that forgives nothing, and the accessibility check."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, Route

Check = Callable[[Page], None]
Open = Callable[..., Page]

WIDE = {"width": 1400, "height": 900}
PHONE = {"width": 390, "height": 844}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture
def admin_user(transactional_db: None, django_user_model: type[User]) -> User:
    """Somebody who may do everything."""
    return django_user_model.objects.create_superuser("ada", "ada@example.com", "pw")


@pytest.fixture
def open_page(browser: Browser, live_server: Any, admin_user: User) -> Iterator[Open]:
    """Return `open_page(path, wide=..., dark=..., user=...)`; any fault of a page fails the test.

    Faults are script errors, violations of the content policy and requests to other hosts.
    """
    problems: list[str] = []
    contexts = []

    def gate(route: Route) -> None:
        if route.request.url.startswith((live_server.url, "data:")):
            route.continue_()
        else:
            problems.append(f"another host: {route.request.url}")
            route.abort()

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error" and "the server responded with" not in message.text:
            problems.append(message.text)

    def opened(path: str, *, user: User | None = admin_user, **look: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **appearance(**look))
        contexts.append(context)
        if user:
            context.add_cookies([session_of(user, live_server.url)])
        page = context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.route("**/*", gate)
        visit(page, path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def appearance(**look: bool) -> dict[str, Any]:
    """Return the options of a browser context: wide or phone, light or dark, nothing moving."""
    return {
        "viewport": WIDE if look.get("wide", True) else PHONE,
        "color_scheme": "dark" if look.get("dark") else "light",
        "reduced_motion": "reduce",
        "locale": "en-GB",
        "timezone_id": "UTC",
    }


def session_of(user: User, url: str) -> Any:
    """Return the cookie of a fresh session of a user."""
    client = Client()
    client.force_login(user)
    return {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}


def visit(page: Page, path: str) -> None:
    """Go to a page and wait until its keys are listened to."""
    page.goto(path)
    page.wait_for_selector("html[data-keys=ready]")


@pytest.fixture
def accessible() -> Check:
    """Return the check of a page against WCAG 2.2 A and AA, and for sideways scrolling."""
    from axe_playwright_python.sync_playwright import Axe

    def check(page: Page) -> None:
        options = {"runOnly": {"type": "tag", "values": WCAG}}
        found = Axe().run(page, options=options).response
        assert sum(len(rule["nodes"]) for rule in found["passes"]) > 20, "axe saw almost nothing"
        faults = [
            f"{page.url} {rule['id']} x{len(rule['nodes'])}: {rule['nodes'][0]['html'][:120]}"
            for rule in found["violations"]
        ]
        assert faults == []
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0, page.url

    return check

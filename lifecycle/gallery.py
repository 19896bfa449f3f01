"""What a new automation can be started from: the recipes of the examples, one by one."""

from __future__ import annotations

from lifecycle.demo.portfolio import PORTFOLIO, DemoAutomation


def templates() -> list[DemoAutomation]:
    """Return the recipes that an automation can be started from."""
    return [demo for demo in PORTFOLIO if demo.version]


def template(key: str) -> DemoAutomation | None:
    """Return the recipe with this key, which is the example's slug."""
    return next((demo for demo in templates() if demo.slug == key), None)

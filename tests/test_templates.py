"""What every template of ours keeps to: the strict content policy, known icons, known blocks."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.template.loader import get_template

from automations.templatetags.ui import LOOKS
from lifecycle.sidebar import SIDEBAR

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
ICONS = set(re.findall(r'<symbol id="([\w-]+)"', (ROOT / "static" / "icons.svg").read_text()))

FORBIDDEN = {
    "an inline style": r"\sstyle=|<style\b",
    "an inline script": r"<script(?![^>]*\bsrc=)(?![^>]*application/json)",
    "an inline handler": r"\son[a-z]+=|hx-on",
    "a script address": r"javascript:",
    "another host": r"""(?:src|href)=["']?(?:https?:)?//""",
    "a block that is never shown": r"{% block extrastyle %}",
}


def matching(pattern: str) -> Iterator[str]:
    """Yield the templates with a match of a pattern."""
    for path in TEMPLATES:
        if re.search(pattern, path.read_text(), re.IGNORECASE):
            yield str(path.relative_to(ROOT))


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_template_has(what: str) -> None:
    assert list(matching(FORBIDDEN[what])) == []


def test_every_template_compiles() -> None:
    names = [str(path.relative_to(ROOT / "templates")) for path in TEMPLATES]
    assert all(get_template(name) for name in names)
    assert len(names) > 30


def test_every_icon_that_is_asked_for_exists() -> None:
    asked = {
        name
        for path in TEMPLATES
        for name in re.findall(r"""(?:icon |shape=)"([\w-]+)\"""", path.read_text())
    }
    asked |= {look.shape for look in LOOKS.values()}
    asked |= {entry.icon for _, entries in SIDEBAR for entry in entries}
    assert asked - ICONS == set()

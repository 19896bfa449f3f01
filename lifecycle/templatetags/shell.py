"""Template tags for the frame around every page."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lifecycle import sidebar as shell

register = template.Library()


@register.simple_tag(takes_context=True)
def sidebar(context: Context) -> list[shell.Group]:
    """Return the sidebar of the person and page at hand; empty without a request."""
    request = context.get("request")
    return shell.sidebar_for(request) if request is not None else []


@register.simple_tag
def home_url() -> str:
    """Return the address of the first page."""
    return shell.home()


@register.simple_tag
def crumb(text: Any, url: str = "") -> SafeString:
    """Render one breadcrumb after its separator; without an address it is the current page."""
    page = format_html('<a href="{}">{}</a>', url, text) if url else text
    current = "" if url else SafeString(' aria-current="page"')
    return format_html(
        ' <span class="sep" aria-hidden="true">/</span> <span{}>{}</span>', current, page
    )


@dataclass(frozen=True, slots=True)
class Tab:
    """One of an automation's pages."""

    label: str
    url: str
    current: bool


TABS = (
    ("overview", "Overview", "automation"),
    ("checklist", "Checklist", "checklist"),
    ("scorecard", "Scorecard", "automation_scorecards"),
    ("prototype", "Prototype", "prototype"),
    ("versions", "Versions", "automation_versions"),
    ("promotions", "Promotions", "promotions"),
    ("profit", "Profit", "profit"),
)


@register.inclusion_tag("_automation_tabs.html")
def automation_tabs(automation: Any, current: str) -> dict[str, Any]:
    """Render the links between an automation's pages; `current` is the key of this one."""
    tabs = [
        Tab(label, shell.address(name, automation.slug), key == current)
        for key, label, name in TABS
    ]
    return {"tabs": [tab for tab in tabs if tab.url], "automation": automation}

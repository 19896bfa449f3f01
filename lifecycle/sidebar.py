"""The sidebar as data: who sees which entry, in which group, with which count."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

Count = Callable[[Any], int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One possible entry; it is shown when one of its URL names exists and the user may go there.

    `urls` are tried in order. `model` ("app.model") asks for the view or change permission.
    `section` is a path prefix that also marks the entry as current. `keys` is a shortcut ("g h").
    """

    label: str
    icon: str
    urls: tuple[str, ...]
    model: str = ""
    section: str = ""
    keys: str = ""
    count: Count | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as one person sees it on one page."""

    label: str
    icon: str
    url: str
    keys: str
    count: int
    current: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Links under one heading; the first group has none."""

    label: str
    links: list[Link] = field(default_factory=list)


def home() -> str:
    """Return the address of the first page."""
    return address("portfolio") or reverse("admin:index")


def address(name: str, *args: Any) -> str:
    """Return the address of a page by its URL name; empty where there is no such page (yet)."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def admin_list(model: str) -> str:
    """Return the URL name of the admin list of "app.model"."""
    return f"admin:{model.replace('.', '_')}_changelist"


def _listed(label: str, icon: str, model: str, *names: str, section: str = "") -> Entry:
    return Entry(label, icon, (*names, admin_list(model)), model, section)


SIDEBAR: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "",
        (
            Entry("Home", "home", ("portfolio", "admin:index"), keys="g h"),
            Entry("Reviews", "review", ("reviews",), "monitoring.review", keys="g r"),
            Entry("Alerts", "alert", ("alerts",), "monitoring.alert", keys="g a"),
        ),
    ),
    (
        "Build",
        (
            Entry(
                "Automations",
                "automation",
                ("automations",),
                "automations.automation",
                section="/automations/",
                keys="g l",
            ),
            Entry(
                "Scorecards",
                "score",
                ("scorecards",),
                "lifecycle.scorecard",
                section="/scorecards/",
                keys="g s",
            ),
            Entry("Start", "plus", ("start",), "automations.automation"),
        ),
    ),
    (
        "Operate",
        (
            Entry("Runs", "run", ("runs",), "automations.run", section="/runs/", keys="g u"),
            _listed("Batches", "batch", "automations.batch", "batches", section="/batches/"),
            Entry("Dashboard", "chart", ("dashboard",), "automations.run"),
        ),
    ),
    (
        "Improve",
        (
            _listed("Experiments", "experiment", "lifecycle.experiment", "experiments"),
            _listed("Cycles", "cycle", "lifecycle.cycle", "cycles"),
            Entry(
                "Portfolio review",
                "portfolio",
                ("portfolio_review",),
                "lifecycle.portfolioreview",
                keys="g p",
            ),
            Entry("Accuracy", "chart", ("accuracy",), "lifecycle.scorecard"),
        ),
    ),
    ("Hand over", (Entry("Handbooks", "book", ("handbooks",), "automations.automation"),)),
    (
        "Settings",
        (
            _listed("Providers", "provider", "automations.provider"),
            Entry("API tokens", "key", ("tokens",), "automations.apitoken", section="/tokens/"),
            Entry("Team rules", "settings", ("team_settings",), "lifecycle.team"),
            _listed("People", "user", "auth.user"),
            Entry("All settings", "settings", ("admin:index",)),
        ),
    ),
)


def sidebar_for(request: HttpRequest) -> list[Group]:
    """Return the groups this person sees on this page, empty groups left out."""
    found = [(label, _visible(entries, request)) for label, entries in SIDEBAR]
    current = _current([pair for _, pairs in found for pair in pairs], request.path)
    return [
        Group(label, [_link(entry, url, current, request) for entry, url in pairs])
        for label, pairs in found
        if pairs
    ]


def _visible(entries: Iterable[Entry], request: HttpRequest) -> list[tuple[Entry, str]]:
    return [(entry, url) for entry in entries if (url := _url(entry, request))]


def _url(entry: Entry, request: HttpRequest) -> str:
    if not _may_see(entry, request.user):
        return ""
    names = [name for name in entry.urls if request.user.is_staff or not name.startswith("admin:")]
    return next((url for name in names if (url := address(name))), "")


def _may_see(entry: Entry, user: Any) -> bool:
    if not user.is_authenticated:
        return False
    if not entry.model:
        return True
    app, model = entry.model.split(".")
    return any(user.has_perm(f"{app}.{verb}_{model}") for verb in ("view", "change"))


def _current(pairs: list[tuple[Entry, str]], path: str) -> str:
    """Return the URL of the entry whose page or section holds `path`, the most exact one."""
    reach = {prefix: url for entry, url in pairs for prefix in (url, entry.section) if prefix}
    # Every path starts with "/", so the first page is current only when it is the page itself.
    inside = [
        prefix for prefix in reach if path.startswith(prefix) and (prefix != "/" or path == "/")
    ]
    return reach[max(inside, key=len)] if inside else ""


def _link(entry: Entry, url: str, current: str, request: HttpRequest) -> Link:
    count = entry.count(request.user) if entry.count else 0
    return Link(entry.label, entry.icon, url, entry.keys, count, url == current)

"""Every address of ours x every role x GET and POST; an address without a row here fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from automations import connectors
from automations.models import Batch, Trigger
from tests.makers import make_delivery, make_destination, make_live, make_run, make_version
from tests.people import ROLES, make_person

pytestmark = pytest.mark.django_db

EVERYBODY = frozenset(ROLES)
START = frozenset({"operator"})
EDIT = frozenset({"editor"})
APPROVE = frozenset({"approver"})
TEST = frozenset({"admin"})
NOT_KNOWN, NOT_ALLOWED, NO_METHOD, SIGN_IN = 404, 403, 405, 302


@dataclass(frozen=True)
class Row:
    """Who may GET and POST; None: the method does not exist. `hidden`: what a stranger gets."""

    get: frozenset[str] | None = None
    post: frozenset[str] | None = None
    stranger: int = NOT_KNOWN
    public: bool = False
    args: tuple[str, ...] = ()


def page(*args: str, get: frozenset[str] = EVERYBODY) -> Row:
    return Row(get=get, args=args)


def form(*args: str, who: frozenset[str]) -> Row:
    return Row(get=who, post=who, args=args)


def button(*args: str, who: frozenset[str]) -> Row:
    return Row(post=who, args=args)


ROWS = {
    "portfolio": Row(get=EVERYBODY, stranger=200),
    "guide": Row(get=EVERYBODY, stranger=200),
    "load_example": Row(post=EDIT, stranger=NOT_ALLOWED),
    "jump": Row(get=EVERYBODY, stranger=200),
    "healthz": Row(get=EVERYBODY, stranger=200, public=True),
    "readyz": Row(get=EVERYBODY, stranger=503, public=True),
    "automation": page("slug"),
    "automation_run": form("slug", who=START),
    "automation_pause": button("slug", who=START),
    "automation_resume": button("slug", who=START),
    "automation_draft": button("slug", who=EDIT),
    "automation_stage": button("slug", who=EDIT),
    "automation_connections": page("slug"),
    "source": form("slug", who=EDIT),
    "destination_new": form("slug", who=EDIT),
    "destination": form("slug", "destination", who=EDIT),
    "destination_remove": button("slug", "destination", who=EDIT),
    "schedule_new": form("slug", who=EDIT),
    "schedule": form("slug", "trigger", who=EDIT),
    "schedule_remove": button("slug", "trigger", who=EDIT),
    "version_draft": button("version", who=EDIT),
    "version_publish": button("draft", who=EDIT),
    "version_live": button("version", who=EDIT),
    "version_release": button("draft", who=EDIT),
    "runs": Row(get=EVERYBODY, stranger=NOT_ALLOWED),
    "run": page("run"),
    "run_progress": page("run"),
    "run_cancel": button("run", who=START),
    "run_again": button("run", who=START),
    "run_approve": button("run", who=APPROVE),
    "delivery_again": button("delivery", who=APPROVE),
    "delivery_delivered": button("delivery", who=APPROVE),
    "batch": page("batch"),
    "batch_progress": page("batch"),
    "batch_cancel": button("batch", who=START),
    "provider_test": button("provider", who=TEST),
    "provider_state": page("provider"),
}
FINE = {200, 204, 286, 302, 503}
OTHERS = frozenset({"admin"})  # Django's own, guarded by has_*_permission: tests/automations


@pytest.fixture
def world() -> dict[str, Any]:
    """One row of everything that an address can name."""
    live = make_live()
    automation = live.automation
    run = make_run(live, batch=Batch.objects.create(automation=automation, name="Two rows"))
    schedule = Trigger(automation=automation, settings={"cron": "0 9 * * *"})
    schedule.full_clean()
    schedule.save()
    destination = make_destination(automation)
    return {
        "slug": automation.slug,
        "version": live.pk,
        "draft": make_version(automation).pk,
        "run": run.pk,
        "batch": run.batch_id,
        "trigger": schedule.pk,
        "destination": make_destination(automation).pk,
        "delivery": make_delivery(run, destination, state="failed").pk,
        "provider": live.provider_id,
    }


def names(resolver: Any, prefix: str = "") -> Iterator[str]:
    """Yield the names of all patterns, those of namespaces with their prefix."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from names(pattern, inner)
        elif isinstance(pattern, URLPattern):
            assert pattern.name, f"{pattern} has no name, so nobody can check it"
            yield f"{prefix}{pattern.name}"


def test_every_address_has_a_row() -> None:
    assert set(names_without_admin()) == set(ROWS)


def names_without_admin() -> Iterator[str]:
    """Yield our names; Django's admin has patterns without one."""
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLResolver) and pattern.namespace in OTHERS:
            continue
        if isinstance(pattern, URLResolver):
            yield from names(pattern)
        else:
            yield str(pattern.name)


def expected(row: Row, method: str, person: str) -> set[int]:
    """Return the statuses that a person may get."""
    allowed = row.get if method == "get" else row.post
    if allowed is None:
        return {NO_METHOD}
    if row.public:
        return FINE
    if person == "anonymous":
        return {SIGN_IN}
    if person == "stranger":
        return {row.stranger}
    return FINE if person in allowed else {NOT_ALLOWED}


@pytest.mark.parametrize("person", [*ROLES, "stranger", "anonymous"])
@pytest.mark.parametrize("name", ROWS)
def test_who_may_do_what(client: Client, world: dict[str, Any], name: str, person: str) -> None:
    row = ROWS[name]
    if person != "anonymous":
        client.force_login(make_person(person))
    address = reverse(name, args=[world[arg] for arg in row.args])
    for method in ("get", "post"):
        answer = getattr(client, method)(address)
        assert answer.status_code in expected(row, method, person), (method, answer.status_code)
        if expected(row, method, person) == {SIGN_IN}:
            assert answer.headers["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize("name", [n for n, row in ROWS.items() if row.args])
def test_what_does_not_exist_is_not_found(client: Client, superuser: Any, name: str) -> None:
    client.force_login(superuser)
    row = ROWS[name]
    args = ["nothing" if arg == "slug" else 999_999 for arg in row.args]
    method = "get" if row.get else "post"
    assert getattr(client, method)(reverse(name, args=args)).status_code == NOT_KNOWN


def test_a_refusal_says_why(client: Client, viewer: Any, world: dict[str, Any]) -> None:
    client.force_login(viewer)
    answer = client.post(reverse("run_cancel", args=[world["run"]]))
    assert "You lack the right" in answer.content.decode()


def test_a_post_from_elsewhere_is_refused(world: dict[str, Any], operator: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    answer = client.post(reverse("run_cancel", args=[world["run"]]))
    assert answer.status_code == NOT_ALLOWED
    assert "too old to be sent" in answer.content.decode()


def test_every_kind_of_connection_has_its_form(client: Client, editor: Any, world: Any) -> None:
    client.force_login(editor)
    for kind in connectors.sources.kinds():
        answer = client.get(reverse("source", args=[world["slug"]]), {"kind": kind})
        assert connectors.sources.get(kind).help in answer.content.decode().replace("&#x27;", "'")
    for kind in connectors.destinations.kinds():
        answer = client.get(reverse("destination_new", args=[world["slug"]]), {"kind": kind})
        assert connectors.destinations.get(kind).help in answer.content.decode()

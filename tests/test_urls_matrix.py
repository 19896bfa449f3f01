"""Every address of ours x every role x GET and POST; an address without a row here fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from automations import connectors
from automations.models import Batch, Drill, Trigger
from tests.lifecycle.makers import (
    make_attestation,
    make_criterion,
    make_effort,
    make_exemption,
    make_failure_mode,
    make_period,
    make_portfolio_review,
    make_promotion,
    make_prototype,
    make_review,
    make_scorecard,
)
from tests.makers import (
    make_delivery,
    make_destination,
    make_live,
    make_run,
    make_token,
    make_try,
    make_version,
)
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
    refused: int = NOT_ALLOWED
    public: bool = False
    nothing: bool = False
    called: bool = False
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
    "automations": page(),
    "portfolio_csv": page(),
    "compare": page(),
    "start": Row(get=EVERYBODY, stranger=200),
    "start_skip": button(who=EVERYBODY),
    "start_template": form("template", who=EDIT),
    "load_example": Row(post=EDIT, stranger=NOT_ALLOWED),
    "jump": Row(get=EVERYBODY, stranger=200),
    "healthz": Row(get=EVERYBODY, stranger=200, public=True),
    "readyz": Row(get=EVERYBODY, stranger=503, public=True),
    "automation": page("slug"),
    "automation_run": form("slug", who=START),
    "playground": form("slug", who=START | EDIT),
    "playground_pair": page("slug", "try", "other_try"),
    "playground_progress": page("slug", "try", "other_try"),
    "automation_versions": page("slug"),
    "version": page("version"),
    "version_edit": form("draft", who=EDIT),
    "version_diff": page("version"),
    "automation_pause": button("slug", who=START),
    "automation_resume": button("slug", who=START),
    "automation_draft": button("slug", who=EDIT),
    "automation_stage": button("slug", who=EDIT | APPROVE),
    "promotions": page("slug"),
    "promotion": page("promotion"),
    "promotion_decide": button("promotion", who=APPROVE),
    "promotion_withdraw": button("promotion", who=APPROVE),
    "rollback": button("slug", who=EDIT | APPROVE),
    "rehearse": button("slug", who=EDIT | APPROVE),
    "automation_connections": page("slug"),
    "source": form("slug", who=EDIT),
    "source_forget": button("slug", who=EDIT),
    "destination_new": form("slug", who=EDIT),
    "destination": form("slug", "destination", who=EDIT),
    "destination_remove": button("slug", "destination", who=EDIT),
    "destination_dry_run": page("slug", "destination"),
    "destination_test": button("slug", "destination", who=EDIT),
    "destination_tested": page("slug", "destination"),
    "destination_message": button("slug", "destination", who=EDIT),
    "source_test": button("slug", who=EDIT),
    "source_tested": page("slug"),
    "trigger_new": form("slug", who=EDIT),
    "trigger_times": page("slug"),
    "trigger": Row(get=EVERYBODY, post=EDIT, args=("slug", "trigger")),
    "trigger_remove": button("slug", "trigger", who=EDIT),
    "trigger_address": button("slug", "trigger", who=EDIT),
    "trigger_secret": button("slug", "trigger", who=EDIT),
    "trigger_old_secret": button("slug", "trigger", who=EDIT),
    "hook": Row(called=True, args=("token",)),
    "version_draft": button("version", who=EDIT),
    "version_publish": button("draft", who=EDIT),
    "version_live": button("version", who=EDIT | APPROVE),
    "version_release": button("draft", who=EDIT),
    "version_checks": page("version"),
    "check_new": form("draft", who=EDIT),
    "check": form("check", who=EDIT),
    "check_remove": button("check", who=EDIT),
    "check_move": button("check", who=EDIT),
    "runs": Row(get=EVERYBODY, stranger=NOT_ALLOWED),
    "run": page("run"),
    "run_progress": page("run"),
    "run_trace": page("run"),
    "run_cancel": button("run", who=START),
    "run_again": button("run", who=START),
    "run_approve": button("run", who=APPROVE),
    "delivery_again": button("delivery", who=APPROVE),
    "delivery_delivered": button("delivery", who=APPROVE),
    "run_retry": button("run", who=START),
    "replay": form(who=START),
    "batch_new": form("slug", who=START),
    "batches": Row(get=EVERYBODY, stranger=NOT_ALLOWED),
    "batch_map": button("batch", who=START),
    "batch_discard": button("batch", who=START),
    "batch_start": button("batch", who=START),
    "batch_pause": button("batch", who=START),
    "batch_resume": button("batch", who=START),
    "batch_continue": button("batch", who=START),
    "batch_retry": button("batch", who=START),
    "batch_results_csv": page("batch"),
    "batch_results_jsonl": page("batch"),
    "batch": page("batch"),
    "batch_progress": page("batch"),
    "batch_cancel": button("batch", who=START),
    "provider_test": button("provider", who=TEST),
    "provider_state": page("provider"),
    "drill": Row(get=EVERYBODY, post=START, args=("slug",)),
    "drill_progress": page("drill"),
    "api_nothing": Row(stranger=NOT_KNOWN, nothing=True),
    "api_guide": Row(get=EVERYBODY, stranger=200),
    "scorecards": page(),
    "scorecard_preview": page(),
    "scorecard": page("scorecard"),
    "scorecard_decide": button("scorecard", who=EDIT),
    "automation_scorecards": page("slug"),
    "scorecard_new": form("slug", who=EDIT),
    "idea_new": form(who=EDIT),
    "checklist": page("slug"),
    "checklist_history": page("slug"),
    "box_exempt": button("slug", "box", who=APPROVE),
    "box_attest": button("slug", "box", who=EDIT | APPROVE),
    "exemption_end": button("exemption", who=APPROVE),
    "attestation_withdraw": button("attestation", who=EDIT | APPROVE),
    "team_settings": Row(get=EVERYBODY, post=TEST),
    "reviews": page(),
    "run_review": Row(get=EVERYBODY, post=START | EDIT | APPROVE, args=("run",)),
    "review_undo": Row(post=frozenset(), args=("review",)),  # only whose verdict it is
    "prototype": page("slug"),
    "prototype_start": button("slug", who=EDIT),
    "prototype_extend": button("prototype", who=EDIT),
    "prototype_verdict": button("prototype", who=EDIT),
    "criteria": Row(get=EVERYBODY, post=EDIT, args=("slug",)),
    "criterion": form("criterion", who=EDIT),
    "criterion_remove": button("criterion", who=EDIT),
    "failure_modes": Row(get=EVERYBODY, post=EDIT, args=("slug",)),
    "failure_mode": form("failure_mode", who=EDIT),
    "failure_mode_remove": button("failure_mode", who=EDIT),
    "accuracy": page(),
    "profit": page("slug"),
    "profit_new": form("slug", who=EDIT),
    "profit_period": form("period", who=EDIT),
    "profit_remove": button("period", who=EDIT),
    "effort_add": button("slug", who=START | EDIT),
    "effort_remove": button("effort", who=EDIT),
    "portfolio_review": page(),
    "portfolio_review_open": button(who=APPROVE),
    "portfolio_review_month": Row(get=EVERYBODY, post=APPROVE, args=("month",)),
    "portfolio_review_close": button("month", who=APPROVE),
    "portfolio_review_decide": button("portfolio_decision", who=APPROVE),
    "tokens": Row(get=TEST, refused=NOT_KNOWN),
    "token_new": Row(get=TEST, post=TEST, refused=NOT_KNOWN),
    "token_revoke": Row(post=TEST, refused=NOT_KNOWN, args=("token",)),
}
FINE = {200, 204, 286, 302, 503}
# Django's own, guarded by has_*_permission; ours for programs: both in tests/automations.
OTHERS = frozenset({"admin", "api"})


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
        "promotion": make_promotion(automation, "live", state="waiting", to_version=live).pk,
        "version": live.pk,
        "draft": (draft := make_version(automation)).pk,
        "check": draft.validator_rules.all()[0].pk,
        "period": make_period(automation).pk,
        "effort": make_effort(automation).pk,
        "month": "2026-10",
        "portfolio_decision": make_portfolio_review(automation).pk,
        "run": run.pk,
        "batch": run.batch_id,
        "try": make_try(live).pk,
        "other_try": make_try(draft).pk,
        "trigger": schedule.pk,
        "destination": make_destination(automation).pk,
        "delivery": make_delivery(run, destination, state="failed").pk,
        "provider": live.provider_id,
        "drill": Drill.objects.create(automation=automation, version=live).pk,
        "token": make_token(make_person("automat"))[0].pk,
        "template": "ticket_classifier",
        "scorecard": make_scorecard(automation).pk,
        "box": 15,
        "review": make_review(run).pk,
        "prototype": make_prototype(automation).pk,
        "criterion": make_criterion(automation).pk,
        "failure_mode": make_failure_mode(automation).pk,
        "exemption": make_exemption(automation).pk,
        "attestation": make_attestation(automation).pk,
    }


def names(resolver: Any, prefix: str = "") -> Iterator[str]:
    """Yield the names of all patterns, those of namespaces with their prefix."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace in OTHERS:
                continue
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
    if row.nothing or row.called:  # by programs that know its secret part, whoever is signed in
        return {NO_METHOD if row.called and method == "get" else NOT_KNOWN}
    allowed = row.get if method == "get" else row.post
    if allowed is None:
        return {NO_METHOD}
    if row.public:
        return FINE
    if person == "anonymous":
        return {SIGN_IN}
    if person == "stranger":
        return {row.stranger}
    return FINE if person in allowed else {row.refused}


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
        page = answer.content.decode().replace("&#x27;", "'")
        assert connectors.destinations.get(kind).help in page

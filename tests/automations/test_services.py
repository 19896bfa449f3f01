"""What the verbs do: the row they leave, the state they refuse, the trail they write."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.utils import timezone
from django_q.models import OrmQ

from automations import services
from automations.errors import Problem, WrongState
from automations.models import (
    AuditEvent,
    Automation,
    Batch,
    Control,
    Delivery,
    Provider,
    Run,
    ValidatorRule,
    Version,
)
from automations.services import Origin
from tests.makers import (
    LONG_TEXT,
    make_automation,
    make_delivery,
    make_destination,
    make_live,
    make_provider,
    make_run,
    make_version,
)

pytestmark = pytest.mark.django_db
SYSTEM = services.SYSTEM
TEXT = {"content": LONG_TEXT}


def trail() -> list[tuple[str, str]]:
    """Return who did what, oldest first."""
    return list(AuditEvent.objects.order_by("pk").values_list("by_name", "action"))


# --- starting ------------------------------------------------------------------------------


def test_a_started_run_is_queued_on_the_live_version_by_its_person(operator: User) -> None:
    version = make_live()
    run = services.submit_run(version.automation, TEXT, by=operator)
    assert (run.status, run.version, run.provider_id) == ("queued", version, version.provider_id)
    assert (run.requested_by, run.origin, run.priority) == (operator, "person", Run.INTERACTIVE)
    assert run.estimated_tokens > version.max_output_tokens
    assert trail() == [("operator", "start run")]


def test_the_same_key_again_returns_the_first_run(operator: User) -> None:
    version = make_live()
    origin = Origin(Run.Origin.API, idempotency_key="order-7")
    first = services.submit_run(version.automation, TEXT, by=operator, origin=origin)
    again = services.submit_run(version.automation, {"content": "x"}, by=operator, origin=origin)
    assert again.pk == first.pk
    assert (Run.objects.count(), len(trail())) == (1, 1)


def test_the_same_key_of_another_automation_is_another_run(operator: User) -> None:
    origin = Origin(Run.Origin.API, idempotency_key="order-7")
    for slug in ("one", "two"):
        automation = make_live(make_automation(slug)).automation
        services.submit_run(automation, TEXT, by=operator, origin=origin)
    assert Run.objects.count() == 2


@pytest.mark.parametrize("why", ["retired", "paused", "no version", "draft"])
def test_what_cannot_run_says_what_to_do(why: str) -> None:
    automation = make_automation()
    version = None
    if why == "draft":
        version = make_version(automation)
    elif why != "no version":
        make_live(automation)
    if why == "retired":
        automation.stage = "retired"
    if why == "paused":
        automation.paused_at = timezone.now()
    with pytest.raises(WrongState) as refused:
        services.submit_run(automation, TEXT, by=SYSTEM, version=version)
    assert "; " in str(refused.value)
    assert not Run.objects.exists()


def test_a_batch_counts_its_runs_and_puts_them_behind_people(operator: User) -> None:
    version = make_live()
    rows = ({"content": f"{n} {LONG_TEXT}"} for n in range(7))
    batch = services.submit_batch(version.automation, rows, by=operator, name="seven")
    assert (batch.total, batch.counts()) == (7, {"queued": 7})
    assert set(batch.runs.values_list("priority", "origin")) == {(Run.BULK, "batch")}
    assert batch.created_by == operator
    assert trail() == [("operator", "start batch")]


def test_a_long_batch_is_written_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    from automations.services import filling

    monkeypatch.setattr(filling, "CHUNK", 10)
    version = make_live()
    rows = [{"content": str(n)} for n in range(25)]
    batch = services.submit_batch(version.automation, rows, by=SYSTEM, name="long")
    assert batch.total == batch.runs.count() == 25
    assert [run.input_data["content"] for run in batch.runs.order_by("pk")] == [
        str(n) for n in range(25)
    ]


def test_running_again_uses_the_same_input_on_todays_version(operator: User) -> None:
    old = make_live()
    first = make_run(old, status="failed", error_category="api_error")
    new = make_live(old.automation)
    again = services.rerun(first, by=operator)
    assert (again.version, again.input_data) == (new, first.input_data)
    assert (again.rerun_of, again.origin, again.status) == (first, "replay", "queued")


def test_running_again_what_never_got_its_input_reads_the_source_anew(operator: User) -> None:
    version = make_live()
    first = make_run(version, status="failed", input_data={}, source_item="a.txt", step="source")
    again = services.rerun(first, by=operator)
    assert (again.step, again.source_item) == ("source", "a.txt")


def test_an_input_that_could_not_be_read_leaves_a_failed_run_and_a_trace(operator: User) -> None:
    version = make_live()
    problem = Problem("It is no text.", category="source_error", code="not_text")
    run = services.record_rejected(version.automation, problem, by=operator, item="a.bin")
    assert (run.status, run.error_category, run.error_code) == (
        "failed",
        "source_error",
        "not_text",
    )
    assert (run.source_item, run.calls, run.error_message) == ("a.bin", 0, "It is no text.")
    assert run.completed_at is not None
    assert trail() == [("operator", "reject input")]


# --- stopping ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["queued", "awaiting_approval"])
def test_a_waiting_run_is_cancelled_at_once(operator: User, status: str) -> None:
    run = make_run(status=status, fence=3)
    services.cancel_run(run, by=operator)
    assert (run.status, run.fence, run.error_message) == ("cancelled", 4, "Cancelled.")
    assert run.completed_at is not None
    assert AuditEvent.objects.get().before == {"status": status}


def test_a_running_run_is_asked_to_stop(operator: User) -> None:
    run = make_run(status="running", fence=3)
    services.cancel_run(run, by=operator)
    assert (run.status, run.fence) == ("running", 3)
    assert run.cancel_requested_at is not None


@pytest.mark.parametrize("status", ["success", "failed", "cancelled"])
def test_what_has_ended_is_not_cancelled(status: str) -> None:
    run = make_run(status=status)
    with pytest.raises(WrongState, match="ended already"):
        services.cancel_run(run, by=SYSTEM)
    assert trail() == []


def test_a_batch_is_cancelled_but_for_what_has_ended(operator: User) -> None:
    version = make_live()
    batch = Batch.objects.create(automation=version.automation, name="b", total=3)
    runs = {s: make_run(version, batch=batch, status=s) for s in ("queued", "running", "success")}
    services.cancel_batch(batch, by=operator)
    for run in runs.values():
        run.refresh_from_db()
    assert runs["queued"].status == "cancelled"
    assert runs["running"].cancel_requested_at is not None
    assert runs["success"].status == "success"
    assert batch.cancelled_at is not None


def test_pausing_and_resuming_are_told_with_what_was_before(operator: User) -> None:
    automation = make_automation()
    services.pause(automation, by=operator)
    assert Automation.objects.get().is_paused
    services.resume(automation, by=operator)
    assert not Automation.objects.get().is_paused
    events = AuditEvent.objects.order_by("pk").values_list("action", "before")
    assert list(events) == [("pause", {"paused": False}), ("resume", {"paused": True})]


def test_the_kill_switch_keeps_its_reason(approver: User) -> None:
    services.halt(by=approver, reason="A customer saw nonsense.")
    assert Control.current().reason == "A customer saw nonsense."
    services.unhalt(by=approver)
    assert Control.current().halted_at is None
    assert trail() == [("approver", "halt"), ("approver", "unhalt")]


# --- deliveries ----------------------------------------------------------------------------


def failed_delivery(state: str = "unknown") -> Delivery:
    version = make_live()
    run = make_run(
        version, status="failed", step="deliver", error_category="delivery_error",
        cancel_requested_at=timezone.now(), output_data={"text": "x"},
    )  # fmt: skip
    return make_delivery(run, make_destination(version.automation), state=state, tries=5)


def test_sending_again_queues_the_run_at_its_delivery(approver: User) -> None:
    delivery = failed_delivery()
    run = services.send_again(delivery, by=approver)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries, delivery.resolved_by) == ("pending", 0, approver)
    assert (run.status, run.step, run.completed_at, run.error_category) == (
        "queued",
        "deliver",
        None,
        "",
    )
    assert run.cancel_requested_at is None
    assert run.fence == 1
    event = AuditEvent.objects.get()
    assert (event.before, event.after) == ({"state": "unknown"}, {"state": "pending"})


def test_marking_as_delivered_says_who_and_when(approver: User) -> None:
    delivery = failed_delivery("failed")
    services.mark_delivered(delivery, by=approver)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.resolved_by) == ("delivered", approver)
    assert delivery.delivered_at is not None


@pytest.mark.parametrize("state", ["pending", "sending", "delivered"])
def test_only_a_failed_or_unknown_delivery_is_resolved(state: str) -> None:
    delivery = failed_delivery(state)
    verbs = [services.mark_delivered] if state == "pending" else RESOLVING
    for verb in verbs:
        with pytest.raises(WrongState):
            verb(delivery, by=SYSTEM)
    assert trail() == []


RESOLVING = [services.send_again, services.mark_delivered]


def test_a_delivery_that_waits_for_its_next_try_is_sent_at_once() -> None:
    delivery = failed_delivery("pending")
    Run.objects.update(
        status="queued", available_at=timezone.now() + timedelta(hours=20), completed_at=None
    )
    run = services.send_again(delivery, by=SYSTEM)
    assert (run.status, run.step) == ("queued", "deliver")
    assert run.available_at <= timezone.now()


ORIGINS = {
    "person": Run.INTERACTIVE, "shell": Run.INTERACTIVE, "playground": Run.INTERACTIVE,
    "replay": Run.INTERACTIVE, "api": Run.USUAL, "webhook": Run.USUAL, "schedule": Run.USUAL,
    "automation": Run.USUAL, "drill": Run.USUAL, "batch": Run.USUAL,
}  # fmt: skip


@pytest.mark.parametrize("kind", Run.Origin.values)
def test_the_place_kept_for_people_is_for_people(kind: str) -> None:
    version = make_live()
    run = services.submit_run(version.automation, {"content": "x"}, by=SYSTEM, origin=Origin(kind))
    assert run.priority == ORIGINS[kind]


def test_only_a_waiting_output_is_approved() -> None:
    run = make_run(status="success")
    with pytest.raises(WrongState, match="does not wait"):
        services.approve_delivery(run, by=SYSTEM)
    assert (Run.objects.get().status, trail(), OrmQ.objects.count()) == ("success", [], 0)


# --- versions ------------------------------------------------------------------------------


def test_a_new_automation_has_a_source_and_a_draft_with_the_published_checks(
    editor: User,
) -> None:
    automation = Automation(name="New", slug="new")
    services.create_automation(automation, by=editor)
    draft = automation.versions.get()
    assert automation.source.kind == "form"
    assert (draft.number, draft.is_published, draft.created_by) == (1, False, editor)
    rules = set(draft.validator_rules.values_list("direction", "kind"))
    assert rules == {("input", "length"), ("output", "length"), ("output", "no_secrets")}


def test_a_draft_copies_the_newest_version_with_its_rules(editor: User) -> None:
    first = make_live(system_prompt="Be kind.", temperature=0.9, fallback_models=["b"])
    draft = services.create_draft(first.automation, by=editor)
    assert (draft.number, draft.system_prompt, draft.temperature) == (2, "Be kind.", 0.9)
    assert (draft.fallback_models, draft.note, draft.is_published) == (["b"], "", False)
    assert draft.validator_rules.count() == first.validator_rules.count() == 2


def test_a_draft_can_be_made_from_an_older_version(editor: User) -> None:
    first = make_live(system_prompt="Old.")
    make_live(first.automation, system_prompt="New.")
    draft = services.create_draft(first.automation, by=editor, source=first)
    assert (draft.number, draft.system_prompt) == (3, "Old.")


def test_publishing_freezes_the_draft_and_says_who(editor: User) -> None:
    draft = make_version()
    services.publish_version(draft, by=editor)
    assert draft.is_published
    assert draft.published_by == editor
    with pytest.raises(WrongState, match="published already"):
        services.publish_version(draft, by=editor)
    assert trail() == [("editor", "publish version")]


def test_a_draft_that_is_not_complete_is_not_published() -> None:
    draft = make_version(user_prompt="{{ nothing }}")
    with pytest.raises(ValidationError):
        services.publish_version(draft, by=SYSTEM)
    draft.refresh_from_db()
    assert not draft.is_published
    assert trail() == []


def test_running_runs_finish_on_the_version_they_started_with(editor: User) -> None:
    first = make_live()
    run = services.submit_run(first.automation, TEXT, by=SYSTEM)
    second = services.publish_version(make_version(first.automation), by=editor)
    services.make_live(second, by=editor)
    run.refresh_from_db()
    assert run.version == first
    assert services.submit_run(second.automation, TEXT, by=SYSTEM).version == second


def test_a_draft_is_not_made_live() -> None:
    draft = make_version()
    with pytest.raises(WrongState, match="draft"):
        services.make_live(draft, by=SYSTEM)


# --- providers -----------------------------------------------------------------------------


def test_a_typed_key_is_stored_sealed_and_never_told(admin: User) -> None:
    provider = make_provider()
    services.set_key(provider, " sk-secret-key-0123456789 ", by=admin)
    provider.refresh_from_db()
    assert "sk-secret" not in provider.api_key_sealed
    assert provider.open_key() == "sk-secret-key-0123456789"
    event = AuditEvent.objects.get()
    assert event.action == "set key"
    assert "sk-secret" not in f"{event.before}{event.after}{event.object_name}"


def test_a_key_belongs_to_its_row(admin: User) -> None:
    owner, thief = make_provider(), make_provider()
    services.set_key(owner, "sk-secret-key-0123456789", by=admin)
    Provider.objects.filter(pk=thief.pk).update(api_key_sealed=owner.api_key_sealed)
    thief.refresh_from_db()
    with pytest.raises(Problem, match="another row"):
        thief.open_key()


def test_without_an_encryption_key_no_key_is_stored(admin: User, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = []
    provider = make_provider()
    with pytest.raises(ImproperlyConfigured, match="FIELD_ENCRYPTION_KEY is not set"):
        services.set_key(provider, "sk-secret-key-0123456789", by=admin)
    provider.refresh_from_db()
    assert provider.api_key_sealed == ""


def test_a_passed_test_closes_the_circuit_and_a_failed_one_does_not() -> None:
    provider = make_provider(circuit_opened_at=timezone.now(), circuit_reason="401")
    services.store_test(provider, passed=False, message="still refused")
    assert provider.circuit_is_open
    services.store_test(provider, passed=True, message="ok")
    provider.refresh_from_db()
    assert (provider.circuit_is_open, provider.circuit_reason) == (False, "")


# --- the trail -----------------------------------------------------------------------------


def test_a_refused_verb_leaves_neither_change_nor_trace(viewer: User) -> None:
    version = make_live()
    rules = ValidatorRule.objects.count()
    for verb in (services.pause, services.resume, services.create_draft):
        with pytest.raises(Exception, match="You lack the right"):
            verb(version.automation, by=viewer)
    assert trail() == []
    assert (Version.objects.count(), ValidatorRule.objects.count()) == (1, rules)


def test_a_deleted_person_stays_in_the_trail_by_name(operator: User) -> None:
    services.pause(make_automation(), by=operator)
    operator.delete()
    event = AuditEvent.objects.get()
    assert (event.by, event.by_name) == (None, "operator")

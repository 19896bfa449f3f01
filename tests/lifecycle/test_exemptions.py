"""Exempting and attesting: who may, how long, once at a time, and what is kept."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.utils import timezone

from automations.errors import NotAllowed, WrongState
from automations.models import AuditEvent
from lifecycle import checklists, services
from lifecycle.models import Attestation, Exemption
from lifecycle.phases import State
from tests.lifecycle.makers import make_attestation, make_exemption
from tests.makers import make_automation

pytestmark = pytest.mark.django_db


def day(ahead: int) -> date:
    return timezone.localdate() + timedelta(days=ahead)


def test_an_approver_exempts_a_box_and_the_checklist_says_so(approver: User) -> None:
    automation = make_automation()
    services.exempt(automation, 8, reason=" No drill yet. ", until=day(20), by=approver)
    box = checklists.current(automation).boxes[7]
    assert box.state == State.EXEMPT
    assert "No drill yet." in box.why
    assert "approver" in box.why
    event = AuditEvent.objects.get(action="exempt box")
    assert event.by_name == "approver"
    assert event.after == {"number": 8, "reason": "No drill yet.", "until": f"{day(20)}"}


def test_it_counts_again_when_the_exemption_has_ended(approver: User) -> None:
    automation = make_automation()
    held = services.exempt(automation, 8, reason="No drill yet.", until=day(20), by=approver)
    assert checklists.current(automation).boxes[7].is_satisfied
    services.end_exemption(held, by=approver)
    assert not checklists.current(automation).boxes[7].is_satisfied
    assert AuditEvent.objects.get(action="end exemption").before["number"] == 8


@pytest.mark.parametrize("role", ["viewer", "operator", "editor", "admin", "stranger"])
def test_others_may_not_exempt(role: str, request: pytest.FixtureRequest) -> None:
    person = request.getfixturevalue(role)
    held = make_exemption(make_automation())
    with pytest.raises(NotAllowed):
        services.exempt(held.automation, 9, reason="Please.", until=day(1), by=person)
    with pytest.raises(NotAllowed):
        services.end_exemption(held, by=person)
    assert Exemption.objects.get().ended_at is None


@pytest.mark.parametrize("role", ["viewer", "operator", "admin", "stranger"])
def test_others_may_not_attest(role: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(NotAllowed):
        services.attest(
            make_automation(), 15, comment="Seen.", expires_on=day(1),
            by=request.getfixturevalue(role),
        )  # fmt: skip


@pytest.mark.parametrize("ahead", [0, 365])
def test_an_exemption_lasts_from_today_to_a_year(ahead: int, approver: User) -> None:
    made = services.exempt(make_automation(), 8, reason="Why.", until=day(ahead), by=approver)
    assert made.until == day(ahead)


@pytest.mark.parametrize("ahead", [-1, 366])
def test_no_longer_exemption_is_taken(ahead: int, approver: User) -> None:
    with pytest.raises(ValidationError, match="Choose a day from today to") as caught:
        services.exempt(make_automation(), 8, reason="Why.", until=day(ahead), by=approver)
    assert list(caught.value.error_dict) == ["until"]


@pytest.mark.parametrize("ahead", [0, 90])
def test_an_attestation_lasts_from_today_to_ninety_days(ahead: int, editor: User) -> None:
    made = services.attest(make_automation(), 15, comment="Seen.", expires_on=day(ahead), by=editor)
    assert made.expires_on == day(ahead)


@pytest.mark.parametrize("ahead", [-1, 91])
def test_no_longer_attestation_is_taken(ahead: int, editor: User) -> None:
    with pytest.raises(ValidationError, match="Choose a day from today to") as caught:
        services.attest(make_automation(), 15, comment="Seen.", expires_on=day(ahead), by=editor)
    assert list(caught.value.error_dict) == ["expires_on"]


def test_a_withdrawn_attestation_opens_the_box_and_brings_none_back(editor: User) -> None:
    automation = make_automation()
    old = make_attestation(automation)
    newest = make_attestation(automation)
    assert checklists.current(automation).boxes[14].state == State.MET
    with pytest.raises(WrongState, match="holds no more"):
        services.withdraw_attestation(old, by=editor)
    services.withdraw_attestation(newest, by=editor)
    assert checklists.current(automation).boxes[14].state == State.NOT_MET
    assert AuditEvent.objects.get(action="withdraw attestation").by_name == "editor"
    with pytest.raises(WrongState, match="holds no more"):
        services.withdraw_attestation(newest, by=editor)


@pytest.mark.parametrize("role", ["viewer", "operator", "admin", "stranger"])
def test_others_withdraw_no_attestation(role: str, request: pytest.FixtureRequest) -> None:
    held = make_attestation(make_automation())
    with pytest.raises(NotAllowed):
        services.withdraw_attestation(held, by=request.getfixturevalue(role))
    held.refresh_from_db()
    assert held.expires_on > timezone.localdate()


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 1001])
def test_a_reason_is_needed_and_bounded(reason: str, approver: User) -> None:
    with pytest.raises(ValidationError) as caught:
        services.exempt(make_automation(), 8, reason=reason, until=day(1), by=approver)
    assert list(caught.value.error_dict) == ["reason"]


def test_what_no_database_stores_is_replaced(approver: User) -> None:
    held = services.exempt(make_automation(), 8, reason="a\x00b", until=day(1), by=approver)
    assert held.reason == "a\ufffdb"


@pytest.mark.parametrize("number", [0, 30, -1, 10**9])
def test_there_is_no_other_box(number: int, approver: User) -> None:
    automation = make_automation()
    with pytest.raises(WrongState, match="1 to 29"):
        services.exempt(automation, number, reason="Why.", until=day(1), by=approver)
    with pytest.raises(WrongState, match="1 to 29"):
        services.attest(automation, number, comment="Seen.", expires_on=day(1), by=approver)


def test_only_boxes_that_data_cannot_prove_are_attested(approver: User) -> None:
    with pytest.raises(WrongState, match="proved by data"):
        services.attest(make_automation(), 8, comment="Seen.", expires_on=day(1), by=approver)
    assert not Attestation.objects.exists()


def test_a_box_has_one_exemption_that_holds(approver: User) -> None:
    held = make_exemption(make_automation(), until=day(0))
    with pytest.raises(WrongState, match="is exempt until"):
        services.exempt(held.automation, 8, reason="Again.", until=day(9), by=approver)
    assert Exemption.objects.count() == 1


def test_an_expired_one_is_ended_and_replaced(approver: User) -> None:
    old = make_exemption(make_automation(), until=day(-1))
    services.exempt(old.automation, 8, reason="Again.", until=day(9), by=approver)
    old.refresh_from_db()
    assert old.ended_at is not None
    assert AuditEvent.objects.get(action="exempt box").before["until"] == f"{day(-1)}"


def test_an_exemption_ends_once(approver: User) -> None:
    held = make_exemption(make_automation())
    services.end_exemption(held, by=approver)
    with pytest.raises(WrongState, match="ended already"):
        services.end_exemption(held, by=approver)
    assert AuditEvent.objects.filter(action="end exemption").count() == 1


def test_an_attestation_is_kept_with_its_person(editor: User) -> None:
    automation = make_automation()
    made = services.attest(automation, 15, comment="Backup read.", expires_on=day(30), by=editor)
    assert (made.by, made.number) == (editor, 15)
    assert AuditEvent.objects.get(action="attest box").after["comment"] == "Backup read."


@pytest.mark.django_db(transaction=True)
def test_two_approvers_at_once_make_one_exemption(approver: User) -> None:
    automation, told = make_automation(), []

    def act(reason: str) -> None:
        try:
            services.exempt(automation, 8, reason=reason, until=day(5), by=approver)
            told.append("made")
        except WrongState:
            told.append("refused")
        finally:
            connections.close_all()

    approver.has_perm("lifecycle.add_exemption")  # cached: the threads share the person
    threads = [threading.Thread(target=act, args=(f"Reason {n}.",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["made", "refused", "refused", "refused"], connection.vendor
    assert Exemption.objects.filter(ended_at=None).count() == 1

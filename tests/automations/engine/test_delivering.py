"""Deliveries: intent first, one effect, and a question where nobody can know."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from automations import services
from automations.engine.claims import Scope, has_more
from automations.errors import WrongState
from automations.models import Delivery, Destination, Run
from tests.automations.engine.driving import claim_once, http_destination
from tests.makers import make_automation, make_destination, make_live, make_run
from tests.provider import FakeProvider

pytestmark = pytest.mark.django_db(transaction=True)


def delivered(
    server: FakeProvider, place: str, *, keyed: bool = True, claims: int = 1, timeout_s: int = 20
) -> tuple[Run, Delivery]:
    """Run to one destination of the fake server, with that many claims."""
    automation = make_automation("sender")
    http_destination(automation, server, place, keyed=keyed, timeout_s=timeout_s)
    run = make_run(make_live(automation, model="ok"))
    for _ in range(claims):
        claim_once(run)
    return run, Delivery.objects.get()


# --- the plain way -------------------------------------------------------------------------


def test_an_output_is_posted_once_under_its_key(answering: FakeProvider) -> None:
    run, delivery = delivered(answering, "keyed")
    assert (run.status, delivery.state, delivery.tries) == ("success", "delivered", 1)
    assert delivery.delivered_at is not None
    assert delivery.latency_ms is not None
    assert delivery.reference
    (parcel,) = answering.seen()["parcels"]
    assert parcel["headers"]["idempotency-key"] == f"run-{run.pk}-{delivery.destination_id}"
    assert parcel["json"]["output"] == run.output_data
    assert parcel["json"]["run_id"] == run.pk


def test_a_file_destination_writes_the_output(answering: FakeProvider) -> None:
    automation = make_automation("filer")
    make_destination(automation, kind="file", settings={"path": "out/{{ run_id }}.md"})
    run = claim_once(make_run(make_live(automation, model="ok")))
    root: Path = settings.FILE_ROOTS[0]
    assert run.status == "success"
    assert (root / f"out/{run.pk}.md").read_text(encoding="utf-8") == run.output_text


def test_every_active_destination_gets_it_and_the_others_do_not(answering: FakeProvider) -> None:
    automation = make_automation("sender")
    first = http_destination(automation, answering, "keyed")
    second = http_destination(automation, answering, "keyed")
    off = http_destination(automation, answering, "keyed")
    Destination.objects.filter(pk=off.pk).update(is_active=False)
    run = claim_once(make_run(make_live(automation, model="ok")))
    assert run.status == "success"
    sent = {f"run-{run.pk}-{d.pk}": 1 for d in (first, second)}
    assert answering.seen()["deliveries"] == sent


# --- failures ------------------------------------------------------------------------------


def test_a_destination_that_is_down_is_tried_again_when_it_says(answering: FakeProvider) -> None:
    before = timezone.now()
    run, delivery = delivered(answering, "status/503x2")
    assert (run.status, run.step, delivery.state) == ("queued", "deliver", "pending")
    assert timedelta(seconds=1) <= run.available_at - before < timedelta(seconds=3)
    for _ in range(2):
        claim_once(run)
    delivery.refresh_from_db()
    assert (run.status, delivery.state, delivery.tries) == ("success", "delivered", 3)
    assert delivery.error_message == ""
    assert answering.seen()["calls"] == 1
    assert answering.seen()["attempts"] == {delivery.key: 3}


def test_a_destination_that_never_answers_well_is_given_up(answering: FakeProvider) -> None:
    run, delivery = delivered(answering, "status/503", claims=Delivery.MAX_TRIES)
    assert (run.status, run.error_category, run.error_code) == (
        "failed",
        "delivery_error",
        "http_503",
    )
    assert (delivery.state, delivery.error_code) == ("failed", "http_503")
    assert delivery.tries == Delivery.MAX_TRIES
    assert run.output_data  # what was paid for is kept


def test_a_paused_automation_uses_up_no_try_and_gets_the_output_when_it_goes_on(
    answering: FakeProvider,
) -> None:
    after = make_live(make_automation("after"), model="ok").automation
    first = make_automation("first")
    make_destination(first, kind="automation", settings={"automation": "after"})
    services.pause(after, by=services.SYSTEM)
    run = make_run(make_live(first, model="ok"))
    for _ in range(Delivery.MAX_TRIES + 2):
        claim_once(run)
    delivery = Delivery.objects.get()
    assert (run.status, delivery.state, delivery.tries) == ("queued", "pending", 0)
    assert "is paused" in delivery.error_message
    assert run.available_at - timezone.now() > timedelta(minutes=4)
    assert not has_more(Scope(run_id=run.pk), now=timezone.now())
    services.resume(after, by=services.SYSTEM)
    run.refresh_from_db()
    assert run.available_at <= timezone.now()
    claim_once(run)
    delivery.refresh_from_db()
    assert (run.status, delivery.state, delivery.tries) == ("success", "delivered", 1)
    assert Run.objects.get(automation=after).priority == Run.USUAL
    assert answering.seen()["calls"] == 1


def test_a_refusal_is_not_repeated(answering: FakeProvider) -> None:
    run, delivery = delivered(answering, "status/403")
    assert (run.status, delivery.state, delivery.tries) == ("failed", "failed", 1)
    assert run.error_message == delivery.error_message
    assert "403" in delivery.error_message
    assert run.completed_at is not None


def test_one_destination_that_refuses_does_not_stop_the_other(answering: FakeProvider) -> None:
    automation = make_automation("sender")
    good = http_destination(automation, answering, "keyed")
    bad = http_destination(automation, answering, "status/403")
    run = claim_once(make_run(make_live(automation, model="ok")))
    states = dict(Delivery.objects.values_list("destination_id", "state"))
    assert states == {good.pk: "delivered", bad.pk: "failed"}
    assert run.status == "failed"


@pytest.mark.parametrize("place", ["reset", "status/500", "hang"])
def test_an_unkept_key_and_no_clear_answer_end_unknown_not_repeated(
    answering: FakeProvider, place: str
) -> None:
    run, delivery = delivered(answering, place, keyed=False, claims=2, timeout_s=1)
    assert (run.status, run.error_code, delivery.state) == ("failed", "delivery_unknown", "unknown")
    assert answering.seen()["attempts"] == {delivery.key: 1}
    assert run.error_message


def test_a_kept_key_makes_a_reset_harmless_to_repeat(answering: FakeProvider) -> None:
    run, delivery = delivered(answering, "reset")
    assert (run.status, delivery.state) == ("queued", "pending")
    Destination.objects.update(
        settings={**Destination.objects.get().settings, "url": f"{answering.url}/deliver/keyed"}
    )
    claim_once(run)
    delivery.refresh_from_db()
    assert (run.status, delivery.state) == ("success", "delivered")
    assert answering.seen()["attempts"] == {delivery.key: 2}


def test_a_private_address_nobody_allowed_is_refused_before_it_is_called(
    answering: FakeProvider, settings: object
) -> None:
    settings.OUTBOUND_ALLOW = {"destination": [], "provider": []}  # type: ignore[attr-defined]
    run, delivery = delivered(answering, "keyed")
    assert (run.status, delivery.state) == ("failed", "failed")
    assert answering.seen()["attempts"] == {}


# --- people decide -------------------------------------------------------------------------


def unknown(server: FakeProvider) -> tuple[Run, Delivery]:
    run, delivery = delivered(server, "hang", keyed=False, timeout_s=1)
    assert delivery.state == "unknown"
    return run, delivery


def test_an_unknown_delivery_is_sent_again_under_the_same_key_when_told(
    answering: FakeProvider,
) -> None:
    run, delivery = unknown(answering)
    Destination.objects.update(
        settings={**Destination.objects.get().settings, "url": f"{answering.url}/deliver/plain"}
    )
    assert services.send_again(delivery, by=services.SYSTEM).status == "queued"
    claim_once(run)
    delivery.refresh_from_db()
    assert (run.status, run.error_category, delivery.state) == ("success", "", "delivered")
    assert answering.seen()["attempts"] == {delivery.key: 2}
    assert answering.seen()["calls"] == 1


def test_an_unknown_delivery_that_a_person_found_ends_well_without_a_send(
    answering: FakeProvider,
) -> None:
    run, delivery = unknown(answering)
    services.mark_delivered(delivery, by=services.SYSTEM)
    claim_once(run)
    delivery.refresh_from_db()
    assert (run.status, delivery.state) == ("success", "delivered")
    assert delivery.delivered_at is not None
    assert answering.seen()["attempts"] == {delivery.key: 1}


def test_a_delivery_is_decided_about_only_once(answering: FakeProvider) -> None:
    _, delivery = unknown(answering)
    services.send_again(delivery, by=services.SYSTEM)
    with pytest.raises(WrongState):
        services.mark_delivered(delivery, by=services.SYSTEM)


def test_a_run_that_needs_approval_waits_and_then_sends_what_was_approved(
    answering: FakeProvider,
) -> None:
    automation = make_automation("careful", approval_required=True)
    http_destination(automation, answering, "keyed")
    run = claim_once(make_run(make_live(automation, model="ok")))
    assert (run.status, run.lease_owner, run.completed_at) == ("awaiting_approval", "", None)
    assert not Delivery.objects.exists()
    services.approve_delivery(run, by=services.SYSTEM)
    claim_once(run)
    assert (run.status, answering.seen()["calls"]) == ("success", 1)
    assert answering.seen()["deliveries"] == {Delivery.objects.get().key: 1}


def test_an_approved_output_goes_out_while_its_provider_is_in_trouble(
    answering: FakeProvider,
) -> None:
    automation = make_automation("careful", approval_required=True)
    http_destination(automation, answering, "keyed")
    version = make_live(automation, model="ok")
    run = claim_once(make_run(version))
    answering.script(behaviours=["401"])
    assert claim_once(make_run(version)).status == "failed"
    services.approve_delivery(run, by=services.SYSTEM)
    assert claim_once(run).status == "success"


def test_what_only_stays_here_needs_no_approval(answering: FakeProvider) -> None:
    automation = make_automation("kept", approval_required=True)
    make_destination(automation, kind="store_only")
    assert claim_once(make_run(make_live(automation, model="ok"))).status == "success"


# --- destinations that are wrong in themselves ----------------------------------------------


def test_an_address_that_is_gone_switches_its_destination_off(answering: FakeProvider) -> None:
    run, delivery = delivered(answering, "status/410")
    delivery.destination.refresh_from_db()
    assert (run.status, delivery.state, delivery.destination.is_active) == (
        "failed",
        "failed",
        False,
    )
    assert "switched off" in delivery.destination.test_message


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("carrier_pigeon", {}, "no destination of the kind carrier_pigeon"),
        ("slack", {"webhook": "env:DESTINATION_NOT_SET"}, "DESTINATION_NOT_SET is not set"),
        ("http", {}, "our fault"),
    ],
)
def test_a_broken_destination_fails_alone_with_a_sentence(
    answering: FakeProvider, kind: str, given: dict[str, str], said: str
) -> None:
    automation = make_automation("sender")
    good = http_destination(automation, answering, "keyed")
    bad = http_destination(automation, answering, "keyed")
    Destination.objects.filter(pk=bad.pk).update(kind=kind, settings=given)
    run = claim_once(make_run(make_live(automation, model="ok")))
    states = dict(Delivery.objects.values_list("destination_id", "state"))
    assert states[good.pk] == "delivered"
    assert states[bad.pk] in ("failed", "unknown")
    assert said in (run.error_message or "")
    assert (run.status, run.error_category) == ("failed", "delivery_error")

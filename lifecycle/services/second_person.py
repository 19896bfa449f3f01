"""Verbs on promotions that wait for a second person: agree, decline, withdraw."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from automations import services as ground
from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation
from automations.services.deadlocks import again_after_deadlock
from lifecycle import promotions
from lifecycle.models import Promotion, Team
from lifecycle.services.promotions import carry_out, lock, told, written

RIGHT = "lifecycle.change_promotion"
DECISIONS = APPROVE, DECLINE = "approve", "decline"
LEAST_CHARACTERS = 3  # of the answer with which a request is declined


@again_after_deadlock
def decide_promotion(
    promotion: Promotion, decision: str, *, by: Actor, answer: str = ""
) -> Promotion:
    """Grant a request ("approve"), and what was asked happens now; or "decline" it with an answer.

    The checklist is asked again and kept as it stands now. What cannot be granted as it was asked,
    because something changed meanwhile, stays open until it is declined or withdrawn.

    Raises:
        NotAllowed: the person is no approver.
        WrongState: their own request, decided or withdrawn meanwhile, something changed, or the
            checklist no longer allows it.
        ValidationError: declined without an answer.
    """
    ground.require(by, RIGHT)
    ground.require(by, promotions.RIGHT)
    if decision not in DECISIONS:
        raise WrongState("Choose: agree to the request, or decline it.")
    said = written(answer, least=0 if decision == APPROVE else LEAST_CHARACTERS)
    with transaction.atomic():
        current, waiting = _locked(promotion)
        _refuse_own(waiting, by)
        waiting.answer, waiting.decided_by_id = said, by.pk if by else None
        if decision == DECLINE:
            return _close(waiting, Promotion.State.DECLINED, by=by)
        if changed := promotions.what_changed(waiting, current):
            raise WrongState(
                f"This cannot be granted as it was asked: {changed}; decline it, then ask anew."
            )
        record("approve promotion", waiting, by=by, after=told(waiting))
        return carry_out(waiting, by=by)


@again_after_deadlock
def withdraw_promotion(promotion: Promotion, *, by: Actor) -> Promotion:
    """Take back one's own request.

    Raises:
        NotAllowed: the person is no approver.
        WrongState: somebody else's, or decided meanwhile.
    """
    ground.require(by, RIGHT)
    with transaction.atomic():
        _, waiting = _locked(promotion)
        if by is None or waiting.asked_by_id != by.pk:
            raise WrongState("Only who asked can withdraw a request; you can decline it.")
        return _close(waiting, Promotion.State.WITHDRAWN, by=by)


def _locked(promotion: Promotion) -> tuple[Automation, Promotion]:
    """Hold the automation, then the request, in the order of every move."""
    current = lock(promotion.automation)
    waiting = Promotion.objects.select_for_update(no_key=True).get(pk=promotion.pk)
    if not waiting.is_waiting:
        raise WrongState(f"This request was {_ended(waiting)} meanwhile.")
    waiting.automation = current
    if waiting.to_version:
        waiting.to_version.automation = current
    return current, waiting


def _ended(promotion: Promotion) -> str:
    return "granted" if promotion.state == Promotion.State.DONE else promotion.state


def _refuse_own(waiting: Promotion, by: Actor) -> None:
    """Refuse who asked, unless the team no longer wants a second person."""
    if by and waiting.asked_by_id == by.pk and Team.current().second_person:
        raise WrongState("Another approver must decide what you asked for; you can withdraw it.")


def _close(waiting: Promotion, state: Promotion.State, *, by: Actor) -> Promotion:
    waiting.state, waiting.decided_at = state, timezone.now()
    waiting.save(update_fields=["state", "decided_at", "decided_by", "answer"])
    verb = "decline" if state == Promotion.State.DECLINED else "withdraw"
    record(f"{verb} promotion", waiting, by=by, after={"answer": waiting.answer})
    return waiting

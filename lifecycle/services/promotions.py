"""Verbs on promotions: move between stages and move the live pointer, the checklist kept with it.

Nothing else calls the ground floor's `make_live` and `move_to_stage`, but the loader of the demo.
"""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from automations import services as ground
from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation, Version
from automations.services.deadlocks import again_after_deadlock
from automations.text import clean_text
from lifecycle import checklists, evaluating, promotions
from lifecycle.checklists import ChecklistView
from lifecycle.models import Checklist, Promotion, Team
from lifecycle.promotions import Gate

LEAST_CHARACTERS, MOST_CHARACTERS = 10, 2_000
OVERRIDE_RIGHT = promotions.RIGHT


@again_after_deadlock
def promote(
    automation: Automation, stage: str, *, by: Actor, reason: str = "", override: bool = False
) -> Promotion:
    """Move an automation to a stage, or ask for it where a second person decides.

    Forwards, and to production from wherever, the checklist must allow it, or an approver
    overrides it with a reason; backwards, into retirement and out of it to an earlier stage, it
    is not asked.

    Raises:
        NotAllowed: the person may not move it there, or may not override.
        WrongState: it is there already, no such stage, no live version, boxes are missing, or
            another request waits.
        ValidationError: an override without a reason of at least 10 characters.
    """
    with transaction.atomic():
        current = lock(automation)
        ground.require_move(current, stage, by=by)
        ground.require_place(current, stage)
        if current.stage == stage:
            raise WrongState(f"{current} is in {stage} already.")
        if override:
            ground.require(by, OVERRIDE_RIGHT)
        promotion = Promotion(
            automation=current,
            kind=Promotion.Kind.STAGE,
            from_stage=current.stage,
            to_stage=stage,
            to_version=current.live_version,
            overrides=override,
            reason=written(reason, least=LEAST_CHARACTERS if override else 0),
        )
        return _do_or_ask(promotion, by=by)


@again_after_deadlock
def go_live(version: Version, *, by: Actor, reason: str = "") -> Promotion:
    """Make a published version live, or ask for it where a second person decides.

    Raises:
        NotAllowed: the person may not change what is live.
        WrongState: it is a draft, it is live already, or another request waits.
    """
    with transaction.atomic():
        current, chosen = _locked_with(version)
        ground.require_live(current, by=by)
        if not chosen.is_published:
            raise WrongState(f"{chosen} is a draft; publish it first, then make it live.")
        if current.live_version_id == chosen.pk:
            raise WrongState(f"{chosen} is live already.")
        return _do_or_ask(_pointer(current, chosen, reason=reason), by=by)


@again_after_deadlock
def release(draft: Version, *, by: Actor, reason: str = "") -> Promotion:
    """Publish a draft and make it live, both or neither; or ask for both.

    Raises:
        NotAllowed: the person may not publish, or may not change what is live.
        WrongState: it is published already, or another request waits.
        ValidationError: the recipe is not complete.
    """
    with transaction.atomic():
        current, chosen = _locked_with(draft)
        ground.require(by, "automations.publish_version")
        ground.require_live(current, by=by)
        if chosen.is_published:
            raise WrongState(f"{chosen} is published already.")
        chosen.full_clean(exclude=["number"])
        promotion = _pointer(current, chosen, reason=reason)
        promotion.recipe_hash = promotions.recipe_hash(chosen)
        return _do_or_ask(promotion, by=by)


@again_after_deadlock
def roll_back(
    automation: Automation, *, by: Actor, reason: str = "", seen: int | None = None
) -> Promotion:
    """Make the version live again that was live before, or ask for it where a second decides.

    What has been live in production, and was not rolled back from since, needs no second person.

    New runs use it at once, running ones go on. `seen` is the key of the version that the person
    saw live, so that a second click does not roll forward again.

    Raises:
        NotAllowed: the person may not change what is live.
        WrongState: nothing was live before, another version is live by now, or it would have to
            wait while another request waits.
    """
    with transaction.atomic():
        current = lock(automation)
        ground.require_live(current, by=by)
        live = current.live_version
        if live is None:
            raise WrongState(f"{current} has no live version, so there is nothing to roll back.")
        if seen is not None and seen != live.pk:
            raise WrongState(f"v{live.number} is live by now; look again before you roll back.")
        before = promotions.version_before(current)
        if before is None:
            raise WrongState(f"No version was live before v{live.number}; there is no way back.")
        promotion = _pointer(current, before, reason=reason)
        promotion.kind = Promotion.Kind.ROLLBACK
        return _do_or_ask(promotion, by=by)


def lock(automation: Automation) -> Automation:
    """Return the automation, held until the transaction ends: moves go one after the other."""
    # Without a join: PostgreSQL reads a row anew that it had to wait for, but not what is joined.
    return Automation.objects.select_for_update(no_key=True).get(pk=automation.pk)


def _locked_with(version: Version) -> tuple[Automation, Version]:
    """Hold an automation and one of its versions, so that neither changes meanwhile."""
    current = lock(version.automation)
    chosen = Version.objects.select_for_update(no_key=True).get(pk=version.pk)
    chosen.automation = current
    return current, chosen


def _pointer(automation: Automation, version: Version, *, reason: str) -> Promotion:
    return Promotion(
        automation=automation,
        kind=Promotion.Kind.LIVE,
        from_version=automation.live_version,
        to_version=version,
        reason=written(reason),
    )


def written(text: str, *, least: int = 0) -> str:
    """Return a reason as it is kept.

    Raises:
        ValidationError: shorter than `least` or longer than 2,000 characters.
    """
    kept = clean_text(text).text.strip()
    if len(kept) < least:
        raise ValidationError({"reason": f"Write why, in at least {least} characters."})
    if len(kept) > MOST_CHARACTERS:
        told = f"Write at most {MOST_CHARACTERS:,} characters; these are {len(kept):,}."
        raise ValidationError({"reason": told})
    return kept


def _do_or_ask(promotion: Promotion, *, by: Actor) -> Promotion:
    promotion.asked_by_id = by.pk if by else None
    if promotions.waits_for_second(promotion, Team.current()):
        return _ask(promotion, by=by)
    return carry_out(promotion, by=by)


def _ask(promotion: Promotion, *, by: Actor) -> Promotion:
    """Keep a request: nothing moves; the checklist as it stands is kept with it."""
    _freeze(promotion, _look(promotion))
    promotion.state = Promotion.State.WAITING
    try:
        with transaction.atomic():
            promotion.save()
    except IntegrityError as error:
        raise WrongState(
            f"A request for {promotion.automation} waits already; decide or withdraw it first."
        ) from error
    record("ask for promotion", promotion, by=by, after=told(promotion))
    return promotion


def carry_out(promotion: Promotion, *, by: Actor) -> Promotion:
    """Make the move and keep it with the checklist as it stands; the automation is held.

    Raises:
        NotAllowed, ValidationError: as the ground floor's verbs.
        WrongState: boxes are missing and the checklist is not overridden.
    """
    _freeze(promotion, _look(promotion))
    promotion.state, promotion.decided_at = Promotion.State.DONE, timezone.now()
    promotion.from_stage = promotion.automation.stage
    if promotion.asked_by_id is None:
        promotion.asked_by_id = by.pk if by else None
    promotion.save()
    if promotion.overrides:
        record("override checklist", promotion, by=by, after=told(promotion))
    _move(promotion, by=by)
    return promotion


def _move(promotion: Promotion, *, by: Actor) -> None:
    if promotion.kind == Promotion.Kind.STAGE:
        ground.move_to_stage(promotion.automation, promotion.to_stage, by=by)
        return
    version = promotion.to_version
    assert version is not None  # noqa: S101  narrows: every pointer has its version
    if promotion.is_release and not version.is_published:
        # Who agrees need not have the right to publish: who asked has it.
        ground.publish_version(version, by=by, asked_by=promotion.asked_by)
    ground.make_live(version, by=by)


def _look(promotion: Promotion) -> ChecklistView:
    """Return the checklist as it stands now, looked at anew.

    A rollback takes what was found last: in an emergency nobody waits for evidence.
    """
    automation = promotion.automation
    if promotion.kind == Promotion.Kind.ROLLBACK:
        stored = Checklist.objects.filter(automation=automation).first()
        return checklists.read(automation, stored)
    return checklists.read(automation, evaluating.evaluate(automation))


def _freeze(promotion: Promotion, view: ChecklistView) -> None:
    """Keep all 29 boxes and what is owed; what is missing stops the move unless overridden."""
    gate = promotions.gate_of(promotion.automation, promotion.to_stage, view)
    promotion.overrides = promotion.overrides and not gate.allowed
    if not gate.allowed and not promotion.overrides:
        raise WrongState(refusal(promotion.automation, gate))
    owed = promotions.owed_after(gate, view)
    promotion.checklist = checklists.frozen(view)
    promotion.owed = [{"number": number, "due_on": str(due)} for number, due in owed]


def refusal(automation: Automation, gate: Gate) -> str:
    """Say what keeps an automation from a stage, and the ways out."""
    if not gate.missing:
        return (
            f"{automation} may not move to {gate.label} yet: {gate.objection} An approver may "
            "override this with a written reason."
        )
    besides = f" Besides, {gate.objection}" if gate.objection else ""
    names = promotions.in_words(gate.missing)
    return (
        f"{automation} may not move to {gate.label} yet: {gate.count}, {names}; tick what is "
        "missing, or an approver may exempt it or override the checklist with a written reason."
        f"{besides}"
    )


def told(promotion: Promotion) -> dict[str, object]:
    """Return what the audit trail keeps of a promotion."""
    version = promotion.to_version
    return {
        "kind": promotion.kind,
        "to": promotion.to_stage or (f"v{version.number}" if version else ""),
        "overrides": promotion.overrides,
        "reason": promotion.reason,
        "satisfied": promotion.ticked,
    }

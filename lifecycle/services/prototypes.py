"""Verbs on prototypes: start the clock, give it more time, end it with a verdict."""

from __future__ import annotations

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation, Run
from automations.services import SYSTEM, require
from automations.text import clean_text
from lifecycle import prototypes
from lifecycle.models import Extension, Prototype

MAX_REASON = 2_000
MOST_HOURS = 72


def start_prototype(automation: Automation, *, by: Actor, reason: str = "") -> Prototype:
    """Start the clock of 72 hours by hand; against an objection only with a reason, kept with it.

    Raises:
        NotAllowed: the person may not.
        WrongState: a prototype runs already, or the automation is in production or retired.
        ValidationError: something speaks against it and no reason was given (field `reason`).
    """
    require(by, "lifecycle.add_prototype")
    with transaction.atomic():
        automation = _locked(automation)
        _require_startable(automation)
        against = prototypes.objection(automation)
        told = _reason(reason, needed=against)
        prototype = _begin(automation, Prototype(started_by_id=by.pk if by else None), told)
        record("start prototype", prototype, by=by, after={**_told(prototype), "against": against})
    return prototype


def note_first_runs() -> int:
    """Start the clocks of early automations that have begun to run; return how many.

    A clock counts from the moment at which the first run in earnest was asked for.
    """
    waiting = prototypes.without_prototype(timezone.now())
    return sum(_note_first_run(automation, run) for automation, run in waiting)


def _note_first_run(automation: Automation, run: Run) -> bool:
    with transaction.atomic():
        automation = _locked(automation)
        if Prototype.objects.filter(automation=automation).exists():
            return False
        begun = Prototype(started_by_run_id=run.pk, started_at=run.queued_at)
        prototype = _begin(automation, begun, "")
        record("start prototype", prototype, by=SYSTEM, after={**_told(prototype), "run": run.pk})
    return True


def extend_prototype(prototype: Prototype, hours: int, *, by: Actor, reason: str) -> Extension:
    """Give a prototype 1 to 72 hours more: from its end, or from now when that has passed.

    Raises:
        NotAllowed: the person may not.
        WrongState: it has its verdict.
        ValidationError: other hours, or no reason.
    """
    require(by, "lifecycle.change_prototype")
    if type(hours) is not int or not 1 <= hours <= MOST_HOURS:
        raise ValidationError({"hours": f"An extension is 1 to {MOST_HOURS} hours long."})
    told = _reason(reason, needed="An extension needs a reason.")
    with transaction.atomic():
        locked = _open(prototype)
        before = {"due_at": locked.due_at.isoformat(timespec="seconds")}
        locked.due_at = max(locked.due_at, timezone.now()) + timedelta(hours=hours)
        locked.overdue_noted_at = None
        locked.save(update_fields=["due_at", "overdue_noted_at"])
        extension = Extension.objects.create(
            prototype=locked, hours=hours, reason=told, by_id=by.pk if by else None
        )
        after = {"hours": hours, "reason": told, **_told(locked)}
        record("extend prototype", locked, by=by, before=before, after=after)
    return extension


def decide_prototype(
    prototype: Prototype, verdict: str, *, by: Actor, reason: str = ""
) -> Prototype:
    """End a prototype with a verdict, and keep the four criteria as they stand at that moment.

    Raises:
        NotAllowed: the person may not.
        WrongState: it has its verdict.
        ValidationError: no such verdict, or one against the suggestion without a reason.
    """
    require(by, "lifecycle.change_prototype")
    if verdict not in Prototype.Verdict.values:
        raise ValidationError({"verdict": "Choose go, simplify, pivot or kill."})
    with transaction.atomic():
        locked = _open(prototype)
        measured = prototypes.measured_criteria(locked.automation)
        suggestion = prototypes.suggested(measured)
        needed = ""
        if prototypes.contradicts(verdict, suggestion):
            needed = f"The four criteria suggest “{suggestion.label}”; you decide otherwise."
        locked.reason = _reason(reason, needed=needed)
        locked.verdict, locked.suggested = verdict, suggestion.value
        locked.measured = prototypes.frozen(measured)
        locked.decided_at, locked.decided_by_id = timezone.now(), by.pk if by else None
        locked.save()
        record("decide prototype", locked, by=by, after=_verdict_of(locked))
    return locked


def note_overdue() -> int:
    """Note, once each, the prototypes whose time ran out without a verdict; return how many."""
    now = timezone.now()
    late = list(prototypes.overdue(now).filter(overdue_noted_at=None))
    return sum(_note_overdue(prototype) for prototype in late)


def _note_overdue(prototype: Prototype) -> bool:
    now = timezone.now()
    with transaction.atomic():
        still = prototypes.overdue(now).filter(pk=prototype.pk, overdue_noted_at=None)
        if not Prototype.objects.filter(pk__in=still.values("pk")).update(overdue_noted_at=now):
            return False
        record("prototype overdue", prototype, by=SYSTEM, after=_told(prototype))
    return True


def _locked(automation: Automation) -> Automation:
    """Return the automation as it is now; others that start its clock wait."""
    return Automation.objects.select_for_update(no_key=True).get(pk=automation.pk)


def _open(prototype: Prototype) -> Prototype:
    """Return a prototype as it is now, held, and still without a verdict."""
    locked = (
        Prototype.objects.select_for_update(of=("self",))
        .select_related("automation")
        .get(pk=prototype.pk)
    )
    if not locked.is_open:
        raise WrongState(
            f"This prototype has ended already, with “{locked.get_verdict_display()}”."
        )
    return locked


def _require_startable(automation: Automation) -> None:
    if automation.stage not in prototypes.EARLY:
        raise WrongState(
            f"{automation} is {automation.get_stage_display().lower()}; only an idea or a "
            "prototype has the clock of three days."
        )
    if Prototype.objects.filter(automation=automation, decided_at=None).exists():
        raise WrongState(f"The clock of {automation} is running already.")


def _begin(automation: Automation, prototype: Prototype, reason: str) -> Prototype:
    prototype.automation = automation
    prototype.start_reason = reason
    prototype.due_at = prototype.started_at + Prototype.LASTS
    prototype.save()
    return prototype


def _reason(text: str, *, needed: str) -> str:
    """Return a reason as it is kept; refuse none where one is needed, and one without end."""
    told = clean_text(text).text.strip()
    if needed and not told:
        raise ValidationError({"reason": f"{needed} Write the reason."})
    if len(told) > MAX_REASON:
        raise ValidationError({"reason": f"A reason has at most {MAX_REASON:,} characters."})
    return told


def _told(prototype: Prototype) -> dict[str, object]:
    return {
        "due_at": prototype.due_at.isoformat(timespec="seconds"),
        "reason": prototype.start_reason,
    }


def _verdict_of(prototype: Prototype) -> dict[str, object]:
    return {
        "verdict": prototype.verdict,
        "suggested": prototype.suggested,
        "reason": prototype.reason,
        "measured": prototype.measured,
    }

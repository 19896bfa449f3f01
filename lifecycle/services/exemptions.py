"""Verbs on single boxes: let one pass until a day, end that, vouch for one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation
from automations.services import require
from automations.text import clean_text
from lifecycle.models import Attestation, Exemption
from lifecycle.phases import BOXES, Box

LONGEST_EXEMPTION_DAYS = 365
LONGEST_ATTESTATION_DAYS = 90
MOST_CHARACTERS = 1000


def exempt(
    automation: Automation, number: int, *, reason: str, until: date, by: Actor
) -> Exemption:
    """Let a box pass up to and including a day, at most a year ahead.

    Raises:
        NotAllowed: the person may not exempt boxes.
        WrongState: there is no such box, or an exemption of it still holds.
        ValidationError: no reason, or a day that is past or too far ahead.
    """
    require(by, "lifecycle.add_exemption")
    box = _box(number)
    reason = _text(reason, field="reason")
    _require_ahead(until, field="until", days=LONGEST_EXEMPTION_DAYS)
    with transaction.atomic():
        # Two approvers at once: the second waits here, and then finds what the first has made.
        Automation.objects.select_for_update(no_key=True).get(pk=automation.pk)
        replaced = _end_expired(automation, box)
        made = Exemption.objects.create(
            automation=automation,
            number=number,
            reason=reason,
            until=until,
            by_id=by.pk if by else None,
        )
        record("exempt box", made, by=by, before=replaced, after=_facts(made))
    return made


def _end_expired(automation: Automation, box: Box) -> dict[str, Any]:
    """End the box's open exemption, of which the day must be over; return what it was."""
    held = Exemption.objects.filter(automation=automation, number=box.number, ended_at=None).first()
    if held is None:
        return {}
    if held.until >= timezone.localdate():
        message = f"“{box.title}” is exempt until {held.until:%-d %b %Y}; end that exemption first."
        raise WrongState(message)
    Exemption.objects.filter(pk=held.pk).update(ended_at=timezone.now())
    return _facts(held)


def end_exemption(exemption: Exemption, *, by: Actor) -> Exemption:
    """End an exemption now; the box stands for itself again.

    Raises:
        NotAllowed: the person may not end exemptions.
        WrongState: it has ended already.
    """
    require(by, "lifecycle.change_exemption")
    with transaction.atomic():
        still = Exemption.objects.filter(pk=exemption.pk, ended_at=None)
        if not still.update(ended_at=timezone.now()):
            raise WrongState("This exemption has ended already; look at the box again.")
        exemption.refresh_from_db()
        record("end exemption", exemption, by=by, before=_facts(exemption))
    return exemption


def attest(
    automation: Automation,
    number: int,
    *,
    comment: str,
    expires_on: date,
    by: Actor,
    backup_on: date | None = None,
) -> Attestation:
    """Vouch for a box that data cannot prove, at most for 90 days; the newest one counts.

    The date of the last backup, where it is known, stands at the head of the comment.

    Raises:
        NotAllowed: the person may not attest.
        WrongState: there is no such box, or data proves it.
        ValidationError: no comment, a day that is past or too far ahead, or a backup to come.
    """
    require(by, "lifecycle.add_attestation")
    box = _box(number)
    if not box.attestable:
        raise WrongState(f"“{box.title}” is proved by data; nobody can attest it.")
    comment = _text(comment, field="comment")
    _require_ahead(expires_on, field="expires_on", days=LONGEST_ATTESTATION_DAYS)
    if backup_on is not None:
        if backup_on > timezone.localdate():
            raise ValidationError({"backup_on": "Write the day of a backup that was made."})
        comment = f"last backup of {backup_on:%-d %b %Y}. {comment}"
    with transaction.atomic():
        made = Attestation.objects.create(
            automation=automation,
            number=number,
            comment=comment,
            expires_on=expires_on,
            by_id=by.pk if by else None,
        )
        after = {"number": number, "comment": comment, "expires_on": str(expires_on)}
        record("attest box", made, by=by, after=after)
    return made


def withdraw_attestation(attestation: Attestation, *, by: Actor) -> Attestation:
    """End an attestation: it held until yesterday; the one before it does not come back.

    Raises:
        NotAllowed: the person may not attest.
        WrongState: it holds no more, or a newer one counts.
    """
    require(by, "lifecycle.add_attestation")
    yesterday = timezone.localdate() - timedelta(days=1)
    with transaction.atomic():
        mine = Attestation.objects.filter(
            automation=attestation.automation, number=attestation.number
        )
        counting = mine.order_by("-pk").values_list("pk", flat=True).first()
        holding = mine.filter(pk=attestation.pk, expires_on__gt=yesterday)
        if counting != attestation.pk or not holding.update(expires_on=yesterday):
            raise WrongState("This attestation holds no more; look at the box again.")
        before = {"number": attestation.number, "expires_on": str(attestation.expires_on)}
        attestation.refresh_from_db()
        after = {"expires_on": str(yesterday)}
        record("withdraw attestation", attestation, by=by, before=before, after=after)
    return attestation


def _box(number: int) -> Box:
    found = BOXES.get(number)
    if found is None:
        raise WrongState(f"There is no box of that number; choose 1 to {len(BOXES)}.")
    return found


def _text(given: str, *, field: str) -> str:
    text = clean_text(given).text.strip()
    if not text:
        raise ValidationError({field: "Write why: whoever comes after you reads it."})
    if len(text) > MOST_CHARACTERS:
        told = f"Write at most {MOST_CHARACTERS:,} characters; these are {len(text):,}."
        raise ValidationError({field: told})
    return text


def _require_ahead(day: date, *, field: str, days: int) -> None:
    today = timezone.localdate()
    last = today + timedelta(days=days)
    if not today <= day <= last:
        told = f"Choose a day from today to {last:%-d %b %Y} ({days} days)."
        raise ValidationError({field: told})


def _facts(exemption: Exemption) -> dict[str, Any]:
    return {
        "number": exemption.number,
        "reason": exemption.reason,
        "until": str(exemption.until),
    }

"""Verbs on failure modes: write down what is done about one, change that, remove it."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation
from automations.services import require
from automations.text import clean_text
from lifecycle.failure_modes import What
from lifecycle.models import FailureMode

MAX_TITLE, MAX_RESPONSE = 200, 10_000


def write_failure_mode(
    automation: Automation, response: str, *, by: Actor, title: str = "", what: What | None = None
) -> FailureMode:
    """Write down a way to fail and what is done about it; `what` names what was observed.

    Raises:
        NotAllowed: the person may not.
        WrongState: this observation has its response already.
        ValidationError: no response, no title, or an observation that cannot be.
    """
    require(by, "lifecycle.add_failuremode")
    what = what or What()
    if not what.is_possible:
        raise ValidationError("No failure looks like this; choose one of those that were seen.")
    mode = FailureMode(
        automation=automation,
        error_category=what.error_category,
        error_code=what.error_code,
        review_reason=what.review_reason,
        written_by_id=by.pk if by else None,
    )
    _fill(mode, title or what.title, response)
    with transaction.atomic():
        # Two people who answer the same group at once: the second one sees the first.
        Automation.objects.select_for_update(no_key=True).get(pk=automation.pk)
        _require_unanswered(automation, what)
        mode.save()
        record("write failure mode", mode, by=by, after=_told(mode))
    return mode


def change_failure_mode(
    mode: FailureMode, response: str, *, by: Actor, title: str = ""
) -> FailureMode:
    """Change the words of a failure mode, not what it is about.

    Raises:
        NotAllowed: the person may not.
        WrongState: it was removed.
        ValidationError: no response, or no title.
    """
    require(by, "lifecycle.change_failuremode")
    with transaction.atomic():
        held = _held(mode)
        before = _told(held)
        _fill(held, title or held.title, response)
        held.written_at, held.written_by_id = timezone.now(), by.pk if by else None
        held.save()
        record("change failure mode", held, by=by, before=before, after=_told(held))
    return held


def remove_failure_mode(mode: FailureMode, *, by: Actor) -> None:
    """Remove a failure mode.

    Raises:
        NotAllowed: the person may not.
        WrongState: it was removed already.
    """
    require(by, "lifecycle.delete_failuremode")
    with transaction.atomic():
        held = _held(mode)
        record("remove failure mode", held, by=by, before=_told(held))
        held.delete()


def _held(mode: FailureMode) -> FailureMode:
    rows = FailureMode.objects.select_for_update(of=("self",)).select_related("automation")
    held = rows.filter(pk=mode.pk).first()
    if held is None:
        raise WrongState("This failure mode was removed already.")
    return held


def _require_unanswered(automation: Automation, what: What) -> None:
    if not what.query:
        return
    same = FailureMode.objects.filter(
        automation=automation,
        error_category=what.error_category,
        error_code=what.error_code,
        review_reason=what.review_reason,
    )
    if same.exists():
        raise WrongState(f"“{what.title}” has a response already; change that one.")


def _fill(mode: FailureMode, title: str, response: str) -> None:
    mode.title = clean_text(title).text.strip()
    mode.response = clean_text(response).text.strip()
    faults = {}
    if not mode.title:
        faults["title"] = "Say in a few words what goes wrong."
    elif len(mode.title) > MAX_TITLE:
        faults["title"] = f"A title has at most {MAX_TITLE} characters."
    if not mode.response:
        faults["response"] = "Write what you do when it happens, or did against it."
    elif len(mode.response) > MAX_RESPONSE:
        faults["response"] = f"A response has at most {MAX_RESPONSE:,} characters."
    if faults:
        raise ValidationError(faults)


def _told(mode: FailureMode) -> dict[str, object]:
    return {
        "title": mode.title,
        "about": mode.error_category or mode.review_reason,
        "code": mode.error_code,
        "response": mode.response,
    }

"""The history of triggers: what came of each time they were due or called."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from automations.models import Batch, Firing, HookMessage, Run, Trigger
from automations.text import clean_text

KEPT_FOR = timedelta(days=30)
MESSAGES_KEPT_FOR = timedelta(days=7)
FOLDED_FOR = timedelta(minutes=1)
REFUSALS_A_MINUTE = 10
NEWEST = 400  # more than the calls that one hook takes in a minute
AT_A_TIME = 1000


def note_firing(
    trigger: Trigger, outcome: str, *, note: str = "", intended_at: datetime | None = None,
    started: Run | Batch | None = None,
) -> Firing:  # fmt: skip
    """Keep what came of one time."""
    return Firing.objects.create(
        trigger=trigger,
        outcome=outcome,
        note=clean_text(note).text,
        intended_at=intended_at,
        run=started if isinstance(started, Run) else None,
        batch=started if isinstance(started, Batch) else None,
    )


def note_refused_call(trigger: Trigger, why: str) -> None:
    """Keep that a call was refused: within a minute the same refusal once, and ten at most.

    Anybody who knows an address can call it, so refusals must not fill the table.
    """
    why, since = clean_text(why).text, timezone.now() - FOLDED_FOR
    newest = Firing.objects.filter(trigger=trigger).order_by("-pk")
    rows = newest.values_list("at", "outcome", "note")[:NEWEST]
    kept = [note for at, outcome, note in rows if at > since and outcome == Firing.Outcome.REFUSED]
    if why not in kept and len(kept) < REFUSALS_A_MINUTE:
        note_firing(trigger, Firing.Outcome.REFUSED, note=why)


def forget_old_firings(*, now: datetime) -> int:
    """Remove firings after 30 days and message ids after 7; a bounded number at a time."""
    # Rows are written in the order of time, so looking at the oldest ones costs the same each time.
    oldest = Firing.objects.order_by("pk").values_list("pk", "at")[:AT_A_TIME]
    old = [pk for pk, at in oldest if at < now - KEPT_FOR]
    late = HookMessage.objects.filter(received_at__lt=now - MESSAGES_KEPT_FOR)
    messages = list(late.order_by("received_at").values_list("pk", flat=True)[:AT_A_TIME])
    gone = 0
    if old:
        gone += Firing.objects.filter(pk__in=old).delete()[0]
    if messages:
        gone += HookMessage.objects.filter(pk__in=messages).delete()[0]
    return gone

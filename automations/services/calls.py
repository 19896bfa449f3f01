"""Take a call of a hook: check who calls, make inputs of what it says, start each message once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from automations import signing
from automations.audit import Through, through
from automations.connectors.base import Item
from automations.errors import AutomationsError, NothingNew, Problem, WrongState
from automations.models import Control, Firing, Hook, HookMessage, RefusedAddress, Run
from automations.payloads import Ignored, Piece, Unfit, pieces_of
from automations.services.acting import SYSTEM
from automations.services.firings import MESSAGES_KEPT_FOR, note_firing, note_refused_call
from automations.services.hooks import hash_of, secrets_of
from automations.services.starting import Origin, runnable, start_items, submit_run

INTERVAL = timedelta(seconds=60 / 300)
BURST = timedelta(seconds=20)  # a hundred calls at once
IDEMPOTENCY = "idempotency-key"


class CallRefused(AutomationsError):
    """A call is not taken: `code` in snake_case, the message for the caller."""

    def __init__(self, code: str, message: str, *, retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Taken:
    """What a call started, and why parts of it were left alone."""

    runs: list[Run] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def find_hook(token: str) -> Hook:
    """Return the hook of an address.

    Raises:
        CallRefused: no such address, or it is switched off; nobody learns which.
    """
    related = "trigger__automation__live_version", "trigger__automation__source"
    known = Hook.objects.filter(token_hash=hash_of(token), trigger__is_active=True)
    hook = known.select_related(*related).first()
    if hook is None:
        raise CallRefused("not_found", "There is no hook at this address, or it is switched off.")
    return hook


def authenticate_call(hook: Hook, headers: Mapping[str, str], body: bytes, *, now: datetime) -> str:
    """Return a call's message id, "" when it names none.

    Raises:
        CallRefused: it must be signed and is not, by one of the secrets that count now.
    """
    if not hook.requires_signature:
        return _stated_id(headers)
    try:
        signed = signing.Signed.of(headers)
        return signing.verify(signed, body, known=secrets_of(hook), now=now)
    except signing.BadSignature as error:
        raise _unsigned(hook, str(error), now) from error
    except Problem as problem:
        why = "This hook's secret cannot be read here; make a new one on the trigger's page."
        note_refused_call(hook.trigger, why)
        raise CallRefused("secret_unreadable", why) from problem


def _unsigned(hook: Hook, why: str, now: datetime) -> CallRefused:
    """Return the refusal of a bad signature; its caller is slowed down, and then not noted.

    A good signature is never held up by it: whoever shares the address is not locked out.
    """
    came = through.get() or Through()
    wait_s = RefusedAddress.charge(came.address, now=now)
    if wait_s:
        slower = f"Too many calls with a bad signature; wait {wait_s} s."
        return CallRefused("rate_limited", slower, retry_after_s=wait_s)
    note_refused_call(hook.trigger, why)
    return CallRefused("bad_signature", why)


def take_call(hook: Hook, payload: Any, *, message_id: str, now: datetime) -> Taken:
    """Start a run for each piece of a call; a message that was taken before keeps its run.

    Raises:
        CallRefused: paused, halted, cannot run, not a fitting input, or too many calls.
    """
    try:
        _require_going(hook)
        pieces, ignored = pieces_of(hook.trigger, payload)
        with transaction.atomic():
            return _take(hook, pieces, ignored, message_id, now)
    except Unfit as error:
        refused = CallRefused("invalid_input", str(error))
    except WrongState as error:
        refused = CallRefused("not_runnable", str(error))
    except CallRefused as error:
        refused = error
    note_refused_call(hook.trigger, str(refused))
    raise refused


def _stated_id(headers: Mapping[str, str]) -> str:
    stated = headers.get("webhook-id") or headers.get(IDEMPOTENCY) or ""
    if stated and not (signing.is_message_id(stated.replace(".", "-"))):
        raise CallRefused(
            "bad_request",
            "The headers webhook-id and Idempotency-Key are up to 200 printable characters.",
        )
    return stated


def _require_going(hook: Hook) -> None:
    automation, control = hook.trigger.automation, Control.current()
    if control.halted_at:
        why = control.reason or "no reason was given"
        raise CallRefused("halted", f"All automations are stopped: {why}.")
    if automation.is_paused:
        raise CallRefused("paused", f"{automation} is paused; resume it before calling this hook.")
    runnable(automation)


def _take(
    hook: Hook, pieces: list[Piece], ignored: list[Ignored], message_id: str, now: datetime
) -> Taken:
    # The lock makes copies of one message wait for the first, and counts calls one by one.
    hook = Hook.objects.select_for_update(of=("self",)).select_related("trigger__automation").get(
        pk=hook.pk
    )  # fmt: skip
    taken = Taken(ignored=[str(reason) for reason in ignored])
    for number, piece in enumerate(pieces):
        named = _id_of(piece, message_id, number, len(pieces))
        _take_piece(hook, piece, named, taken, now)
    for reason in taken.ignored[:10]:
        note_firing(hook.trigger, Firing.Outcome.NOTHING, note=reason)
    hook.last_called_at = now
    hook.save(update_fields=["requests_at", "last_called_at"])
    hook.trigger.last_fired_at, hook.trigger.trouble = now, ""
    hook.trigger.save(update_fields=["last_fired_at", "trouble"])
    return taken


def _take_piece(hook: Hook, piece: Piece, named: str, taken: Taken, now: datetime) -> None:
    known = _taken_before(hook, named, now)
    if known:
        taken.runs.extend([known.run] if known.run else [])
        return
    _charge(hook, now)
    try:
        run = _start(hook, piece)
    except NothingNew as nothing:
        taken.ignored.append(str(nothing))
        return
    if named:
        HookMessage.objects.create(hook=hook, message_id=named, run=run)
    note_firing(hook.trigger, Firing.Outcome.STARTED, note=piece.note, started=run)
    taken.runs.append(run)


def _id_of(piece: Piece, message_id: str, number: int, count: int) -> str:
    """Return the id under which a piece is taken once: the sender's, else the event's own."""
    if not message_id:
        return piece.event_id
    return message_id if count == 1 else f"{message_id[:190]}#{number}"


def _taken_before(hook: Hook, named: str, now: datetime) -> HookMessage | None:
    if not named:
        return None
    mine = HookMessage.objects.filter(hook=hook, message_id=named)
    mine.filter(received_at__lt=now - MESSAGES_KEPT_FOR).delete()
    return mine.select_related("run").first()


def _start(hook: Hook, piece: Piece) -> Run:
    trigger = hook.trigger
    origin = Origin(Run.Origin.WEBHOOK, trigger=trigger)
    if not piece.item:
        return submit_run(trigger.automation, piece.data, by=SYSTEM, origin=origin)
    items = [Item(key=piece.item, label=piece.item)]
    started = start_items(runnable(trigger.automation), items, by=SYSTEM, origin=origin)
    if not isinstance(started, Run):
        raise TypeError("one item makes one run")
    return started


def _charge(hook: Hook, now: datetime) -> None:
    """Count a call against 300 a minute, at most a hundred at once (GCRA: one mark)."""
    used = max(hook.requests_at or now, now)
    wait = used + INTERVAL - now - BURST
    if wait > timedelta():
        seconds = int(wait.total_seconds()) + 1
        raise CallRefused(
            "rate_limited",
            f"This hook takes 300 calls a minute; call again in {seconds} s.",
            retry_after_s=seconds,
        )
    hook.requests_at = used + INTERVAL

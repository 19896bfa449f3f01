"""Verbs on triggers that others call: make their address and secret, change them, switch off."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from automations import encryption, signing, triggers
from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Hook, Trigger
from automations.services.acting import require
from automations.services.connections import save_connection

TOKEN_BYTES = 24
OLD_SECRET_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown once and kept only as a hash or sealed; empty: it is as it was."""

    token: str = ""
    secret: str = ""


def save_trigger(trigger: Trigger, *, by: Actor, requires_signature: bool = False) -> Shown:
    """Keep a trigger; one that others call gets its address, and a secret when calls are signed.

    Raises:
        NotAllowed: the person may not edit triggers.
        ValidationError: the settings are not what the kind needs.
        ImproperlyConfigured: there is no key to seal a secret with.
    """
    with transaction.atomic():
        # The hook's row before the trigger's, as calls lock them.
        known = Hook.objects.select_for_update().filter(trigger_id=trigger.pk).first()
        save_connection(trigger, by=by)
        if not triggers.kinds.get(trigger.kind).has_hook:
            return Shown()
        hook = known or Hook(trigger=trigger)
        shown = Shown(
            token="" if hook.pk else _new_token(hook),
            secret=_new_secret(hook) if requires_signature and not hook.secret_sealed else "",
        )
        before = {"requires_signature": hook.requires_signature} if hook.pk else {}
        hook.requires_signature = requires_signature
        hook.save()
        after = {"requires_signature": requires_signature, "address": str(hook)}
        record("save hook", trigger, by=by, before=before, after=after)
    return shown


def rotate_address(trigger: Trigger, *, by: Actor) -> Shown:
    """Give a hook a new address; the old one answers 404 at once."""
    require(by, "automations.change_trigger")
    with transaction.atomic():
        hook = _locked(trigger)
        before = {"address": str(hook)}
        token = _new_token(hook)
        hook.save(update_fields=["token_hash", "token_hint"])
        record("rotate address", trigger, by=by, before=before, after={"address": str(hook)})
    return Shown(token=token)


def rotate_secret(trigger: Trigger, *, by: Actor) -> Shown:
    """Give a hook a new secret; the old one stays valid for a day, so that senders can change."""
    require(by, "automations.change_trigger")
    with transaction.atomic():
        hook = _locked(trigger)
        hook.old_secret_sealed = hook.secret_sealed
        hook.old_secret_until = timezone.now() + OLD_SECRET_FOR if hook.secret_sealed else None
        secret = _new_secret(hook)
        hook.save(update_fields=["secret_sealed", "old_secret_sealed", "old_secret_until"])
        record("rotate secret", trigger, by=by)
    return Shown(secret=secret)


def end_old_secret(trigger: Trigger, *, by: Actor) -> None:
    """Stop taking what the secret before the last rotation signed: it may have leaked."""
    require(by, "automations.change_trigger")
    with transaction.atomic():
        hook = _locked(trigger)
        hook.old_secret_sealed, hook.old_secret_until = "", None
        hook.save(update_fields=["old_secret_sealed", "old_secret_until"])
        record("end old secret", trigger, by=by)


def hash_of(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def secrets_of(hook: Hook) -> list[str]:
    """Return the secrets that count now, the newest first.

    Raises:
        Problem: a secret cannot be read.
    """
    sealed = [hook.secret_sealed]
    if hook.old_secret_until and hook.old_secret_until > timezone.now():
        sealed.append(hook.old_secret_sealed)
    return [encryption.unseal(text, binding=str(hook.binding)) for text in sealed if text]


def reseal(hook: Hook, *, by: Actor) -> None:
    """Encrypt a hook's secrets afresh under the first of today's keys."""
    require(by, "automations.change_trigger")
    for name in ("secret_sealed", "old_secret_sealed"):
        if sealed := getattr(hook, name):
            setattr(hook, name, encryption.rotate(sealed))
    hook.save(update_fields=["secret_sealed", "old_secret_sealed"])
    record("rotate key", hook.trigger, by=by)


def _locked(trigger: Trigger) -> Hook:
    hook = Hook.objects.select_for_update().filter(trigger=trigger).first()
    if hook is None:
        raise WrongState(f"{trigger} has no address of its own; only webhooks have one.")
    return hook


def _new_token(hook: Hook) -> str:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    hook.token_hash, hook.token_hint = hash_of(token), token[:6]
    return token


def _new_secret(hook: Hook) -> str:
    secret = signing.new_secret()
    hook.secret_sealed = encryption.seal(secret, binding=str(hook.binding))
    return secret

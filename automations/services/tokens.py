"""Verbs on API tokens: make, revoke, recognise."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from automations.audit import Actor, record
from automations.bearer import make_token, read_token
from automations.errors import NotAllowed, WrongState
from automations.models import ApiToken
from automations.services.acting import require

DEFAULT_DAYS, MAX_DAYS = 90, 365
NOBODY = "0" * 64  # no token has this hash; comparing with it takes as long as with a real one


def create_token(
    user: User, *, name: str, scopes: Sequence[str], days: int, by: Actor
) -> tuple[ApiToken, str]:
    """Make a token that acts as `user` for `days` days; return it and its text, shown this once.

    Raises:
        NotAllowed: the person may not, or is no superuser and `user` is one.
        WrongState: `user` is not active.
        ValidationError: no scope, an unknown one, or a life outside 1 to 365 days.
    """
    require(by, "automations.add_apitoken")
    if user.is_superuser and not getattr(by, "is_superuser", False):
        raise NotAllowed("Only a superuser makes a token that acts as a superuser; ask one.")
    if not user.is_active:
        raise WrongState(f"{user} is not active, so no token could act as them; choose another.")
    if not 1 <= days <= MAX_DAYS:
        raise ValidationError({"days": f"A token lives 1 to {MAX_DAYS} days."})
    made = make_token()
    token = ApiToken(
        user=user, name=name.strip(), prefix=made.prefix, secret_hash=made.secret_hash,
        scopes=sorted(set(scopes)), created_by_id=by.pk if by else None,
        expires_at=timezone.now() + timedelta(days=days),
    )  # fmt: skip
    token.full_clean()
    with transaction.atomic():
        token.save()
        record("create token", token, by=by, after=_told(token))
    return token, made.text


def revoke_token(token: ApiToken, *, by: Actor) -> ApiToken:
    """End a token's life now; requests with it are refused from the next one on.

    Raises:
        WrongState: it is revoked already.
    """
    require(by, "automations.change_apitoken")
    now = timezone.now()
    with transaction.atomic():
        live = ApiToken.objects.filter(pk=token.pk, revoked_at=None)
        if not live.update(revoked_at=now):
            raise WrongState(f"{token} is revoked already.")
        record("revoke token", token, by=by, before=_told(token))
    token.revoked_at = now
    return token


def find_token(text: str) -> ApiToken | None:
    """Return the token that this text proves, whatever its state; None when it proves none."""
    given = read_token(text)
    if given is None:
        return None
    found = ApiToken.objects.select_related("user").filter(prefix=given.prefix).first()
    stored = found.secret_hash if found else NOBODY
    return found if hmac.compare_digest(stored, given.secret_hash) else None


def _told(token: ApiToken) -> dict[str, object]:
    return {
        "person": token.user.get_username(),
        "scopes": token.scopes,
        "expires": token.expires_at.isoformat(timespec="seconds"),
    }

"""Record a change in the audit trail."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

from automations import signals
from automations.models.audit import AuditEvent

Actor = AbstractBaseUser | AnonymousUser | None
SYSTEM = "system"


@dataclass(slots=True)
class Through:
    """How the request at hand came: from which address, with which API token's prefix."""

    address: str = ""
    token: str = ""


# One per request, set by the outermost middleware; empty in workers and commands.
through: ContextVar[Through | None] = ContextVar("through", default=None)


def record(
    action: str,
    subject: models.Model,
    *,
    by: Actor,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEvent:
    """Append one event; call it inside the transaction of the change it tells of."""
    known = by if by is not None and by.pk else None
    came = through.get() or Through()
    event = AuditEvent.objects.create(
        by_id=known.pk if known else None,
        by_name=known.get_username() if known else SYSTEM,
        address=came.address,
        token=came.token,
        action=action,
        object_type=subject._meta.model_name or "",
        object_id=str(subject.pk),
        object_name=str(subject)[:200],
        before=before or {},
        after=after or {},
    )
    signals.recorded.send(type(subject), subject=subject, event=event)
    return event

"""Record a change in the audit trail."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

from automations.models.audit import AuditEvent

Actor = AbstractBaseUser | AnonymousUser | None
SYSTEM = "system"


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
    return AuditEvent.objects.create(
        by_id=known.pk if known else None,
        by_name=known.get_username() if known else SYSTEM,
        action=action,
        object_type=subject._meta.model_name or "",
        object_id=str(subject.pk),
        object_name=str(subject)[:200],
        before=before or {},
        after=after or {},
    )

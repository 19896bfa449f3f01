"""The audit trail: who did what, when, to which object."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from automations.errors import WrongState


class AuditEvent(models.Model):
    """One change; append-only, written in the transaction of the change it tells of."""

    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    by_name = models.CharField(max_length=150)
    token = models.CharField(
        max_length=16, blank=True, default="", db_default="", help_text="Prefix of the API token."
    )
    address = models.CharField(max_length=45, blank=True, default="", db_default="")
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60)
    object_name = models.CharField(max_length=200)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # an object's history page
            models.Index(fields=["object_type", "object_id", "-id"], name="idx_audit_object")
        ]

    def __str__(self) -> str:
        return f"{self.by_name}: {self.action} {self.object_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Append the event.

        Raises:
            WrongState: the event is stored already; the trail is never rewritten.
        """
        if self.pk:
            raise WrongState("The audit trail is never rewritten.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse.

        Raises:
            WrongState: always; what happened stays written.
        """
        raise WrongState("The audit trail is never rewritten.")

"""The hook: a public address that starts runs, and the messages it has taken."""

from __future__ import annotations

import uuid

from django.db import models

from automations.models.connection import Trigger
from automations.models.run import Run


class Hook(models.Model):
    """The public side of a webhook or object-event trigger: `/hooks/<token>/`.

    Only the token's hash is stored. Signing secrets are encrypted, bound to this row; while one is
    rotated the old one stays valid until `old_secret_until`.
    """

    trigger = models.OneToOneField(Trigger, models.CASCADE, related_name="hook")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    token_hint = models.CharField(max_length=16, editable=False, help_text="Its first characters.")
    requires_signature = models.BooleanField(default=False)
    binding = models.UUIDField(default=uuid.uuid4, editable=False)
    secret_sealed = models.TextField(blank=True, editable=False)
    old_secret_sealed = models.TextField(blank=True, editable=False)
    old_secret_until = models.DateTimeField(null=True, editable=False)
    requests_at = models.DateTimeField(null=True, editable=False, help_text="GCRA mark.")
    last_called_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.token_hint}..."


class HookMessage(models.Model):
    """One message id that a hook has taken; the same id again gets the same run."""

    hook = models.ForeignKey(Hook, models.CASCADE, related_name="messages", db_index=False)
    message_id = models.CharField(max_length=200)
    received_at = models.DateTimeField(auto_now_add=True, db_index=True)
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hook", "message_id"], name="hook_message_once")
        ]

    def __str__(self) -> str:
        return self.message_id

"""The API token: a program's right to act for a person, within scopes, until a day."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

SCOPES = {
    "automations:read": "List the automations and what input they take.",
    "runs:read": "See runs and batches, with their input and output.",
    "runs:create": "Start runs.",
    "runs:cancel": "Cancel runs and batches.",
    "batches:create": "Start batches.",
}
USE_NOTED_EVERY = timedelta(minutes=1)
WINDOW = timedelta(minutes=1)


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def charge(self, token: ApiToken, *, per_minute: int, now: datetime) -> int:
        """Count one request; return 0, or the seconds to wait when the token has used its rate.

        GCRA over one timestamp: a minute's worth may come at once, then it flows evenly. Each
        statement is one conditional UPDATE, so that parallel requests need no lock.
        """
        interval = WINDOW / per_minute
        row = self.filter(pk=token.pk)
        noted = token.last_used_at
        used = {} if noted and now - noted < USE_NOTED_EVERY else {"last_used_at": now}
        rested = Q(requests_at=None) | Q(requests_at__lt=now)
        if row.filter(rested).update(requests_at=now + interval, **used):
            return 0
        limit = now + WINDOW - interval
        if row.filter(requests_at__lte=limit).update(requests_at=F("requests_at") + interval):
            return 0
        mark = row.values_list("requests_at", flat=True).first() or now
        return max(1, math.ceil((mark - limit).total_seconds()))


class ApiToken(models.Model):
    """A bearer token; only its hash is stored, it is shown once, and it always expires.

    It acts as `user`, with that person's rights narrowed to `scopes`.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80, help_text="What uses it, for example “Nightly import”.")
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", editable=False
    )
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    requests_at = models.DateTimeField(null=True, editable=False, help_text="GCRA mark.")

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...)"

    def clean(self) -> None:
        unknown = sorted(set(self.scopes) - set(SCOPES))
        if unknown:
            known = ", ".join(SCOPES)
            raise ValidationError({"scopes": f"There is no scope {unknown[0]!r}; known: {known}."})
        if not self.scopes:
            raise ValidationError({"scopes": "Choose at least one scope."})

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()

    @property
    def state(self) -> str:
        if self.revoked_at:
            return "revoked"
        return "live" if self.is_live else "expired"


class RefusedAddress(models.Model):
    """An address from which tokens were refused; its mark limits how often it is answered.

    In the database, because every web process must see it; a row lives an hour.
    """

    AT_ONCE = 20
    INTERVAL = timedelta(seconds=6)
    KEPT = timedelta(hours=1)

    address = models.CharField(max_length=45, unique=True)
    refused_at = models.DateTimeField(db_index=True, help_text="GCRA mark.")

    class Meta:
        verbose_name_plural = "refused addresses"

    def __str__(self) -> str:
        return self.address

    @classmethod
    def charge(cls, address: str, *, now: datetime) -> int:
        """Count a refused token; return 0, or the seconds to wait when there were too many.

        Beyond the limit nothing is written: a flood of guesses costs one indexed read each.
        """
        limit = now + cls.INTERVAL * (cls.AT_ONCE - 1)
        row = cls.objects.filter(address=address)
        mark = row.values_list("refused_at", flat=True).first()
        if mark is None:
            cls.objects.filter(refused_at__lt=now - cls.KEPT).delete()
            first = {"refused_at": now + cls.INTERVAL}
            if cls.objects.get_or_create(address=address, defaults=first)[1]:
                return 0
        elif mark > limit:
            wait: timedelta = mark - limit
            return math.ceil(wait.total_seconds())
        # One conditional UPDATE each, so that guesses at the same time all count.
        rested = row.filter(refused_at__lt=now).update(refused_at=now + cls.INTERVAL)
        more = row.filter(refused_at__lte=limit)
        counted = rested or more.update(refused_at=F("refused_at") + cls.INTERVAL)
        return 0 if counted else math.ceil(cls.INTERVAL.total_seconds())

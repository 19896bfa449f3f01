"""The provider: an OpenAI-compatible endpoint with its key, limits and present state."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from automations import encryption

# An administrator must not be able to send the installation's own secrets to an endpoint.
OUR_OWN = {"SECRET_KEY", "FIELD_ENCRYPTION_KEY"}
NOT_A_PROVIDERS = "Name a provider's key: a variable of its own that ends in _KEY or _TOKEN."


class ProviderQuerySet(models.QuerySet["Provider"]):
    def default(self) -> Provider:
        """Return the provider that follows the environment, made on first use."""
        found, _ = self.get_or_create(
            kind=Provider.Kind.DEFAULT, defaults={"name": Provider.DEFAULT_NAME}
        )
        return found


class Provider(models.Model):
    """Where model calls go.

    Exactly one row is the *default*: it reads endpoint, key and model from the environment each
    time a run starts, and is the embedded model when neither endpoint nor key is set. A typed key
    is encrypted, bound to its row, and cleared when the base URL changes.
    """

    class Kind(models.TextChoices):
        DEFAULT = "default", "Default (from the environment, else the embedded model)"
        ENDPOINT = "endpoint", "OpenAI-compatible endpoint"
        EMBEDDED = "embedded", "Embedded model"

    DEFAULT_NAME = "Default"
    CIRCUIT = (
        "circuit_opened_at", "circuit_reason", "circuit_is_outage", "failures_in_row",
        "failing_since", "probe_at",
    )  # fmt: skip

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.ENDPOINT)
    base_url = models.URLField(
        "base URL", max_length=300, blank=True, help_text="For example https://api.openai.com/v1"
    )
    api_key_env = models.CharField(
        "key variable",
        max_length=80,
        blank=True,
        validators=[RegexValidator(r"^[A-Z][A-Z0-9_]*$", "Use A-Z, 0-9 and _, e.g. MY_API_KEY.")],
        help_text="Name of the environment variable that holds the key.",
    )
    api_key_sealed = models.TextField(blank=True, editable=False)
    key_binding = models.UUIDField(default=uuid.uuid4, editable=False)
    default_model = models.CharField(max_length=120, blank=True)
    max_concurrency = models.PositiveIntegerField(
        null=True,
        blank=True,
        default=16,
        validators=[MinValueValidator(1)],
        help_text="Calls in flight over all machines; empty: no limit. The embedded model takes 1.",
    )
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )
    tokens_per_minute = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )
    # What the engine learned, over all machines. `state_of` names the endpoint it is about.
    state_of = models.CharField(max_length=64, blank=True, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    working_concurrency = models.FloatField(null=True, editable=False)
    requests_at = models.DateTimeField(null=True, editable=False)
    tokens_at = models.DateTimeField(null=True, editable=False)
    circuit_opened_at = models.DateTimeField(null=True, editable=False)
    circuit_reason = models.TextField(blank=True, editable=False)
    circuit_is_outage = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Opened by failures in a row: probes close it by themselves.",
    )
    failures_in_row = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    probe_at = models.DateTimeField(null=True, editable=False)
    tested_at = models.DateTimeField(null=True, editable=False)
    test_passed = models.BooleanField(null=True, editable=False)
    test_message = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProviderQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(kind="default"), name="one_default_provider"
            )
        ]
        permissions = [("test_provider", "Can test a provider's connection")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.kind == self.Kind.ENDPOINT and not self.base_url:
            raise ValidationError({"base_url": "An endpoint needs its base URL."})
        if self.kind != self.Kind.ENDPOINT and (self.base_url or self.api_key_env):
            raise ValidationError("Only an endpoint has a base URL and a key of its own.")
        if self.api_key_env and not _is_a_providers(self.api_key_env):
            raise ValidationError({"api_key_env": NOT_A_PROVIDERS})

    @property
    def has_key(self) -> bool:
        return bool(self.api_key_sealed or self.api_key_env)

    @property
    def circuit_is_open(self) -> bool:
        return self.circuit_opened_at is not None

    @property
    def is_paused(self) -> bool:
        return self.paused_until is not None and self.paused_until > timezone.now()

    @property
    def is_being_tested(self) -> bool:
        return self.tested_at is not None and self.test_passed is None

    def forget_circuit(self) -> None:
        """Start with a closed circuit. Does not save: `CIRCUIT` names the columns."""
        self.circuit_opened_at, self.circuit_reason = None, ""
        self.circuit_is_outage, self.probe_at = False, None
        self.failures_in_row, self.failing_since = 0, None

    def seal_key(self, key: str) -> None:
        """Keep `key` encrypted, bound to this row; an empty one clears it. Does not save."""
        self.api_key_sealed = encryption.seal(key, binding=str(self.key_binding)) if key else ""

    def open_key(self) -> str:
        """Return the typed key in plain text, or an empty string.

        Raises:
            Problem: the stored key cannot be opened with today's FIELD_ENCRYPTION_KEY.
        """
        if not self.api_key_sealed:
            return ""
        return encryption.unseal(self.api_key_sealed, binding=str(self.key_binding))


def _is_a_providers(variable: str) -> bool:
    return variable.endswith(("_KEY", "_TOKEN")) and variable not in OUR_OWN

"""The version: the immutable recipe of an automation, and its validators."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse

from automations import prompts, schemas, validators
from automations.errors import WrongState
from automations.models.automation import Automation
from automations.redaction import find_secrets
from automations.strict_json import StrictJSONField


class VersionQuerySet(models.QuerySet["Version"]):
    def published(self) -> VersionQuerySet:
        return self.exclude(published_at=None)

    def drafts(self) -> VersionQuerySet:
        return self.filter(published_at=None)


class Version(models.Model):
    """The recipe of an automation: prompts, model, parameters, schema, validators, retries.

    Once published it never changes; editing makes a new draft.
    """

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(editable=False)
    note = models.CharField(max_length=200, blank=True, help_text="What is different, and why.")
    system_prompt = models.TextField(blank=True, help_text="Who the model is and its rules.")
    user_prompt = models.TextField(
        default="{{ content }}",
        help_text="The request. {{ name }} inserts an input field; nothing else is a construct.",
    )
    examples = StrictJSONField(
        default=list,
        blank=True,
        help_text='Worked examples shown to the model: [{"input": "...", "output": "..."}].',
    )
    provider = models.ForeignKey("automations.Provider", models.PROTECT, related_name="versions")
    model = models.CharField(
        max_length=120, blank=True, help_text="Empty: the provider's own default model."
    )
    fallback_models = StrictJSONField(
        default=list, blank=True, help_text="Tried in order when a model is gone or too small."
    )
    temperature = models.FloatField(
        default=0.3, validators=[MinValueValidator(0), MaxValueValidator(2)]
    )
    max_output_tokens = models.PositiveIntegerField(
        default=600, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    parameters = StrictJSONField(
        default=dict, blank=True, help_text="Further parameters: top_p, seed, stop."
    )
    output_schema = StrictJSONField(
        null=True, blank=True, help_text="JSON Schema the answer must fit; empty for plain text."
    )
    output_template = models.TextField(
        blank=True, help_text="Composes the text from the schema's fields: {{ field }}."
    )
    max_attempts = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    max_repairs = models.PositiveSmallIntegerField(default=1, validators=[MaxValueValidator(3)])
    call_timeout_s = models.PositiveIntegerField(
        default=120, validators=[MinValueValidator(1), MaxValueValidator(3000)]
    )
    deadline_s = models.PositiveIntegerField(
        default=900,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
        help_text="Wall-clock cap of a run from its first attempt, retries included.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    published_at = models.DateTimeField(null=True, editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ["automation_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["automation", "number"], name="version_number_once")
        ]
        permissions = [
            ("publish_version", "Can publish drafts"),
            ("make_live", "Can make versions live in production"),
        ]

    def __str__(self) -> str:
        return f"{self.automation.name} v{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save a draft.

        Raises:
            WrongState: the stored row is published, and published versions never change.
        """
        if self.pk and Version.objects.published().filter(pk=self.pk).exists():
            raise WrongState(f"{self} is published and never changes; make a new draft from it.")
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("version", args=[self.pk])

    @property
    def is_published(self) -> bool:
        return self.published_at is not None

    @property
    def is_live(self) -> bool:
        return self.automation.live_version_id == self.pk

    def clean(self) -> None:
        found = {
            "system_prompt": self._prompt_problems(self.system_prompt),
            "user_prompt": self._prompt_problems(self.user_prompt),
            "output_schema": self._schema_problems(),
            "output_template": self._template_problems(),
            "examples": _example_problems(self.examples),
            "parameters": _parameter_problems(self.parameters),
            "fallback_models": _names_problems(self.fallback_models),
        }
        problems = {field: sentences for field, sentences in found.items() if sentences}
        if problems:
            raise ValidationError(problems)

    def _prompt_problems(self, text: str) -> list[str]:
        return [*prompts.check(text, self.automation.input_names), *_secret_problems(text)]

    def _schema_problems(self) -> list[str]:
        return [] if self.output_schema is None else schemas.check_schema(self.output_schema)

    def _template_problems(self) -> list[str]:
        if not self.output_template:
            return []
        if not self.output_schema:
            return ["A template needs an output schema: its {{ names }} are the schema's fields."]
        if self._schema_problems():
            return []
        known = list(self.output_schema.get("properties", {}))
        required = self.output_schema.get("required", [])
        return prompts.check(self.output_template, known) + [
            f"`{name}` is not required by the schema, so it may be missing; add it to required."
            for name in prompts.names_in(self.output_template)
            if name in known and name not in required
        ]


class ValidatorRule(models.Model):
    """One check of a version's input or output; changes only while the version is a draft."""

    class Direction(models.TextChoices):
        INPUT = "input", "Input"
        OUTPUT = "output", "Output"

    version = models.ForeignKey(Version, models.CASCADE, related_name="validator_rules")
    direction = models.CharField(max_length=8, choices=Direction)
    kind = models.CharField(max_length=40)
    settings = StrictJSONField(default=dict, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["version_id", "direction", "position", "id"]

    def __str__(self) -> str:
        return f"{self.get_direction_display()}: {self.kind}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save a draft's rule.

        Raises:
            WrongState: the version is published.
        """
        _refuse_published([self.version_id])
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete a draft's rule.

        Raises:
            WrongState: the version is published.
        """
        _refuse_published([self.version_id])
        return super().delete(*args, **kwargs)

    def clean(self) -> None:
        self.settings = validators.clean_settings(self.kind, self.settings, self.direction)


def _refuse_published(version_ids: Iterable[int]) -> None:
    if Version.objects.published().filter(pk__in=version_ids).exists():
        raise WrongState("This version is published and never changes; make a new draft from it.")


def _secret_problems(text: str) -> list[str]:
    return [
        f"Character {start + 1} begins what looks like a secret ({kind}); "
        "put it in the environment and name the variable instead."
        for start, kind in find_secrets(text)
    ]


def _example_problems(examples: object) -> list[str]:
    fits = isinstance(examples, list) and all(
        isinstance(e, dict) and set(e) == {"input", "output"} for e in examples
    )
    return [] if fits else ['Write a list of {"input": ..., "output": ...} objects.']


def _parameter_problems(parameters: object) -> list[str]:
    if not isinstance(parameters, dict):
        return ['Write a JSON object, for example {"seed": 7}.']
    unknown = sorted(set(parameters) - {"top_p", "seed", "stop"})
    return (
        [f"Unknown parameters: {', '.join(unknown)}. Known: top_p, seed, stop."] if unknown else []
    )


def _names_problems(names: object) -> list[str]:
    fits = isinstance(names, list) and all(isinstance(n, str) and n for n in names)
    return [] if fits else ["Write a list of model names."]

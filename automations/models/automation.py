"""The automation: one thing the team automates."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.urls import reverse

from automations.schemas import check_input_schema
from automations.strict_json import StrictJSONField


def plain_text_input() -> dict[str, Any]:
    """Return the default input schema: one long text called `content`."""
    content = {"type": "string", "title": "Content", "format": "textarea"}
    return {"type": "object", "properties": {"content": content}, "required": ["content"]}


class AutomationQuerySet(models.QuerySet["Automation"]):
    def running_allowed(self) -> AutomationQuerySet:
        return self.filter(paused_at=None).exclude(stage=Automation.Stage.RETIRED)


class Automation(models.Model):
    """One thing the team automates: source -> validate -> model -> validate -> destination.

    The slug never changes once set: it is the `automation_name` of every run.
    """

    class Stage(models.TextChoices):
        IDEA = "idea", "Idea"
        PROTOTYPE = "prototype", "Prototype"
        PRODUCTION = "production", "Production"
        RETIRED = "retired", "Retired"

    name = models.CharField(max_length=120)
    slug = models.CharField(
        max_length=255,
        unique=True,
        validators=[RegexValidator(r"^[a-z][a-z0-9_-]{1,79}$", "Use a-z, 0-9, _ and - (2-80).")],
        help_text="Short name in URLs and tables, like content_repurposer. It never changes.",
    )
    summary = models.CharField(max_length=300, blank=True)
    stage = models.CharField(max_length=16, choices=Stage, default=Stage.IDEA)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="automations_owned",
    )
    deputy = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="automations_deputised",
        help_text="Who can step in when the owner is away.",
    )
    live_version = models.ForeignKey(
        "automations.Version",
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="live_for",
    )
    input_schema = StrictJSONField(
        default=plain_text_input,
        help_text="JSON Schema of the input; each property becomes a field of the Run now form "
        "and a name that prompts may use as {{ name }}.",
    )
    approval_required = models.BooleanField(
        "approve before delivery",
        default=True,
        help_text="A person approves every output before it leaves.",
    )
    concurrency = models.PositiveSmallIntegerField(
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="How many of its runs may be in flight at once.",
    )
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_sample = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AutomationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        permissions = [("pause_automation", "Can pause and resume automations")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("automation", args=[self.slug])

    def clean(self) -> None:
        problems = check_input_schema(self.input_schema)
        if problems:
            raise ValidationError({"input_schema": problems})

    @property
    def input_names(self) -> list[str]:
        return list(self.input_schema.get("properties", {}))

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    @property
    def takes_plain_text(self) -> bool:
        return self.input_names == ["content"]

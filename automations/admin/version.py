"""Versions in the admin: drafts are edited, published ones are read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString

from automations import validators
from automations.admin.base import JSON_FIELDS, AuditedAdmin
from automations.models import ValidatorRule, Version
from automations.recipes import previewed
from automations.templatetags.ui import pill


def is_draft(version: Version | None) -> bool:
    """Tell whether a version, if there is one, may still change."""
    return version is None or not version.is_published


@admin.register(Version)
class VersionAdmin(AuditedAdmin):
    """A version's recipe; new ones come from the button “New draft”."""

    change_form_template = "automations/admin_version.html"
    list_display = ["__str__", "state", "note", "provider", "model", "created_at", "created_by"]
    list_filter = ["automation"]
    list_select_related = ["automation", "provider", "created_by"]
    sortable_by = ()
    actions = None
    formfield_overrides = {
        **JSON_FIELDS,
        models.TextField: {"widget": forms.Textarea(attrs={"rows": 8})},
    }
    fieldsets = [
        (
            "Prompts",
            {
                "classes": ["tab"],
                "fields": ["note", "system_prompt", "user_prompt", "examples"],
            },
        ),
        (
            "Model",
            {
                "classes": ["tab"],
                "fields": [
                    "provider", "model", "fallback_models", "temperature", "max_output_tokens",
                    "parameters",
                ],
            },
        ),
        ("Output", {"classes": ["tab"], "fields": ["output_schema", "output_template"]}),
        (
            "Limits",
            {
                "classes": ["tab"],
                "fields": ["max_attempts", "max_repairs", "call_timeout_s", "deadline_s"],
            },
        ),
    ]  # fmt: skip

    @admin.display(description="state")
    def state(self, version: Version) -> SafeString:
        """Show live, published or draft."""
        return pill(state_of(version))

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Version]:
        """Newest first."""
        found: models.QuerySet[Version] = super().get_queryset(request)
        return found.order_by("-pk")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody here: a draft is made from its automation or from another version."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Published versions never change."""
        return is_draft(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: numbers are never used twice."""
        return False

    def response_post_save_change(self, request: HttpRequest, obj: Version) -> Any:
        """Go on to the automation's page, where the draft is published."""
        return redirect(obj.automation)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the recipe and what the model would be asked; its own page has the buttons."""
        more = page_context(self.get_object(request, object_id), request)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})


def state_of(version: Version) -> str:
    """Return live, published or draft."""
    if version.is_live:
        return "live"
    return "published" if version.is_published else "draft"


def page_context(version: Version | None, request: HttpRequest) -> dict[str, Any]:
    """Return what the page of a version shows besides its form."""
    if version is None:
        return {}
    return {
        "state": state_of(version),
        "preview": previewed(version),
        "checks": [checked_by(rule) for rule in version.validator_rules.all()],
        "may_check": request.user.has_perm("automations.change_validatorrule"),
        "names": version.automation.input_names,
    }


def checked_by(rule: ValidatorRule) -> tuple[str, str, str]:
    """Return a check's direction, label and settings in words."""
    kind = validators.registry.get(rule.kind)
    return rule.get_direction_display(), kind.label, kind.summary(rule.settings)

"""Automations in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.safestring import SafeString

from automations import services
from automations.admin.base import AuditedAdmin
from automations.models import Automation
from automations.templatetags.ui import pill


@admin.register(Automation)
class AutomationAdmin(AuditedAdmin):
    """What an automation is; its connections and versions have pages of their own."""

    change_form_template = "automations/admin_automation.html"
    list_display = ["name", "stage_pill", "live", "owner", "approval_required", "updated_at"]
    list_filter = ["stage", "approval_required"]
    list_select_related = ["owner", "live_version"]
    search_fields = ["name", "slug"]
    actions = None
    fieldsets = [
        (None, {"fields": ["name", "slug", "summary", "owner", "deputy"]}),
        ("Input", {"fields": ["input_schema"]}),
        ("Rules", {"fields": ["approval_required", "concurrency"]}),
    ]

    @admin.display(description="stage", ordering="stage")
    def stage_pill(self, automation: Automation) -> SafeString:
        """Show the stage, or that it is paused."""
        return pill("paused" if automation.is_paused else automation.stage)

    @admin.display(description="live version")
    def live(self, automation: Automation) -> str:
        """Show the live version's number."""
        version = automation.live_version
        return f"v{version.number}" if version else self.get_empty_value_display()

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Automation]:
        """Leave the big columns of the live version out of lists."""
        found: models.QuerySet[Automation] = super().get_queryset(request)
        return found.defer("live_version__system_prompt", "live_version__user_prompt")

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        """Suggest a new automation's slug from its name."""
        return {} if obj else {"slug": ["name"]}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Keep the slug once it is set: it is the name in every run."""
        return ["slug"] if obj else []

    def save_model(self, request: HttpRequest, obj: Automation, form: Any, change: Any) -> None:
        """Make a new automation with its first draft, or keep the changes."""
        if change:
            super().save_model(request, obj, form, change)
        else:
            services.create_automation(obj, by=request.user)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        """Go on to the automation's page, where the first draft waits."""
        messages.success(request, f"{obj} is made. Now fill in its first draft.")
        return redirect(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: an automation is retired, its runs stay."""
        return False

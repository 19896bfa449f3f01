"""What the engine and the audit trail wrote, in the admin: to be read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from automations.admin.base import HistoryAdmin
from automations.models import AuditEvent, Batch, Delivery, Run, Worker
from automations.templatetags.ui import ago, cost, duration_ms, pill


@admin.register(Run)
class RunAdmin(HistoryAdmin):
    """All runs; each opens on its own page."""

    list_display = [
        "number", "name", "status_pill", "recipe", "origin", "submitted", "took", "price",
        "error_category",
    ]  # fmt: skip
    list_display_links = None
    list_filter = ["status", "automation", "error_category", "origin"]
    list_select_related = ["automation", "version"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Run]:
        """Leave out the big columns."""
        more = ("automation__input_schema", "version__system_prompt", "version__user_prompt")
        return Run.objects.light().defer(*more).order_by("-pk")

    def change_view(self, request: HttpRequest, object_id: str, *_: Any, **__: Any) -> HttpResponse:
        """Go to the run's own page."""
        return redirect("run", pk=int(object_id) if object_id.isdecimal() else 0)

    @admin.display(description="run")
    def number(self, run: Run) -> SafeString:
        """Link to the run's page."""
        return format_html('<a href="{}">{}</a>', reverse("run", args=[run.pk]), run.pk)

    @admin.display(description="automation")
    def name(self, run: Run) -> str:
        """Name the automation."""
        return run.automation.name

    @admin.display(description="status")
    def status_pill(self, run: Run) -> SafeString:
        """Show the status."""
        return pill(run.status)

    @admin.display(description="version")
    def recipe(self, run: Run) -> str:
        """Show the version's number."""
        return f"v{run.version.number}" if run.version else self.get_empty_value_display()

    @admin.display(description="submitted")
    def submitted(self, run: Run) -> SafeString:
        """Say when it was submitted."""
        return ago(run.queued_at)

    @admin.display(description="took")
    def took(self, run: Run) -> str:
        """Say how long a worker held it."""
        return duration_ms(run.execution_time_ms)

    @admin.display(description="cost")
    def price(self, run: Run) -> str:
        """Say what it cost."""
        return cost(run.cost_usd)


@admin.register(Batch)
class BatchAdmin(HistoryAdmin):
    """All batches; each opens on its own page."""

    list_display = ["title", "automation", "total", "created_at", "created_by", "cancelled_at"]
    list_display_links = None
    list_filter = ["automation"]
    list_select_related = ["automation", "created_by"]

    def change_view(self, request: HttpRequest, object_id: str, *_: Any, **__: Any) -> HttpResponse:
        """Go to the batch's own page."""
        return redirect("batch", pk=int(object_id) if object_id.isdecimal() else 0)

    @admin.display(description="batch")
    def title(self, batch: Batch) -> SafeString:
        """Link to the batch's page."""
        return format_html('<a href="{}">{}</a>', reverse("batch", args=[batch.pk]), batch.name)


@admin.register(Delivery)
class DeliveryAdmin(HistoryAdmin):
    """The ledger of deliveries."""

    list_display = ["run_link", "destination", "state_pill", "tries", "reference", "delivered_at"]
    list_display_links = None
    list_filter = ["state"]
    list_select_related = ["destination"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Delivery]:
        """Newest first."""
        return Delivery.objects.order_by("-pk")

    @admin.display(description="run")
    def run_link(self, delivery: Delivery) -> SafeString:
        """Link to the run's page."""
        address = reverse("run", args=[delivery.run_id])
        return format_html('<a href="{}">Run {}</a>', address, delivery.run_id)

    @admin.display(description="state")
    def state_pill(self, delivery: Delivery) -> SafeString:
        """Show the state."""
        return pill(delivery.state)


@admin.register(AuditEvent)
class AuditEventAdmin(HistoryAdmin):
    """Who did what, when."""

    list_display = [
        "at", "by_name", "action", "object_name", "object_type", "after", "address", "token",
    ]  # fmt: skip
    list_filter = ["object_type"]


@admin.register(Worker)
class WorkerAdmin(HistoryAdmin):
    """The workers' signs of life."""

    list_display = ["name", "state", "started_at", "seen_at"]

    @admin.display(description="state")
    def state(self, worker: Worker) -> SafeString:
        """Say whether it is alive."""
        alive = worker.seen_at > timezone.now() - Worker.ALIVE_FOR
        return pill("live" if alive else "retired", "Alive" if alive else "Gone")
